package sandbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/openapi"
	"sotercall/internal/wechat/cloudcall"
)

const (
	adminPath   = "/admin"
	cloudID     = "sandbox-secret-id"
	cloudKey    = "sandbox-secret-key"
	permittedBy = `{"permissions":{"openapi":["security.msgSecCheck","soter.verifySignature"]},"triggers":[]}`
)

// cloudCaller is the client of package cloudcall, whose bytes are those of
// wx-server-sdk 4.0.2.
func (c *client) cloudCaller(now func() time.Time, variables map[string]string) *cloudcall.Verifier {
	environment := map[string]string{
		"TCB_CONTEXT_CNFG":       `{"URL":"` + c.url + `/admin"}`,
		"TENCENTCLOUD_SECRETID":  cloudID,
		"TENCENTCLOUD_SECRETKEY": cloudKey,
		cloudcall.Ticket:         DefaultTicket,
	}
	for name, value := range variables {
		environment[name] = value
	}
	return cloudcall.New(func(context.Context) map[string]string { return environment }, now)
}

func demoQuestion(t testing.TB) openapi.Request { return questionOf(demoSigned(t)) }

func questionOf(s Signed) openapi.Request {
	return openapi.Request{OpenID: s.OpenID, JSONString: s.JSONString, JSONSignature: s.JSONSignature}
}

// outcome tells a Verdict or an error in one line.
func outcome(verdict openapi.Verdict, err error) (string, int) {
	var e *openapi.Error
	switch {
	case errors.As(err, &e):
		return e.Message, e.Code
	case err != nil:
		return err.Error(), 0
	case verdict.IsGenuine():
		return "genuine", 0
	default:
		return "wrong", 0
	}
}

func TestGatewayAnswersCloudCalls(t *testing.T) {
	c := newClient(t, Options{CloudSecretID: cloudID, CloudSecretKey: cloudKey, FunctionConfig: []byte(permittedBy)})
	verifier := c.cloudCaller(c.s.now, nil)
	genuine := demoQuestion(t)

	said, code := outcome(verifier.Verify(t.Context(), genuine))
	assert.Equal(t, "genuine", said)
	assert.Zero(t, code)
	said, _ = outcome(verifier.Verify(t.Context(), questionOf(c.sign(alice, IOS, "<a&b>\u2028"))))
	assert.Equal(t, "genuine", said)

	tampered := genuine
	tampered.JSONString += " "
	said, _ = outcome(verifier.Verify(t.Context(), tampered))
	assert.Equal(t, "wrong", said)

	stranger := genuine
	stranger.OpenID = "oNobody"
	said, code = outcome(verifier.Verify(t.Context(), stranger))
	assert.Equal(t, 40003, code)
	assert.Regexp(t, "^invalid openid"+ridForm, said)
	assert.Equal(t, 4, c.s.Requests(adminPath))
}

// TestGatewayMissesParametersInTheFunctionsWords keeps two texts equal that are
// written in two packages.
func TestGatewayMissesParametersInTheFunctionsWords(t *testing.T) {
	c := newClient(t, Options{})
	verifier := c.cloudCaller(c.s.now, nil)
	for name, spoil := range map[string]func(r *openapi.Request){
		"openid":        func(r *openapi.Request) { r.OpenID = "" },
		"jsonString":    func(r *openapi.Request) { r.JSONString = "" },
		"jsonSignature": func(r *openapi.Request) { r.JSONSignature = "" },
		"all":           func(r *openapi.Request) { *r = openapi.Request{} },
	} {
		t.Run(name, func(t *testing.T) {
			question := demoQuestion(t)
			spoil(&question)
			said, code := outcome(verifier.Verify(t.Context(), question))
			call := (&openapi.VerifySignature{Verifier: verifier}).Calls(nil, nil)[0]
			ours := call.Serve(openapi.NewEvent(openapi.WithCaller(t.Context(), openapi.Backend()), []byte(jsonOf(t, map[string]string{
				"openid": question.OpenID, "jsonString": question.JSONString, "jsonSignature": question.JSONSignature,
			}))))
			assert.Equal(t, -501007, code)
			assert.Regexp(t, `^-501007 invalid parameters\. parameter\.\w+ is missing$`, said)
			require.NotNil(t, ours.Err)
			assert.Equal(t, ours.Err.Message, said)
		})
	}
}

