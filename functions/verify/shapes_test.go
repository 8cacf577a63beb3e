package main

import (
	"bytes"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/hosted"
)

// foreignShapes are events of senders that we do not serve, as these document
// them. None of them says what any of our calls wants to know.
var foreignShapes = map[string]string{
	"VPC Lattice, version 1":       `{"raw_path":"/x","method":"POST","headers":{},"query_string_parameters":{},"body":"{}","is_base64_encoded":false}`,
	"VPC Lattice, version 2":       `{"version":"2.0","path":"/x","method":"POST","headers":{},"requestContext":{"serviceNetworkArn":"arn:x"},"body":"{}"}`,
	"WebSocket, connecting":        `{"headers":{},"requestContext":{"connectionId":"c","eventType":"CONNECT"},"isBase64Encoded":false}`,
	"WebSocket, message":           `{"requestContext":{"connectionId":"c","eventType":"MESSAGE"},"body":"{}","isBase64Encoded":false}`,
	"AppSync":                      `{"arguments":{},"identity":null,"source":null,"request":{"headers":{}},"info":{"fieldName":"f"}}`,
	"Kong, all forwarded":          `{"request_method":"POST","request_uri":"/x","request_headers":{},"request_body":"{}","request_uri_args":{}}`,
	"Kong, only the body":          `{"request_body":"{}","request_body_args":{}}`,
	"SCF function URL, no headers": `{"httpMethod":"POST","path":"/x","body":"{}"}`,
	"headers alone":                `{"headers":{}}`,
	"a path alone":                 `{"path":"/"}`,
	"a method alone":               `{"method":"GET"}`,
	"an empty context":             `{"requestContext":{}}`,
	"a null context":               `{"requestContext":null}`,
	"Lambda authorizer, TOKEN":     `{"type":"TOKEN","authorizationToken":"t","methodArn":"arn:x"}`,
	"Lambda authorizer, REQUEST":   `{"type":"REQUEST","methodArn":"arn:x","httpMethod":"GET","path":"/","resource":"/","headers":{},"requestContext":{"stage":"x","identity":{}}}`,
	"Lambda authorizer, 2.0":       `{"version":"2.0","type":"REQUEST","routeArn":"arn:x","rawPath":"/","requestContext":{"http":{"method":"GET"}}}`,
	"SNS":                          `{"Records":[{"EventSource":"aws:sns","Sns":{"Message":"{}"}}]}`,
	"SQS":                          `{"Records":[{"eventSource":"aws:sqs","body":"{}"}]}`,
	"EventBridge":                  `{"version":"0","source":"my.app","detail-type":"Something","detail":{}}`,
	"Cognito":                      `{"triggerSource":"PreSignUp_SignUp","request":{},"response":{}}`,
}

// TestForeignShapesAreRefusedAtEveryFunction puts a whole question of each call
// beside the members of a foreign sender: only the shape stands in its way.
func TestForeignShapesAreRefusedAtEveryFunction(t *testing.T) {
	f := newFleet(t, nil)
	for name, shape := range foreignShapes {
		for call, runtime := range f.on {
			event := []byte(shape)
			if call != "token" {
				question := f.event(t, call, own)
				event = append(question[:len(question)-1], strings.TrimSuffix(","+shape[1:], ",}")...)
			}
			require.NoError(t, json.Unmarshal(event, new(any)), name)
			answer := hosted.Invoke(t, runtime, event, nil)
			s := parseSaid(t, answer)
			assert.Equal(t, badParameter, s.ErrCode, "%s at %s: %s", name, call, answer)
			assert.Contains(t, s.ErrMsg, "the event ", "%s at %s", name, call)
			assert.False(t, s.given(call), "%s at %s", name, call)
		}
	}
	for call, runtime := range f.on {
		asked := map[bool]string{true: "", false: own}[call == "token"]
		s := parseSaid(t, hosted.Invoke(t, runtime, f.event(t, call, asked), nil))
		assert.True(t, s.given(call), "the twin: %s", call)
	}
}

// What other services send is nobody's question: no function gives anything to it.
func TestEventsOfOtherServicesGetNothing(t *testing.T) {
	f := newFleet(t, nil)
	for _, file := range awsEvents(t) {
		for call, runtime := range f.on {
			answer := hosted.Invoke(t, runtime, readFile(t, file), nil)
			for _, given := range []string{"accessToken", "access_token\\\"", `"challenge"`, `isOk":true`, `isOk\":true`} {
				assert.NotContains(t, answer, given, "%s at %s", filepath.Base(file), call)
			}
			assert.NotContains(t, answer, `"errCode":0`, "%s at %s", filepath.Base(file), call)
		}
	}
}

func TestTokenIsGivenToItsOwnFormOnly(t *testing.T) {
	f := newFleet(t, nil)
	for _, event := range []string{``, ` `, `null`, `[]`, `""`, `1`, `{"x":1}`, `{"staleToken":7}`, `{"staletoken":"x"}`, `{"appId":"wx"}`,
		`{"call":"openapi.soter.verifySignature"}`, `{"openid":"o"}`, `{"userInfo":{"openId":"o"}}`, `{"userInfo":"x"}`, `{"tcbContext":{}}`,
		`{"Type":"Timer"}`, `{} {}`, `{`} {
		s := parseSaid(t, hosted.Invoke(t, f.on["token"], []byte(event), nil))
		assert.Equal(t, badParameter, s.ErrCode, "%q", event)
		assert.Empty(t, s.Token, "%q", event)
	}
	for _, event := range []string{`{}`, ` { } `, `{"staleToken":"x"}`, `{"staleToken":""}`} {
		assert.NotEmpty(t, parseSaid(t, hosted.Invoke(t, f.on["token"], []byte(event), nil)).Token, event)
	}
	// The event of WeChat's invokeCloudFunction, which a backend has sent.
	s := parseSaid(t, hosted.Invoke(t, f.on["token"], []byte(`{"userInfo":{"appId":"wx"}}`), map[string]string{"TCB_SOURCE": "wx_http"}))
	assert.NotEmpty(t, s.Token)
}

