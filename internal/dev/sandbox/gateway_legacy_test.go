package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
	"sotercall/internal/wechat/cloudcall"
)

// legacyCall is a genuine question by the action wx.api; changes come as names
// and values in turn.
func legacyCall(t testing.TB, changes ...string) map[string]any {
	t.Helper()
	signed := demoSigned(t)
	call := map[string]any{
		"action": legacyAction, "apiName": cloudcall.API, "envName": "local", cloudcall.FieldAPIToken: DefaultTicket, "eventId": "1_1", "timestamp": 1763890112000,
		"requestData": jsonOf(t, map[string]any{
			"openid": signed.OpenID, "json_string": signed.JSONString, "json_signature": signed.JSONSignature}),
	}
	for i := 0; i+1 < len(changes); i += 2 {
		call[changes[i]] = changes[i+1]
	}
	return call
}

func (c *client) legacy(body string) (legacyReply, cloudcall.GatewayError) {
	c.t.Helper()
	status, contentType, text := c.send("POST", adminPath, body, "Content-Type", "application/json", "User-Agent", "tcb-admin-sdk/1.4.6")
	require.Equal(c.t, http.StatusOK, status)
	require.Equal(c.t, cloudcall.ErrorType, contentType)
	var fields map[string]any
	require.NoError(c.t, json.Unmarshal([]byte(text), &fields))
	var reply legacyReply
	var refusal cloudcall.GatewayError
	if _, refused := fields["code"]; refused {
		require.NoError(c.t, json.Unmarshal([]byte(text), &refusal, json.RejectUnknownMembers(true)))
	} else {
		require.NoError(c.t, json.Unmarshal([]byte(text), &reply, json.RejectUnknownMembers(true)))
		require.Regexp(c.t, `^sandbox-[0-9a-f]{16}$`, reply.RequestID)
	}
	return reply, refusal
}

func TestWxAPIAnswers(t *testing.T) {
	c := newClient(t, Options{})
	signed := demoSigned(t)
	ask := func(parameters map[string]any) string {
		reply, refusal := c.legacy(jsonOf(t, legacyCall(t, "requestData", jsonOf(t, parameters))))
		require.Zero(t, refusal)
		return reply.Data.ResponseData
	}
	camel := map[string]any{"openid": signed.OpenID, "jsonString": signed.JSONString, "jsonSignature": signed.JSONSignature}
	assert.Equal(t, genuineAnswer, ask(bodyOf(signed)))
	assert.Equal(t, genuineAnswer, ask(camel), "both spellings")
	assert.Equal(t, `{"errcode":0,"errmsg":"ok","is_ok":false}`, ask(with(camel, "jsonString", "{}")))
	assert.Regexp(t, `^{"errcode":40003,"errmsg":"invalid openid rid: `, ask(with(camel, "openid", "oNobody")))

	reply, _ := c.legacy(jsonOf(t, legacyCall(t, "apiName", "soter.other")))
	assert.Equal(t, `{"errcode":-604100,"errmsg":"system error: error code: -604100"}`, reply.Data.ResponseData)
	require.NoError(t, c.s.Inject(Fault{Kind: FaultErrCode, ErrCode: 45009, Path: adminPath, Times: 1}))
	assert.Regexp(t, `^{"errcode":45009,`, ask(camel))
	require.NoError(t, c.s.Inject(Fault{Kind: FaultStatus, Path: upstreamPath, Times: 1}))
	assert.Equal(t, `{"errcode":-604103,"errmsg":"system error: error code: -604103"}`, ask(camel))
}

func TestWxAPIRefuses(t *testing.T) {
	c := newClient(t, Options{})
	signed := demoSigned(t)
	camel := jsonOf(t, map[string]any{"openid": signed.OpenID, "jsonString": signed.JSONString, "jsonSignature": signed.JSONSignature})
	good := jsonOf(t, legacyCall(t))
	for name, tt := range map[string]struct{ body, code, message string }{
		"no JSON":               {"action=wx.api", "INVALID_COMMON_PARAM", "not one JSON object"},
		"null":                  {"null", "INVALID_COMMON_PARAM", "not one JSON object"},
		"a field twice":         {good[:len(good)-1] + `,"action":"wx.api"}`, "INVALID_COMMON_PARAM", "not one JSON object"},
		"a field in two cases":  {good[:len(good)-1] + `,"Action":"wx.api"}`, "INVALID_COMMON_PARAM", "duplicated"},
		"another action":        {jsonOf(t, legacyCall(t, "action", "database.query")), "INVALID_PARAM", "action is neither"},
		"no parameters":         {jsonOf(t, legacyCall(t, "requestData", "")), "INVALID_PARAM", "parameter.jsonString is missing"},
		"parameters as a word":  {jsonOf(t, legacyCall(t, "requestData", "openid")), "INVALID_PARAM", "requestData is not"},
		"parameters as a list":  {jsonOf(t, legacyCall(t, "requestData", "[]")), "INVALID_PARAM", "requestData is not"},
		"a parameter twice":     {jsonOf(t, legacyCall(t, "requestData", camel[:len(camel)-1]+`,"json_string":""}`)), "INVALID_PARAM", "parameter json_string is duplicated"},
		"protobuf in this form": {jsonOf(t, legacyCall(t, "action", cloudcall.Action)), "INVALID_PARAM", "requestData: not the protobuf message"},
	} {
		_, refusal := c.legacy(tt.body)
		assert.Equal(t, tt.code, refusal.Code, name)
		assert.Contains(t, refusal.Message, tt.message, name)
	}
	reply, _ := c.legacy(good)
	assert.Equal(t, genuineAnswer, reply.Data.ResponseData)
}

