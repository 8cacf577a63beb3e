package interop

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// The credentials of the gateways, which open nothing else.
const (
	secretID  = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnPhESA"
	secretKey = "Gu5t9xGARNpq86cd98joQYCN3Cozk1qA"
)

const weChatPath = "/cgi-bin/soter/verify_signature"

// place is a sandbox in a certain state.
type place struct {
	config string        // of the function; "" is functions/verify/config.json
	fault  sandbox.Fault // without a kind: none
}

var (
	sound      = place{}
	forbidding = place{config: `{"permissions":{"openapi":[]}}`}
	late       = place{fault: sandbox.Fault{Path: weChatPath, Kind: sandbox.FaultDelay, DelayMS: 600_000}}
	down       = place{fault: sandbox.Fault{Path: weChatPath, Kind: sandbox.FaultStatus}}
	terse      = place{fault: sandbox.Fault{Path: weChatPath, Kind: sandbox.FaultBare}}
	mute       = place{fault: sandbox.Fault{Path: weChatPath, Kind: sandbox.FaultEmpty}}
)

func refusing(errcode int, errmsg string) place {
	return place{fault: sandbox.Fault{Path: weChatPath, Kind: sandbox.FaultErrCode, ErrCode: errcode, ErrMsg: errmsg}}
}

func (p place) open(t *testing.T) hosted.Sandbox {
	t.Helper()
	config := []byte(p.config)
	if p.config == "" {
		var err error
		config, err = os.ReadFile("../../functions/verify/config.json")
		require.NoError(t, err)
	}
	s := hosted.NewSandbox(t, sandbox.Options{CloudSecretID: secretID, CloudSecretKey: secretKey, FunctionConfig: config})
	s.URL = hosted.Serve(t, s.Sandbox) // the subject is what SDKs say; old ones trust no authority of ours
	if p.fault.Kind != "" {
		require.NoError(t, s.Inject(p.fault))
	}
	return s
}

// testCase is a question and what each SDK answers.
type testCase struct {
	name     string
	place    place
	question question
	// environment is added to the six variables that lead the SDK to a sandbox.
	environment map[string]string
	// newest is the answer of 4.0.2; older, of the others, is the same if empty.
	// "rid: …" stands for any rid.
	newest, older string
	// cloudCallOnly marks what cannot happen to a function that uses WeChat's HTTPS
	// API.
	cloudCallOnly bool
}

const verified = `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`