func TestPathsAreExact(t *testing.T) {
	const base = "/v1/soter"
	f := newFleet(t, map[string]string{"HTTP_BEARER_TOKENS": bearerToken})
	with := newBasedFleet(t, base)
	paths := map[string]string{"verify": "/openapi/soter/verifySignature", "challenge": "/openapi/soter/issueChallenge"}
	for call, path := range paths {
		event := f.event(t, call, own)
		for _, c := range []struct {
			on   *fleet
			path string
			want int
		}{
			{f, path, 200}, {f, path + "/", 200}, {f, "/", 200},
			{f, path + "//", 404}, {f, "/" + path, 404}, {f, "/x" + path, 404}, {f, base + path, 404}, {f, base, 404},
			{f, path + "/x", 404}, {f, path + ".json", 404}, {f, "/%6Fpenapi" + strings.TrimPrefix(path, "/openapi"), 404}, {f, strings.ToUpper(path), 404},
			{with, path, 200}, {with, base + path, 200}, {with, base + path + "/", 200}, {with, base, 200}, {with, base + "/", 200}, {with, "/", 200},
			{with, base + base + path, 404}, {with, base + "x" + path, 404}, {with, base + "/x" + path, 404}, {with, "/v1" + path, 404},
			{with, base + "/" + path, 404}, {with, "/V1/soter" + path, 404}, {with, base + "//", 404}, {with, "/v1%2Fsoter" + path, 404},
		} {
			status, answer := overHTTP(t, c.on, call, "POST", c.path, map[string]string{"authorization": "Bearer " + bearerToken}, event)
			assert.Equal(t, c.want, status, "%s %t: %s", c.path, c.on == with, answer)
		}
	}
	// A path of WeChat's that a function does not serve is answered in WeChat's
	// words, elsewhere in ours.
	for _, call := range []string{"verify", "challenge", "token"} {
		for _, path := range []string{"/cgi-bin/openapi/soter/verifySignature", "/cgi-bin/menu/get", "/wxa/x", "/sns/x"} {
			status, answer := overHTTP(t, f, call, "GET", path, nil, nil)
			assert.Equal(t, 200, status, call)
			assert.Equal(t, `{"errcode":40066,"errmsg":"invalid url"}`, answer, call)
		}
		status, answer := overHTTP(t, f, call, "GET", "/x/cgi-bin/menu/get", nil, nil)
		assert.Equal(t, 404, status, call)
		assert.Contains(t, answer, `"errCode":-501007`, call)
	}
	// Paths that answer 200 whatever they say.
	held := hosted.StableToken(t, f.URL, clientAppID, clientAppSecret)
	snake := []byte(strings.NewReplacer("jsonString", "json_string", "jsonSignature", "json_signature").Replace(string(f.event(t, "verify", own))))
	secretBody := hosted.JSON(t, map[string]string{"grant_type": "client_credential", "appid": clientAppID, "secret": clientSecret})
	for _, c := range []struct {
		on          *fleet
		call, path  string
		body        []byte
		given, want string
	}{
		{f, "verify", verifyPath, snake, `"is_ok":true`, "yes"}, {f, "verify", verifyPath + "/", snake, `"is_ok":true`, "yes"},
		{f, "verify", "/x" + verifyPath, snake, `"is_ok":true`, ""}, {f, "verify", "//" + verifyPath, snake, `"is_ok":true`, ""},
		{f, "verify", "/" + verifyPath, snake, `"is_ok":true`, "as WeChat's documents write it"},
		{f, "token", "/cgi-bin/stable_token", secretBody, `"access_token"`, "yes"}, {f, "token", "/cgi-bin/stable_token/", secretBody, `"access_token"`, "yes"},
		{f, "token", "/x/cgi-bin/stable_token", secretBody, `"access_token"`, ""}, {f, "token", "/", secretBody, `"access_token"`, ""},
		{with, "token", base + "/cgi-bin/stable_token", secretBody, `"access_token"`, "yes"},
		{with, "token", base + base + "/cgi-bin/stable_token", secretBody, `"access_token"`, ""},
	} {
		_, answer := overHTTP(t, c.on, c.call, "POST", c.path+"?access_token="+held, nil, c.body)
		assert.Equal(t, c.want != "", strings.Contains(answer, c.given), "%s at %s: %s", c.call, c.path, answer)
	}
}

// newBasedFleet is a fleet behind a base path.
func newBasedFleet(t *testing.T, base string) *fleet {
	t.Helper()
	f := newFleet(t, map[string]string{"HTTP_BEARER_TOKENS": bearerToken, "HTTP_BASE_PATH": base})
	f.on["token"] = hosted.SCF(t, "token",
		hosted.With(f.Variables(), map[string]string{"TOKEN_CLIENT_SECRETS": clientSecret, "HTTP_BASE_PATH": base}), hosted.Ample, new(hosted.Log))
	return f
}

// overHTTP sends a request to the URL of a function.
func overHTTP(t *testing.T, f *fleet, call, method, target string, header map[string]string, body []byte) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, "http://h"+target, bytes.NewReader(body))
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	hosted.URL(f.on[call]).ServeHTTP(w, r)
	return w.Code, w.Body.String()
}
