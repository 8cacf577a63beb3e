package function_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"

	"sotercall/internal/adapter"
	"sotercall/internal/function"
	"sotercall/internal/openapi"
	"sotercall/internal/version"
)

// judge is a Verifier that answers what it is told and remembers the question.
type judge struct {
	verdict openapi.Verdict
	err     error
	asked   []openapi.Request
}

func (j *judge) Verify(_ context.Context, r openapi.Request) (openapi.Verdict, error) {
	j.asked = append(j.asked, r)
	return j.verdict, j.err
}

const (
	cloudCall = `{"openid":"oUser","jsonString":"{\"raw\":\"c\"}","jsonSignature":"c2ln"}`
	httpsCall = `{"openid":"oUser","json_string":"{\"raw\":\"c\"}","json_signature":"c2ln"}`
)

type tokens struct{ err error }

func (t tokens) Owner(_ context.Context, accessToken string) (string, error) {
	if accessToken == "GOOD" {
		return "wxAPP", t.err
	}
	return "", t.err
}

func open(*http.Request) (openapi.Caller, *openapi.Error) { return openapi.Backend(), nil }

func closed(status int) openapi.Gate {
	return func(*http.Request) (openapi.Caller, *openapi.Error) {
		return openapi.Caller{}, openapi.NewError(openapi.CodeNoPermission, "closed", nil).WithStatus(status)
	}
}

func TestHTTPDoors(t *testing.T) {
	const verified = `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`
	for _, c := range []struct {
		name, method, target, body string
		gate                       openapi.Gate
		tokens                     openapi.Tokens
		status                     int
		says                       string
	}{
		{"camelCase", "POST", "/openapi/soter/verifySignature", cloudCall, open, nil, 200, verified},
		{"camelCase at the root", "POST", "/", cloudCall, open, nil, 200, verified},
		{"camelCase behind another path", "POST", "/prod/v1/openapi/soter/verifySignature", cloudCall, open, nil, 404, `there is no such path`},
		{"camelCase behind the other form's", "POST", "/cgi-bin/openapi/soter/verifySignature", cloudCall, open, nil, 200, `{"errcode":40066,"errmsg":"invalid url"}`},
		{"another path of WeChat's", "GET", "/wxa/getwxacode", ``, open, nil, 200, `{"errcode":40066,"errmsg":"invalid url"}`},
		{"a third", "GET", "/sns/jscode2session?js_code=x", ``, closed(401), nil, 200, `{"errcode":40066,"errmsg":"invalid url"}`},
		{"a path that only looks like WeChat's", "GET", "/cgi-binary/x", ``, open, nil, 404, `"errCode":-501007`},
		{"camelCase with two slashes before it", "POST", "//openapi/soter/verifySignature", cloudCall, open, nil, 404, `there is no such path`},
		{"camelCase in another spelling", "POST", "/%6Fpenapi/soter/verifySignature", cloudCall, open, nil, 404, `there is no such path`},
		{"camelCase with two slashes at the end", "POST", "/openapi/soter/verifySignature//", cloudCall, open, nil, 404, `there is no such path`},
		{"two slashes", "POST", "http://h//", cloudCall, open, nil, 404, `there is no such path`},
		{"camelCase with a slash at the end", "POST", "/openapi/soter/verifySignature/", cloudCall, open, nil, 200, verified},
		{"a bad question", "POST", "/", `{}`, open, nil, 400, `parameter.jsonString is missing`},
		{"no credentials", "POST", "/", cloudCall, closed(401), nil, 401, `"errCode":-604101`},
		{"a closed door", "POST", "/", cloudCall, closed(403), nil, 403, `"errCode":-604101`},
		{"GET", "GET", "/", ``, open, nil, 405, `use POST`},
		{"an unknown path", "POST", "/elsewhere", cloudCall, open, nil, 404, `there is no such path`},
		{"a body that is too long", "POST", "/", strings.Repeat("x", openapi.MaxBody+1), open, nil, 413, `longer than 65536 bytes`},

		{"snake_case", "POST", "/cgi-bin/soter/verify_signature?access_token=GOOD", httpsCall, closed(401), tokens{}, 200,
			`{"errcode":0,"errmsg":"ok","is_ok":true}`},
		{"snake_case with a slash at the end", "POST", "/cgi-bin/soter/verify_signature/?access_token=GOOD", httpsCall, closed(401), tokens{}, 200,
			`{"errcode":0,"errmsg":"ok","is_ok":true}`},
		{"snake_case as WeChat's documents write it", "POST", "http://h//cgi-bin/soter/verify_signature?access_token=GOOD", httpsCall, closed(401), tokens{}, 200,
			`{"errcode":0,"errmsg":"ok","is_ok":true}`},
		{"snake_case with both slashes", "POST", "http://h//cgi-bin/soter/verify_signature/?access_token=GOOD", httpsCall, closed(401), tokens{}, 200,
			`{"errcode":0,"errmsg":"ok","is_ok":true}`},
		{"snake_case with three slashes", "POST", "http://h///cgi-bin/soter/verify_signature?access_token=GOOD", httpsCall, open, tokens{}, 404,
			`there is no such path`},
		{"another path of WeChat's with two slashes", "GET", "http://h//wxa/getwxacode", ``, open, nil, 200, `{"errcode":40066,"errmsg":"invalid url"}`},
		{"snake_case behind another path", "POST", "/v1/cgi-bin/soter/verify_signature?access_token=GOOD", httpsCall, open, tokens{}, 404,
			`there is no such path`},
		{"without a token", "POST", "/cgi-bin/soter/verify_signature", httpsCall, open, tokens{}, 200,
			`{"errcode":41001,"errmsg":"access_token missing"}`},
		{"with another token", "POST", "/cgi-bin/soter/verify_signature?access_token=BAD", httpsCall, open, tokens{}, 200,
			`{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest"}`},
		{"where nobody holds tokens", "POST", "/cgi-bin/soter/verify_signature?access_token=GOOD", httpsCall, open, nil, 200,
			`{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest"}`},
		{"when tokens cannot be told", "POST", "/cgi-bin/soter/verify_signature?access_token=GOOD", httpsCall, open, tokens{errors.New("down")}, 200,
			`"errcode":-604103`},
		{"snake_case by GET", "GET", "/cgi-bin/soter/verify_signature?access_token=GOOD", ``, open, tokens{}, 200,
			`{"errcode":43002,"errmsg":"require POST method"}`},
		{"a bad snake_case question", "POST", "/cgi-bin/soter/verify_signature?access_token=GOOD", cloudCall, open, tokens{}, 200,
			`"errcode":-501007`},
		{"a snake_case body that is too long", "POST", "/cgi-bin/soter/verify_signature?access_token=GOOD", strings.Repeat("x", openapi.MaxBody+1), open, tokens{}, 200,
			`"errcode":-501007`},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := judge{verdict: openapi.Genuine()}
			h, _ := newHandler((&openapi.VerifySignature{Verifier: &j}).Calls(c.gate, c.tokens)...)
			w := httptest.NewRecorder()
			h.Serve(t.Context(), adapter.Invocation{}, w, httptest.NewRequest(c.method, c.target, strings.NewReader(c.body)))
			assert.Equal(t, c.status, w.Code)
			assert.Contains(t, w.Body.String(), c.says)
			assert.Equal(t, "application/json; charset=utf-8", w.Header().Get("Content-Type"))
			genuine := strings.Contains(w.Body.String(), `"isOk":true`) || strings.Contains(w.Body.String(), `"is_ok":true`)
			assert.Equal(t, genuine, len(j.asked) == 1, "asked exactly when it answers")
			assert.Equal(t, c.status == 401, w.Header().Get("WWW-Authenticate") == "Bearer")
			assert.Equal(t, c.status == 405, w.Header().Get("Allow") == "POST")
		})
	}
}