// CloudBase, docs.cloudbase.net/error-code/INVALID_PARAM: "missing wxCloudApiToken"
// says that a call has no ticket; only what a Mini Program starts has one.
// docs.cloudbase.net/error-code/basic: INVALID_WX_ACCESS_TOKEN, the Mini Program's
// access token is not valid.
func TestGatewayDemandsTheTicketOfTheInvocation(t *testing.T) {
	c := newClient(t, Options{})
	for name, tt := range map[string]struct {
		changes       []string
		code, message string
	}{
		"none":             {[]string{cloudcall.FieldAPIToken, ""}, "INVALID_PARAM", "missing wxCloudApiToken"},
		"a made-up ticket": {[]string{cloudcall.FieldAPIToken, "x"}, "INVALID_WX_ACCESS_TOKEN", "invalid wx openapi access_token"},
		"a made-up ticket, and a token": {[]string{cloudcall.FieldAPIToken, "x", cloudcall.FieldAccessToken, c.s.app.CloudbaseAccessToken()},
			"INVALID_WX_ACCESS_TOKEN", ""},
		"a wrong token": {[]string{cloudcall.FieldAPIToken, "", cloudcall.FieldAccessToken, "x"}, "INVALID_WX_ACCESS_TOKEN", ""},
	} {
		_, _, text := c.send("POST", adminPath, cloudForm(t, tt.changes...), "Content-Type", cloudFormType)
		var e cloudcall.GatewayError
		require.NoError(t, json.Unmarshal([]byte(text), &e), name)
		assert.Equal(t, tt.code, e.Code, name)
		assert.Contains(t, e.Message, tt.message, name)
	}
	token := c.s.app.CloudbaseAccessToken()
	assert.Equal(t, genuineReply, c.cloudCall(adminPath, cloudForm(t, cloudcall.FieldAPIToken, "", cloudcall.FieldAccessToken, token)), "the twin")
}

// docs.cloudbase.net/faq/knowledge/cloud-call-604101-permission-error: a Cloud Call whose API is not in permissions.openapi
// of the function's config.json is answered by -604101.
func TestGatewayAsksForPermission(t *testing.T) {
	for config, code := range map[string]int{
		permittedBy: 0,
		`{"permissions":{"openapi":["soter.verifySignature"]}}`:  0,
		`{"permissions":{"openapi":["soter.verifysignature"]}}`:  -604101,
		`{"permissions":{"openapi":["soter.verifySignature2"]}}`: -604101,
		`{"permissions":{"openapi":[]}}`:                         -604101,
		`{"permissions":{}}`:                                     -604101,
		`{}`:                                                     -604101,
	} {
		c := newClient(t, Options{FunctionConfig: []byte(config)})
		_, got := outcome(c.cloudCaller(c.s.now, nil).Verify(t.Context(), demoQuestion(t)))
		assert.Equal(t, code, got, config)
	}
	for _, config := range []string{``, `[]`, `{"permissions":[]}`, `{"permissions":{"openapi":"soter.verifySignature"}}`} {
		_, err := New(Options{FunctionConfig: []byte(config)})
		require.ErrorIs(t, err, ErrArgument, config)
		require.ErrorContains(t, err, "FunctionConfig")
	}
}

// docs.cloudbase.net/error-code/SIGN_PARAM_INVALID: no such secret id, expired, or no signature. How old a signature may
// be is in @cloudbase/signature-nodejs ([cloudcall.MaxAge]).
func TestGatewayChecksTheSignature(t *testing.T) {
	clock := newClock()
	c := newClient(t, Options{CloudSecretID: cloudID, CloudSecretKey: cloudKey, Now: clock.Now})
	late := func(d time.Duration) func() time.Time {
		return func() time.Time { return clock.Now().Add(-d) }
	}
	for name, tt := range map[string]struct {
		now       func() time.Time
		variables map[string]string
		said      string
	}{
		"good":                 {clock.Now, nil, "genuine"},
		"another key":          {clock.Now, map[string]string{"TENCENTCLOUD_SECRETKEY": cloudKey + "x"}, "-501001 resource system error. signature error"},
		"another id":           {clock.Now, map[string]string{"TENCENTCLOUD_SECRETID": cloudID + "x"}, "-501001 resource system error. secret id error"},
		"a clock that is slow": {late(599 * time.Second), nil, "genuine"},
		"too slow":             {late(600 * time.Second), nil, "-501001 resource system error. signature is expired"},
		"a clock that is fast": {late(-601 * time.Second), nil, "genuine"},
		"too fast":             {late(-602 * time.Second), nil, "-501001 resource system error. signature is expired"},
	} {
		t.Run(name, func(t *testing.T) {
			said, _ := outcome(c.cloudCaller(tt.now, tt.variables).Verify(t.Context(), demoQuestion(t)))
			said, _, _ = strings.Cut(said, " (") // behind it stands what to do
			assert.Equal(t, tt.said, said)
		})
	}
	_, _, text := c.send("POST", adminPath, cloudForm(t), "Content-Type", cloudFormType)
	assert.Contains(t, text, `"code":"SIGN_PARAM_INVALID","message":"signature error"`, "unsigned")

	for _, o := range []Options{{CloudSecretID: cloudID}, {CloudSecretKey: cloudKey}} {
		_, err := New(o)
		require.ErrorIs(t, err, ErrArgument)
	}
}