func cases(t *testing.T) []testCase {
	t.Helper()
	signed := hosted.Sample(t)
	genuine := func() question {
		return question{OpenID: &signed.OpenID, JSONString: &signed.JSONString, JSONSignature: &signed.JSONSignature}
	}
	with := func(change func(q *question)) question {
		q := genuine()
		change(&q)
		return q
	}
	text := func(s string) *string { return &s }
	inCloud := map[string]string{
		"TENCENTCLOUD_RUNENV": "SCF", "TENCENTCLOUD_REGION": "ap-shanghai", "SCF_NAMESPACE": "demo-env-1a2b3c",
		"TENCENTCLOUD_SESSIONTOKEN": "interop-session-token",
		"TCB_CONTEXT_KEYS":          "TCB_ENV,TCB_SEQID,TCB_TRACELOG,TCB_SOURCE,TCB_SESSIONTOKEN", "TCB_ENV": "demo-env-1a2b3c",
		"TCB_SEQID": "demo-sequence", "TCB_TRACELOG": "On:demo", "TCB_SOURCE": "wx_client", "TCB_SESSIONTOKEN": "interop-tcb-token",
		"WX_CONTEXT_KEYS": "WX_API_TOKEN,WX_OPENID", "WX_API_TOKEN": sandbox.DefaultTicket, "WX_OPENID": signed.OpenID,
	}

	const wrong = `{"isOk":false,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`
	all := []testCase{
		{name: "genuine", place: sound, question: genuine(), newest: verified},
		{name: "genuine, asked in the cloud", place: sound, question: genuine(), environment: inCloud, newest: verified},
		{name: "genuine, without errcode", place: terse, question: genuine(), newest: verified},
		{name: "tampered", place: sound, newest: wrong, question: with(func(q *question) {
			q.JSONString = text(strings.Replace(signed.JSONString, "demo", "dem0", 1))
		})},
		{name: "tampered, without errcode", place: terse, newest: wrong, question: with(func(q *question) {
			q.JSONString = text(signed.JSONString + " ")
		})},
		{name: "signature of nobody", place: sound, newest: wrong, question: with(func(q *question) {
			q.JSONSignature = text("c2lnbmF0dXJl")
		})},
		{name: "bad openid", place: sound, question: with(func(q *question) { q.OpenID = text("oNobody<&>\u2028") }),
			newest: `{"errCode":40003,"errMsg":"openapi.soter.verifySignature:fail invalid openid rid: …"}`},

		{name: "no permission", place: forbidding, question: genuine(), cloudCallOnly: true, newest: platform("-604101")},
		{name: "WeChat is late", place: late, question: genuine(), newest: platform("-604102")},
		{name: "WeChat is down", place: down, question: genuine(), newest: platform("-604103")},
	}
	for _, missing := range []struct {
		name, parameter string
		change          func(q *question)
	}{
		{"openid missing", "openid", func(q *question) { q.OpenID = nil }},
		{"jsonString missing", "jsonString", func(q *question) { q.JSONString = nil }},
		{"jsonSignature missing", "jsonSignature", func(q *question) { q.JSONSignature = nil }},
		{"openid empty", "openid", func(q *question) { q.OpenID = text("") }},
		{"jsonString empty", "jsonString", func(q *question) { q.JSONString = text("") }},
		{"jsonSignature empty", "jsonSignature", func(q *question) { q.JSONSignature = text("") }},
		{"all missing", "jsonString", func(q *question) { *q = question{} }},
	} {
		all = append(all, testCase{name: missing.name, place: sound, question: with(missing.change),
			newest: `{"errCode":-501007,"errMsg":"openapi.soter.verifySignature:fail -501007 invalid parameters. parameter.` + missing.parameter + ` is missing"}`,
			older:  `{"errCode":-501007,"errMsg":"soter.verifySignature:fail parameter.` + missing.parameter + ` is missing"}`,
		})
	}
	for code, errmsg := range map[string]string{
		"-1":    "system error",
		"40001": "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r rid: 6922d3c0-00000000-00000000",
		"45009": "reach max api daily quota limit rid: 6922d3c0-00000000-00000000",
		"48001": "api unauthorized hint: [abc] rid: 6922d3c0-00000000-00000000",
	} {
		all = append(all, testCase{name: "errcode " + code, place: refusing(number(t, code), errmsg), question: genuine(),
			newest: `{"errCode":` + code + `,"errMsg":"openapi.soter.verifySignature:fail ` + anyRID(errmsg) + `"}`})
	}
	for _, spoilt := range []struct{ name, variable, message string }{
		{"another secret id", "TENCENTCLOUD_SECRETID", "secret id error"},
		{"another secret key", "TENCENTCLOUD_SECRETKEY", "signature error"},
	} {
		all = append(all, testCase{name: spoilt.name, place: sound, question: genuine(), cloudCallOnly: true,
			environment: map[string]string{spoilt.variable: "interop-other"},
			newest:      `{"errCode":-501001,"errMsg":"openapi.soter.verifySignature:fail -501001 resource system error. ` + spoilt.message + `"}`,
			older:       `{"errCode":-501001,"errMsg":"soter.verifySignature:fail ` + spoilt.message + `"}`,
		})
	}
	return all
}

// platform is what the SDK throws when the platform refuses a call.
func platform(code string) string {
	return `{"errCode":` + code + `,"errMsg":"system error: error code: ` + code + `"}`
}