// A load balancer's health check comes as an event, and costs no call.
func TestHealthByEvent(t *testing.T) {
	const event = `{"requestContext":{"elb":{"targetGroupArn":"arn"}},"httpMethod":"GET","path":"/healthz","queryStringParameters":{},` +
		`"headers":{"user-agent":"ELB-HealthChecker/2.0"},"body":"","isBase64Encoded":false}`
	j := judge{verdict: openapi.Genuine()}
	h, log := newHandler((&openapi.VerifySignature{Verifier: &j}).Calls(closed(401), nil)...)
	answer, err := h.Invoke(t.Context(), adapter.Invocation{Platform: adapter.Lambda}, []byte(event))
	assert.NoError(t, err)
	assert.Contains(t, string(answer), `"statusCode":200`)
	assert.Contains(t, string(answer), `"body":"ok\nversion: `+version.String()+`\n"`)
	assert.Contains(t, log.String(), `"call":"health"`)
	assert.Empty(t, j.asked)

	unset := function.New("verify", func(map[string]string, *slog.Logger, *slog.LevelVar) (function.Function, error) {
		return function.Function{Calls: (&openapi.VerifySignature{Verifier: &j}).Calls(open, nil)}, errors.New("WECHAT_APPID is not set")
	}, io.Discard)
	answer, err = unset.Invoke(t.Context(), adapter.Invocation{Platform: adapter.Lambda}, []byte(event))
	assert.NoError(t, err)
	assert.Contains(t, string(answer), `"statusCode":503`)
	assert.Contains(t, string(answer), `"body":"WECHAT_APPID is not set\nversion: `)
}

func TestBrokenRequestInAnEventSaysWhy(t *testing.T) {
	h, _ := newHandler((&openapi.VerifySignature{Verifier: &judge{}}).Calls(open, nil)...)
	for event, says := range map[string]string{
		`{"requestContext":{"elb":{"targetGroupArn":"arn"}},"httpMethod":"POST","path":"/","headers":{},"body":"%","isBase64Encoded":true}`: "is broken: body is not base64, though isBase64Encoded says so",
		`{"requestContext":{"elb":{"targetGroupArn":"arn"}},"httpMethod":"POST","path":"/","headers":{"\u001b[2J":7},"body":""}`:            `is broken: headers: \"\\x1b[2J\" is neither a string`,
	} {
		answer, err := h.Invoke(t.Context(), adapter.Invocation{Platform: adapter.Lambda, Authorized: true}, []byte(event))
		assert.NoError(t, err)
		var wrapped struct {
			Status int    `json:"statusCode"`
			Body   string `json:"body"`
		}
		assert.NoError(t, json.Unmarshal(answer, &wrapped))
		assert.Equal(t, 400, wrapped.Status)
		assert.Contains(t, wrapped.Body, says)
	}
}

func TestBodyThatBreaksOff(t *testing.T) {
	h, _ := newHandler((&openapi.VerifySignature{Verifier: &judge{verdict: openapi.Genuine()}}).Calls(open, nil)...)
	w := httptest.NewRecorder()
	h.Serve(t.Context(), adapter.Invocation{}, w, httptest.NewRequest("POST", "/", brokenReader{}))
	assert.Equal(t, 400, w.Code)
	assert.Contains(t, w.Body.String(), "the body could not be read")
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }
