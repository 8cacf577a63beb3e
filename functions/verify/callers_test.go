package main

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/hosted"
)

const (
	own             = sandbox.DemoOpenID
	another         = "oAnother_00000000000000000001"
	clientSecret    = "a-client-secret-of-the-test"
	challengeKey    = "a-challenge-secret-of-this-test-1"
	clientAppID     = sandbox.DefaultAppID
	clientAppSecret = sandbox.DefaultAppSecret
	illegal         = -604104
	badParameter    = -501007
)

// fleet is every function with every call, on SCF.
type fleet struct {
	hosted.Sandbox
	on      map[string]emulator.Runtime // by call
	chain   openSourceSOTER
	counter int // of the AuthKey enrolled last; above that of the ASK
}

// newFleet starts the functions; http are variables of the HTTP doors of verify
// and challenge.
func newFleet(t *testing.T, http map[string]string) *fleet {
	t.Helper()
	f := &fleet{Sandbox: hosted.NewSandbox(t, sandbox.Options{}), on: map[string]emulator.Runtime{}, chain: newChain(t), counter: 4}
	start := func(call, function string, variables map[string]string) {
		f.on[call] = hosted.SCF(t, function, variables, hosted.Ample, new(hosted.Log))
	}
	start("verify", "verify", hosted.With(f.Variables(), http))
	start("token", "token", hosted.With(f.Variables(), map[string]string{"TOKEN_CLIENT_SECRETS": clientSecret}))
	start("challenge", "challenge", hosted.With(map[string]string{"CHALLENGE_SECRET": challengeKey}, http))
	start("enrol", "verify", map[string]string{"SOTER_VERIFIER": "local", "REDIS_URL": redistest.Start(t).URL.Reveal()})
	return f
}

// event asks call about openid, or about nobody when it is empty. What it asks
// is genuine: nothing but the caller stands in its way.
func (f *fleet) event(t *testing.T, call, openid string) []byte {
	t.Helper()
	event := map[string]string{}
	switch call {
	case "verify":
		phone, err := f.Phone(map[bool]string{true: own, false: openid}[openid == ""], sandbox.Android)
		require.NoError(t, err)
		signed, err := phone.Sign("challenge")
		require.NoError(t, err)
		event["jsonString"], event["jsonSignature"] = signed.JSONString, signed.JSONSignature
	case "enrol":
		f.counter++
		event = f.chain.enrolmentWith(t, f.counter)
		delete(event, "openid")
	}
	if openid != "" {
		event["openid"] = openid
	}
	return hosted.JSON(t, event)
}

// said is what matters of an answer of any call.
type said struct {
	IsOK      *bool  `json:"isOk"`
	Token     string `json:"accessToken"`
	Challenge string `json:"challenge"`
	ErrCode   int    `json:"errCode"`
	ErrMsg    string `json:"errMsg"`
}

func parseSaid(t *testing.T, answer string) (s said) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(answer), &s), answer)
	return s
}

// given reports whether the answer gives anything that only some may have.
func (s said) given(call string) bool {
	switch call {
	case "verify":
		return s.IsOK != nil && *s.IsOK
	case "token":
		return s.Token != ""
	case "challenge":
		return s.Challenge != ""
	}
	return s.ErrCode == 0
}

var sources = []string{
	"scf", "wx_trigger", "wx_http", "wx_client", "wx_devtools", "wx_localdebug", "web_client", "wx_paycallback", "wx_unknown", "wx_crawler",
	"", " wx_client", "scf,web_client", "web_client,scf", "dfkjhsgk",
	" scf", "wx_client, scf ", "scf,", "SCF", "scf wx_client", "xscf", "scf;wx_client", "wx_client\nscf",
}

// want is the rule, written down once more: the errCode for a caller of whom the
// platform says source and, if named, the own user.
func want(source string, named bool, call, asked string) int {
	hops := strings.Split(source, ",")
	last := strings.Trim(hops[len(hops)-1], " \t\n")
	developers := last == "scf" || last == "wx_trigger" || last == "wx_http"
	switch {
	case named && (call == "token" || call == "enrol" || asked == another):
		return illegal
	case named:
		return 0
	case !developers:
		return illegal
	case call == "token" && asked != "", call != "token" && asked == "":
		return badParameter // {} asks for a token, and a backend says of whom it speaks
	}
	return 0
}

