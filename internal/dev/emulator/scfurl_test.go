package emulator

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/rule"
	"sotercall/internal/dev/rule/ruletest"
)

// scfURLCases ask the URL of a function on SCF.
func scfURLCases() map[*rule.Rule]ruletest.Case {
	key := TC3Key{"AKIDexample", "a secret"}
	ask := func(key TC3Key, want int, body string, sign func(r *http.Request, body string)) func(t *testing.T) {
		return func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/openapi/soter/verifySignature", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			if sign != nil {
				sign(r, body)
			}
			w := httptest.NewRecorder()
			SCFFunctionURL(answering(restReply), key).ServeHTTP(w, r)
			assert.Equal(t, want, w.Code, w.Body)
		}
	}
	signedWith := func(key TC3Key) func(r *http.Request, body string) {
		return func(r *http.Request, body string) { key.signRequest(r, body, time.Now()) }
	}
	reply := func(want int, payload string) func(t *testing.T) {
		return func(t *testing.T) {
			w := httptest.NewRecorder()
			SCFFunctionURL(answering(payload), TC3Key{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			assert.Equal(t, want, w.Code, w.Body)
		}
	}
	open := TC3Key{}
	return map[*rule.Rule]ruletest.Case{
		scfURLCAM:       {Breaks: ask(key, 401, "{}", signedWith(TC3Key{"AKIDexample", "another"})), Keeps: ask(key, 200, "{}", signedWith(key))},
		scfURLEvent:     {Breaks: ask(open, 406, strings.Repeat("x", 6<<20), nil), Keeps: ask(open, 200, strings.Repeat("x", 5<<20), nil)},
		scfURLBinary:    {Breaks: ask(open, 400, "\xff", nil), Keeps: ask(open, 200, "ÿ", nil)},
		scfURLReplyForm: {Breaks: reply(403, `{"statusCode":200,"headers":{"a":["b","c"]},"body":"ok"}`), Keeps: reply(200, `{"statusCode":200,"headers":{"a":"b,c"},"body":"ok"}`)},
		scfURLNotJSON:   {Breaks: reply(403, `ok`), Keeps: reply(200, `"ok"`)},
	}
}

// The event of the page, 583/96099, which lists all of its members.
func TestSCFFunctionURLSendsTheEventOfItsPage(t *testing.T) {
	var event string
	echo := runtimeFunc(func(_ context.Context, call Call) (Response, error) {
		event = string(call.Payload)
		return Response{Payload: []byte(`{"statusCode":201,"headers":{"Content-Type":"application/json","My-Custom-Header":"Custom Value"},"body":"{ \"message\": \"Hello, world!\" }"}`)}, nil
	})
	r := httptest.NewRequest(http.MethodPost, "http://1250000000-url.ap-guangzhou.tencentscf.com/?a=1&b=2&c=3&c=4", strings.NewReader(`{"test":"hello world"}`))
	r.RemoteAddr = "111.206.96.145:4711"
	for name, value := range map[string]string{"Accept": "*/*", "Accept-Encoding": "gzip, deflate, br", "Cache-Control": "no-cache", "Connection": "keep-alive"} {
		r.Header.Set(name, value)
	}
	r.Header.Set("X-Scf-Remote-Addr", "1.2.3.4") // a client cannot say where it comes from
	w := httptest.NewRecorder()
	SCFFunctionURL(echo, TC3Key{}).ServeHTTP(w, r)
	assert.JSONEq(t, `{"body":"{\"test\":\"hello world\"}",
		"headers":{"accept":"*/*","accept-encoding":"gzip, deflate, br","cache-control":"no-cache","connection":"keep-alive",
			"content-length":"22","host":"1250000000-url.ap-guangzhou.tencentscf.com","x-scf-remote-addr":"111.206.96.145"},
		"httpMethod":"POST","path":"/","queryString":{"a":"1","b":"2","c":["3","4"]}}`, event)
	assert.Equal(t, []any{201, `{ "message": "Hello, world!" }`, "Custom Value"}, []any{w.Code, w.Body.String(), w.Header().Get("My-Custom-Header")})
}

// What is not a response object is the body of a 200; what failed has the status code that SCF
// documents.
func TestSCFFunctionURLReadsAnswers(t *testing.T) {
	for payload, want := range map[string]string{
		`"Hello, world!"`:             `200 application/json "Hello, world!"`,
		`{"message":"Hello, world!"}`: `200 application/json {"message":"Hello, world!"}`,
		`[1]`:                         `200 application/json [1]`,
		`{"statusCode":200,"headers":{"Content-Type":"text/plain"},"body":"aGVsbG8=","isBase64Encoded":true}`: `200 text/plain hello`,
		`{"statusCode":204,"headers":{"Content-Type":"text/plain"}}`:                                          `204 text/plain `,
		`{"statusCode":"200","headers":{},"body":""}`:                                                         `403 application/json `,
		`{"statusCode":200,"headers":{},"body":{}}`:                                                           `403 application/json `,
		`{"statusCode":200,"headers":{},"body":"","cookies":["a=b"]}`:                                         `403 application/json `,
		`{"statusCode":200,"headers":{},"body":"?","isBase64Encoded":true}`:                                   `403 application/json `,
	} {
		w := httptest.NewRecorder()
		SCFFunctionURL(answering(payload), TC3Key{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		got := fmt.Sprintf("%d %s %s", w.Code, w.Header().Get("Content-Type"), w.Body)
		assert.True(t, strings.HasPrefix(got, want), "%s: %s", payload, got)
	}
	failed := runtimeFunc(func(_ context.Context, call Call) (Response, error) {
		return scfTimeout(call.RequestID, time.Second), nil
	})
	w := httptest.NewRecorder()
	SCFFunctionURL(failed, TC3Key{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	assert.Equal(t, scfTimedOut, w.Code)
	assert.Contains(t, w.Body.String(), "timed out after 1 seconds")
}

// A refusal has the status, and says whose request it was.
func TestSCFFunctionURLNamesTheRequestThatItRefuses(t *testing.T) {
	w := httptest.NewRecorder()
	SCFFunctionURL(answering("x"), TC3Key{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	var document scfError
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &document))
	assert.Equal(t, scfError{Code: -1, Message: "Invalid scf response format", RequestID: w.Header().Get("X-Scf-Request-Id"), Status: 403}, document)
}