const cloudFormType = "multipart/form-data; boundary=x"

// cloudForm is a genuine question with changes to fields and parameters, which
// come as names and values in turn.
func cloudForm(t testing.TB, changes ...string) string {
	t.Helper()
	signed := demoSigned(t)
	values := map[string]string{
		cloudcall.FieldAction:      cloudcall.Action,
		cloudcall.FieldAPI:         cloudcall.API,
		cloudcall.FieldAPIToken:    DefaultTicket,
		cloudcall.KeyOpenID:        jsonOf(t, signed.OpenID),
		cloudcall.KeyJSONString:    jsonOf(t, signed.JSONString),
		cloudcall.KeyJSONSignature: jsonOf(t, signed.JSONSignature),
	}
	for i := 0; i+1 < len(changes); i += 2 {
		values[changes[i]] = changes[i+1]
	}
	pair := func(key string) cloudcall.Pair { return cloudcall.Pair{Key: key, Value: []byte(values[key])} }
	data := string(cloudcall.MarshalCall(
		pair(cloudcall.KeyOpenID), pair(cloudcall.KeyJSONString), pair(cloudcall.KeyJSONSignature)))
	if changed, ok := values[cloudcall.FieldRequestData]; ok {
		data = changed
	}
	return string(cloudcall.Form{
		{Name: cloudcall.FieldAction, Value: []byte(values[cloudcall.FieldAction])},
		{Name: cloudcall.FieldAPI, Value: []byte(values[cloudcall.FieldAPI])},
		{Name: cloudcall.FieldRequestData, Value: []byte(data), Binary: true},
		{Name: cloudcall.FieldAPIToken, Value: []byte(values[cloudcall.FieldAPIToken])},
		{Name: cloudcall.FieldAccessToken, Value: []byte(values[cloudcall.FieldAccessToken])},
	}.Encode("x"))
}

func TestGatewayRefusesCalls(t *testing.T) {
	c := newClient(t, Options{})
	signed := demoSigned(t)
	twice := cloudcall.Pair{Key: "openid", Value: []byte(jsonOf(t, signed.OpenID))}
	for name, tt := range map[string]struct{ contentType, body, code, message string }{
		"no form":             {"text/plain", "{}", "INVALID_COMMON_PARAM", "multipart/form-data"},
		"a form broken off":   {cloudFormType, strings.TrimSuffix(cloudForm(t), "--\r\n"), "INVALID_COMMON_PARAM", "form is broken"},
		"another action":      {cloudFormType, cloudForm(t, "action", "wx.wxPayApi"), "INVALID_PARAM", "action is neither wx.openApi nor wx.api"},
		"no action":           {cloudFormType, cloudForm(t, "action", ""), "INVALID_PARAM", "action is neither wx.openApi nor wx.api"},
		"no message":          {cloudFormType, cloudForm(t, "requestData", "<html>"), "INVALID_PARAM", "requestData: not the protobuf message"},
		"another kind of API": {cloudFormType, cloudForm(t, "requestData", "\x08\x02"), "INVALID_PARAM", "requestData: apiType"},
		"no parameters":       {cloudFormType, cloudForm(t, "requestData", ""), "INVALID_PARAM", "parameter.jsonString is missing"},
		"a parameter twice":   {cloudFormType, cloudForm(t, "requestData", string(cloudcall.MarshalCall(twice, twice))), "INVALID_PARAM", "is duplicated"},
		"a bare word":         {cloudFormType, cloudForm(t, "openid", signed.OpenID), "INVALID_PARAM", "not JSON text"},
		"null":                {cloudFormType, cloudForm(t, "openid", "null"), "INVALID_PARAM", "parameter.openid is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			status, contentType, text := c.send("POST", adminPath, tt.body, "Content-Type", tt.contentType)
			assert.Equal(t, http.StatusOK, status)
			assert.Equal(t, "application/json; charset=utf-8", contentType, "by which the SDK knows an error")
			var e cloudcall.GatewayError
			require.NoError(t, json.Unmarshal([]byte(text), &e, json.RejectUnknownMembers(true)))
			assert.Equal(t, tt.code, e.Code)
			assert.Contains(t, e.Message, tt.message)
			assert.Regexp(t, `^sandbox-[0-9a-f]{16}$`, e.RequestID)
		})
	}

	status, _, _ := c.send("GET", adminPath, "")
	assert.Equal(t, http.StatusMethodNotAllowed, status)
	assert.Equal(t, cloudcall.Response{ErrorCode: -604100}, c.cloudCall(adminPath, cloudForm(t, "apiName", "soter.verifySignature2")))
	assert.Equal(t, genuineReply, c.cloudCall(adminPath, cloudForm(t)))
	assert.Regexp(t, `^{"errcode":47001,"errmsg":"data format error, field \\"openid\\" doesn't expect a number value rid: `,
		string(c.cloudCall(adminPath, cloudForm(t, "openid", "1")).Data))
}