func TestWhoMayCallWhatInACloudBaseEnvironment(t *testing.T) {
	f := newFleet(t, nil)
	given := 0
	for _, source := range sources {
		for _, named := range []bool{false, true} {
			environment := map[string]string{"TCB_ENV": "env-1", "TCB_SOURCE": source, "WX_OPENID": ""}
			if named {
				environment["WX_OPENID"] = own
			}
			for _, asked := range []string{"", own, another} {
				for _, call := range []string{"verify", "token", "challenge", "enrol"} {
					cell := fmt.Sprintf("%s from %q, named %t, about %q", call, source, named, asked)
					answer := hosted.InvokeForged(t, f.on[call], f.event(t, call, asked), environment)
					s := parseSaid(t, answer)
					code := want(source, named, call, asked)
					assert.Equal(t, code, s.ErrCode, "%s: %s", cell, answer)
					assert.Equal(t, code == 0, s.given(call), "%s: %s", cell, answer)
					if code == illegal && !named {
						assert.Contains(t, s.ErrMsg, fmt.Sprintf("TCB_SOURCE is %q", source), cell)
					}
					if code == 0 {
						given++
					}
				}
			}
		}
	}
	assert.Greater(t, given, 100, "most of them are answered")
}

// A user whose openid in this app is not told is nobody's to speak for.
func TestUserWithoutAnOpenIDOfThisApp(t *testing.T) {
	f := newFleet(t, nil)
	for name, others := range map[string]map[string]string{
		"of an app that shares the environment": {"WX_FROM_OPENID": own, "WX_FROM_APPID": "wxother"},
		"of both":                               {"WX_FROM_OPENID": another, "WX_OPENID": own},
		"of CloudBase":                          {"TCB_UUID": own},
	} {
		for _, source := range []string{"scf", "wx_client,scf", "wx_client", "web_client", ""} {
			for _, asked := range []string{"", own, another} {
				for call, runtime := range f.on {
					environment := hosted.With(others, map[string]string{"TCB_SOURCE": source})
					s := parseSaid(t, hosted.Invoke(t, runtime, f.event(t, call, asked), environment))
					assert.Equal(t, illegal, s.ErrCode, "%s from %q, a user %s", call, source, name)
					assert.False(t, s.given(call))
				}
			}
		}
	}
	for call, runtime := range f.on { // the twin
		asked := map[bool]string{true: "", false: own}[call == "token"]
		s := parseSaid(t, hosted.Invoke(t, runtime, f.event(t, call, asked), map[string]string{"TCB_SOURCE": "scf"}))
		assert.True(t, s.given(call), call)
	}
}

// Outside CloudBase the cloud has authorized a direct invocation; the variables of
// a function that runs there say nothing else.
func TestDirectInvocationOutsideCloudBase(t *testing.T) {
	f := newFleet(t, nil)
	for call, runtime := range f.on {
		asked := map[bool]string{true: "", false: another}[call == "token"]
		event := f.event(t, call, asked)
		s := parseSaid(t, hosted.Invoke(t, runtime, event, map[string]string{"MY_VARIABLE": "x"}))
		assert.True(t, s.given(call), call)
		// Any variable of CloudBase, without a source, and it is not so any more.
		for _, name := range []string{"TCB_ENV", "TCB_CONTEXT_CNFG", "WX_APPID"} {
			s = parseSaid(t, hosted.Invoke(t, runtime, f.event(t, call, asked), map[string]string{name: "x"}))
			assert.Equal(t, illegal, s.ErrCode, "%s with %s", call, name)
		}
	}
}

// invocations are what the platform may say of an invocation that has the shape of
// a request.
var invocations = map[string]map[string]string{
	"outside CloudBase":     nil,
	"a visitor of a page":   {"TCB_SOURCE": "web_client"},
	"an HTTP access":        {"TCB_ENV": "env-1"},
	"the user's page":       {"TCB_SOURCE": "wx_client", "WX_OPENID": own},
	"a function for a user": {"TCB_SOURCE": "wx_client,scf", "WX_OPENID": own},
	"a user of CloudBase":   {"TCB_SOURCE": "web_client", "TCB_UUID": "u"},
	"a function":            {"TCB_SOURCE": "scf"},
}

// wantHTTP is the rule for a request that its gate has let in: proof says whether
// the gate has seen a secret that only a backend has.
func wantHTTP(environment map[string]string, proof bool, call, asked string) int {
	user, developers := environment["WX_OPENID"], environment == nil || environment["TCB_SOURCE"] == "scf"
	switch {
	case environment["TCB_UUID"] != "" || user == "" && !developers && !proof:
		return illegal
	case user != "" && (call == "token" || asked != user):
		return illegal
	}
	return 0
}