// signSHA1 signs a JSON body as tcb-admin-node 1.4.6 does (src/utils/auth.js).
func signSHA1(t testing.TB, call map[string]any, secretID, secretKey string, start, end int64) string {
	t.Helper()
	names := slices.Sorted(maps.Keys(call))
	var pairs, lower []string
	for _, name := range names {
		value, ok := call[name].(string)
		if !ok {
			value = jsonOf(t, call[name])
		}
		lower = append(lower, strings.ToLower(name))
		pairs = append(pairs, escape(strings.ToLower(name))+"="+escape(value))
	}
	span := fmt.Sprintf("%d;%d", start, end)
	g := gateway{credentials: cloudcall.Credentials{SecretKey: secret.New(secretKey)}}
	signature := g.sha1Signature(span, span, strings.Join(pairs, "&"), "user-agent=tcb-admin-sdk%2F1.4.6")
	return strings.Join([]string{
		"q-sign-algorithm=sha1", "q-ak=" + secretID, "q-sign-time=" + span, "q-key-time=" + span,
		"q-header-list=user-agent", "q-url-param-list=" + strings.Join(lower, ";"), "q-signature=" + fmt.Sprintf("%x", signature),
	}, "&")
}

// TestSHA1SignaturesAreChecked breaks one thing at a time; that the clients
// themselves are taken, scripts/interop shows.
func TestSHA1SignaturesAreChecked(t *testing.T) {
	now := newClock()
	c := newClient(t, Options{CloudSecretID: cloudID, CloudSecretKey: cloudKey, Now: now.Now})
	at := now.Now().Unix()
	signed := func(change func(call map[string]any)) string {
		call := legacyCall(t)
		call["authorization"] = signSHA1(t, call, cloudID, cloudKey, at-1, at+899)
		change(call)
		return jsonOf(t, call)
	}
	replace := func(old, by string) func(call map[string]any) {
		return func(call map[string]any) {
			before := call["authorization"].(string)
			call["authorization"] = strings.Replace(before, old, by, 1)
			require.NotEqual(t, before, call["authorization"])
		}
	}
	with := func(authorization func(call map[string]any) string) func(call map[string]any) {
		return func(call map[string]any) {
			delete(call, "authorization")
			call["authorization"] = authorization(call)
		}
	}
	for name, tt := range map[string]struct {
		change  func(call map[string]any)
		message string
	}{
		"another field":      {func(call map[string]any) { call["envName"] = "other" }, "signature error"},
		"a field is missing": {func(call map[string]any) { delete(call, "envName") }, "signature error"},
		"another algorithm":  {replace("=sha1", "=md5"), "signature error"},
		"another id":         {replace(cloudID, "other"), "secret id error"},
		"another time":       {replace(fmt.Sprintf("q-sign-time=%d", at-1), fmt.Sprintf("q-sign-time=%d", at-2)), "signature error"},
		"no signature":       {replace("q-signature=", "q-signature=z"), "signature error"},
		"no authorization":   {func(call map[string]any) { call["authorization"] = "" }, "signature error"},
		"another key": {with(func(call map[string]any) string {
			return signSHA1(t, call, cloudID, "other", at-1, at+899)
		}), "signature error"},
		"expired": {with(func(call map[string]any) string {
			return signSHA1(t, call, cloudID, cloudKey, at-900, at)
		}), "signature is expired"},
		"not yet": {with(func(call map[string]any) string {
			return signSHA1(t, call, cloudID, cloudKey, at+601, at+1501)
		}), "signature is expired"},
		"the API uncovered": {with(func(call map[string]any) string {
			fewer := maps.Clone(call)
			delete(fewer, "apiName")
			return signSHA1(t, fewer, cloudID, cloudKey, at-1, at+899)
		}), "signature error"},
	} {
		_, refusal := c.legacy(signed(tt.change))
		assert.Equal(t, "SIGN_PARAM_INVALID", refusal.Code, name)
		assert.Equal(t, tt.message, refusal.Message, name)
	}
	for name, change := range map[string]func(call map[string]any){
		"as signed":         func(map[string]any) {},
		"a moment before":   with(func(call map[string]any) string { return signSHA1(t, call, cloudID, cloudKey, at-899, at+1) }),
		"fields added then": func(call map[string]any) { call["sdk_version"], call["sessionToken"] = "1.4.6", "x" },
	} {
		reply, refusal := c.legacy(signed(change))
		assert.Zero(t, refusal, name)
		assert.Equal(t, genuineAnswer, reply.Data.ResponseData, name)
	}
	now.Advance(900 * time.Second)
	_, refusal := c.legacy(signed(func(map[string]any) {}))
	assert.Equal(t, "signature is expired", refusal.Message)
}

// FuzzWxAPI: nothing but a signed call that holds the genuine question is
// answered with is_ok true.
func FuzzWxAPI(f *testing.F) {
	s := newSandbox(f, Options{CloudSecretID: cloudID, CloudSecretKey: cloudKey})
	call := legacyCall(f)
	at := s.now().Unix()
	call["authorization"] = signSHA1(f, call, cloudID, cloudKey, at-1, at+899)
	good := jsonOf(f, call)
	for _, body := range []string{good, `{}`, `null`, `{"authorization":"q-sign-algorithm=sha1"}`, "\xff", strings.Replace(good, "openid", "openId", 1)} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest("POST", adminPath, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("User-Agent", "tcb-admin-sdk/1.4.6")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code)
		if !strings.Contains(w.Body.String(), `\"is_ok\":true`) {
			return
		}
		var sent map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &sent))
		require.Equal(t, call["requestData"], sent["requestData"])
		require.Equal(t, call["authorization"], sent["authorization"])
	})
}