var genuineReply = cloudcall.Response{Data: []byte(genuineAnswer), ContentType: "application/json; encoding=utf-8"}

// cloudCall sends a form and reads a protobuf answer.
func (c *client) cloudCall(target, form string) cloudcall.Response {
	c.t.Helper()
	status, contentType, text := c.send("POST", target, form, "Content-Type", cloudFormType)
	require.Equal(c.t, http.StatusOK, status)
	require.Equal(c.t, "application/octet-stream", contentType, text)
	response, err := cloudcall.UnmarshalResponse([]byte(text))
	require.NoError(c.t, err)
	return response
}

// TestGatewayToleratesClients has what the SDK's versions send: parameters glued
// to a query, and bodies of known and of unknown length.
func TestGatewayToleratesClients(t *testing.T) {
	c := newClient(t, Options{})
	for _, target := range []string{
		"/admin", "/admin?env=demo&seqId=1_1", "/admin?&eventId=1_1&seqId=1_1", "/admin?via=proxyenv=demo&seqId=1_1", "/admin?%zz;",
	} {
		assert.Equal(t, genuineReply, c.cloudCall(target, cloudForm(t)), target)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", c.url+adminPath, io.MultiReader(strings.NewReader(cloudForm(t))))
	require.NoError(t, err)
	require.Zero(t, req.ContentLength, "unknown, hence chunked")
	req.Header.Set("Content-Type", cloudFormType)
	resp, err := c.http.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, string(genuineReply.Marshal()), string(text))
}