func TestWhoMayCallWhatOverHTTP(t *testing.T) {
	bearerFleet := newFleet(t, map[string]string{"HTTP_BEARER_TOKENS": bearerToken})
	platformFleet := newFleet(t, map[string]string{"HTTP_AUTH": "platform"})
	held := hosted.StableToken(t, bearerFleet.URL, sandbox.DefaultAppID, sandbox.DefaultAppSecret)
	withBearer := map[string]string{"authorization": "Bearer " + bearerToken, "content-type": "application/json"}
	for name, environment := range invocations {
		for _, asked := range []string{own, another} {
			check := func(call string, proof bool, runtime emulator.Runtime, path string, query map[string]string, header map[string]string, body []byte) {
				t.Helper()
				event := map[string]any{"httpMethod": "POST", "path": path, "headers": header, "queryString": query, "body": string(body)}
				answer := hosted.Invoke(t, runtime, hosted.JSON(t, event), maps.Clone(environment))
				code := wantHTTP(environment, proof, call, asked)
				cell := fmt.Sprintf("%s at %s by %s about %s: %s", call, path, name, asked, answer)
				text := strings.NewReplacer(`\"`, `"`, "errcode", "errCode", "is_ok", "isOk", "access_token", "accessToken").Replace(answer)
				given := strings.Contains(text, `"isOk":true`) || strings.Contains(text, `"accessToken":`) || strings.Contains(text, `"challenge":`)
				assert.Equal(t, code == 0, given, cell)
				if code != 0 {
					assert.Contains(t, text, fmt.Sprintf(`"errCode":%d`, code), cell)
				}
			}
			f := bearerFleet
			question := f.event(t, "verify", asked)
			check("verify", true, f.on["verify"], "/", nil, withBearer, question)
			check("challenge", true, f.on["challenge"], "/", nil, withBearer, f.event(t, "challenge", asked))
			snake := []byte(strings.NewReplacer("jsonString", "json_string", "jsonSignature", "json_signature").Replace(string(question)))
			check("verify", true, f.on["verify"], "/cgi-bin/soter/verify_signature", map[string]string{"access_token": held}, map[string]string{}, snake)
			check("token", true, f.on["token"], "/cgi-bin/stable_token", nil, map[string]string{},
				hosted.JSON(t, map[string]string{"grant_type": "client_credential", "appid": sandbox.DefaultAppID, "secret": clientSecret}))

			f = platformFleet
			check("verify", false, f.on["verify"], "/", nil, withBearer, f.event(t, "verify", asked))
			check("challenge", false, f.on["challenge"], "/", nil, withBearer, f.event(t, "challenge", asked))
		}
	}
}

// The environment's timer renews the token, and gets none. Anybody else's event of that
// shape is refused before anything is fetched.
func TestTimerInACloudBaseEnvironment(t *testing.T) {
	f := newFleet(t, nil)
	timer := []byte(`{"Type":"Timer","TriggerName":"renew","Time":"2026-11-22T00:00:00Z","Message":""}`)
	for name, environment := range map[string]map[string]string{
		"a visitor":       {"TCB_SOURCE": "web_client", "TCB_UUID": "u"},
		"a visitor, bare": {"TCB_SOURCE": "web_client"},
		"nobody known":    {"TCB_ENV": "e"},
		"a page":          hosted.PageCaller(sandbox.DemoOpenID),
		"a page's timer":  {"TCB_SOURCE": "wx_trigger", "WX_OPENID": sandbox.DemoOpenID},
	} {
		for _, function := range []string{"token", "verify", "challenge"} {
			answer := hosted.Invoke(t, f.on[function], timer, environment)
			assert.Contains(t, answer, `"errCode":-604104`, "%s at %s", name, function)
			assert.NotContains(t, answer, "expiresIn", name)
		}
	}
	assert.Zero(t, f.Requests("/cgi-bin/stable_token"))
	answer := hosted.Invoke(t, f.on["token"], timer, map[string]string{"TCB_SOURCE": "wx_trigger"})
	assert.Contains(t, answer, `"errCode":0`)
	assert.NotContains(t, answer, "accessToken")
	assert.Equal(t, 1, f.Requests("/cgi-bin/stable_token"))
}