func TestGatewayFaultsOfWeChat(t *testing.T) {
	const page = "text/html; charset=utf-8"
	refused := func(code int32) cloudcall.Response { return cloudcall.Response{ErrorCode: code} }
	says := func(contentType, text string) cloudcall.Response {
		r := cloudcall.Response{ContentType: contentType}
		if text != "" {
			r.Data = []byte(text)
		}
		return r
	}
	busy := Fault{Kind: FaultErrCode, ErrCode: 45009, ErrMsg: "reach max api daily quota limit"}
	for name, tt := range map[string]struct {
		fault Fault
		path  string
		want  cloudcall.Response
	}{
		"errcode":                   {busy, upstreamPath, says(genuineReply.ContentType, `{"errcode":45009,"errmsg":"reach max api daily quota limit"}`)},
		"errcode at the gateway":    {busy, adminPath, says(genuineReply.ContentType, `{"errcode":45009,"errmsg":"reach max api daily quota limit"}`)},
		"bare":                      {Fault{Kind: FaultBare}, upstreamPath, says(genuineReply.ContentType, `{"is_ok":true}`)},
		"bare at the gateway":       {Fault{Kind: FaultBare}, adminPath, says(genuineReply.ContentType, `{"is_ok":true}`)},
		"body":                      {Fault{Kind: FaultBody, Body: "[]"}, upstreamPath, says(genuineReply.ContentType, `[]`)},
		"body at the gateway":       {Fault{Kind: FaultBody, Body: "[]"}, "", says(genuineReply.ContentType, `[]`)},
		"page":                      {Fault{Kind: FaultHTML}, upstreamPath, says(page, "<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Please sign in.</body></html>")},
		"empty":                     {Fault{Kind: FaultEmpty}, upstreamPath, says("", "")},
		"status":                    {Fault{Kind: FaultStatus, Status: 500}, upstreamPath, refused(-604103)},
		"redirect":                  {Fault{Kind: FaultRedirect}, upstreamPath, refused(-604103)},
		"reset":                     {Fault{Kind: FaultReset}, upstreamPath, refused(-604103)},
		"drop":                      {Fault{Kind: FaultDrop}, upstreamPath, refused(-604103)},
		"truncated":                 {Fault{Kind: FaultTruncated}, upstreamPath, refused(-604103)},
		"delay":                     {Fault{Kind: FaultDelay, DelayMS: 3001}, upstreamPath, refused(-604102)},
		"late errcode":              {Fault{Kind: FaultErrCode, ErrCode: 1, DelayMS: maxDelayMS}, adminPath, refused(-604102)},
		"delay that is waited for":  {Fault{Kind: FaultDelay, DelayMS: 1}, upstreamPath, genuineReply},
		"delay of the gateway":      {Fault{Kind: FaultDelay, DelayMS: 1}, adminPath, genuineReply},
		"tokens that are refused":   {Fault{Kind: FaultRevoke}, upstreamPath, genuineReply},
		"tokens that are renewed":   {Fault{Kind: FaultRotate}, adminPath, genuineReply},
		"fault of another endpoint": {Fault{Kind: FaultDrop}, tokenPath, genuineReply},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, Options{})
			tt.fault.Path, tt.fault.Times = tt.path, 1
			require.NoError(t, c.s.Inject(tt.fault))
			assert.Equal(t, tt.want, c.cloudCall(adminPath, cloudForm(t)))
			if tt.path != tokenPath {
				assert.Empty(t, c.s.Faults(), "used up")
			}
			assert.Equal(t, genuineReply, c.cloudCall(adminPath, cloudForm(t)))
		})
	}
}

// TestGatewayFaultsOfItsOwn strike the answer of the gateway.
func TestGatewayFaultsOfItsOwn(t *testing.T) {
	c := newClient(t, Options{})
	for kind, want := range map[FaultKind]int{FaultStatus: 502, FaultEmpty: 200, FaultHTML: 200, FaultRedirect: 302} {
		require.NoError(t, c.s.Inject(Fault{Kind: kind, Path: adminPath, Times: 1}))
		status, contentType, text := c.send("POST", adminPath, cloudForm(t), "Content-Type", cloudFormType)
		assert.Equal(t, want, status)
		assert.NotEqual(t, "application/octet-stream", contentType)
		assert.NotContains(t, text, "is_ok")
	}
	for _, kind := range []FaultKind{FaultReset, FaultDrop} {
		require.NoError(t, c.s.Inject(Fault{Kind: kind, Path: adminPath, Times: 1}))
		_, err := c.try("POST", adminPath, cloudForm(t), "Content-Type", cloudFormType)
		require.Error(t, err)
	}
	// A fault of every path strikes a call once, and not behind the gateway again.
	require.NoError(t, c.s.Inject(Fault{Kind: FaultDelay, DelayMS: 1}))
	require.NoError(t, c.s.Inject(Fault{Kind: FaultDrop}))
	assert.Equal(t, genuineReply, c.cloudCall(adminPath, cloudForm(t)))
}

func TestGatewayLogsNoSecret(t *testing.T) {
	var log bytes.Buffer
	s := newSandbox(t, Options{CloudSecretID: cloudID, CloudSecretKey: cloudKey, CloudTicket: "demo-api-token", Log: slog.New(slog.NewTextHandler(&log, nil))})
	c := serve(t, s)
	variables := map[string]string{"WX_API_TOKEN": "demo-api-token", "TENCENTCLOUD_SESSIONTOKEN": "demo-session"}
	question := demoQuestion(t)
	_, err := c.cloudCaller(s.now, variables).Verify(t.Context(), question)
	require.NoError(t, err)
	variables["TENCENTCLOUD_SECRETKEY"] = "demo-wrong-key"
	_, err = c.cloudCaller(s.now, variables).Verify(t.Context(), question)
	require.Error(t, err)

	assert.Contains(t, log.String(), "path=/admin is_ok=true")
	assert.Contains(t, log.String(), `path=/admin code=SIGN_PARAM_INVALID message="signature error"`)
	for _, hidden := range []string{"demo-", cloudID, cloudKey, question.JSONSignature} {
		assert.NotContains(t, log.String(), hidden)
	}
}
