package emulator

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/dev/rule"
	"sotercall/internal/dev/rule/ruletest"
)

const restReply = `{"statusCode":200,"body":"ok"}`

// httpCases ask the endpoints in front of Lambda.
func httpCases() map[*rule.Rule]ruletest.Case {
	ask := func(handler func(Runtime) http.Handler, want int, change func(r *http.Request)) func(t *testing.T) {
		return func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/openapi/soter/verifySignature", strings.NewReader("{}"))
			r.Header.Set("Content-Type", "application/json")
			change(r)
			w := httptest.NewRecorder()
			handler(answering(restReply)).ServeHTTP(w, r)
			assert.Equal(t, want, w.Code, w.Body)
		}
	}
	reply := func(handler func(Runtime) http.Handler, want int, payload string) func(t *testing.T) {
		return func(t *testing.T) {
			w := httptest.NewRecorder()
			handler(answering(payload)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			assert.Equal(t, want, w.Code, w.Body)
		}
	}
	slow := func(handler func(Runtime) http.Handler, want int, answers bool) func(t *testing.T) {
		return func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				function := runtimeFunc(func(ctx context.Context, _ Call) (Response, error) {
					if answers {
						return Response{Payload: []byte(restReply)}, nil
					}
					<-ctx.Done()
					return Response{}, context.Cause(ctx)
				})
				w := httptest.NewRecorder()
				handler(function).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
				assert.Equal(t, want, w.Code, w.Body)
			})
		}
	}
	head := func(size int, of func(r *http.Request) int) func(r *http.Request) {
		return func(r *http.Request) { r.Header.Set("X-Large", strings.Repeat("x", size-of(r))) }
	}
	body := func(size int) func(r *http.Request) {
		return func(r *http.Request) { r.Body = readCloser{strings.NewReader(strings.Repeat("x", size))} }
	}
	method := func(m string) func(r *http.Request) { return func(r *http.Request) { r.Method = m } }
	path := func(size int) func(r *http.Request) {
		return func(r *http.Request) {
			host := len("https://") + len(httpAPIDomain) + len("/prod")
			r.URL.Path = "/" + strings.Repeat("x", size-host-1)
		}
	}
	return map[*rule.Rule]ruletest.Case{
		httpAPIHead:      {Breaks: ask(HTTPAPI, 431, head(10_241, headSize)), Keeps: ask(HTTPAPI, 200, head(10_240, headSize))},
		httpAPIBody:      {Breaks: ask(HTTPAPI, 413, body(10<<20+1)), Keeps: ask(HTTPAPI, 200, body(5<<20))},
		httpAPIEvent6MB:  {Breaks: ask(HTTPAPI, 413, body(6<<20)), Keeps: ask(HTTPAPI, 200, body(5<<20))},
		httpAPITimeout:   {Breaks: slow(HTTPAPI, 503, false), Keeps: slow(HTTPAPI, 200, true)},
		httpAPIReplyForm: {Breaks: reply(HTTPAPI, 500, `{"statusCode":200,"body":{}}`), Keeps: reply(HTTPAPI, 200, `{"body":{}}`)},

		functionURLHead:      {Breaks: ask(FunctionURL, 431, head(1<<20+1, headSize)), Keeps: ask(FunctionURL, 200, head(1<<20, headSize))},
		functionURLEvent:     {Breaks: ask(FunctionURL, 413, body(6<<20)), Keeps: ask(FunctionURL, 200, body(5<<20))},
		functionURLMethod:    {Breaks: ask(FunctionURL, 405, method("PURGE")), Keeps: ask(FunctionURL, 200, method("PATCH"))},
		functionURLReplyForm: {Breaks: reply(FunctionURL, 502, `{"statusCode":200,"body":{}}`), Keeps: reply(FunctionURL, 200, `{"body":{}}`)},

		restHead:      {Breaks: ask(RESTAPI, 431, head(10_241, headerSize)), Keeps: ask(RESTAPI, 200, head(10_240, headerSize))},
		restBody:      {Breaks: ask(RESTAPI, 413, body(10<<20+1)), Keeps: ask(RESTAPI, 200, body(5<<20))},
		restEvent:     {Breaks: ask(RESTAPI, 413, body(6<<20)), Keeps: ask(RESTAPI, 200, body(5<<20))},
		restURL:       {Breaks: ask(RESTAPI, 414, path(10_241)), Keeps: ask(RESTAPI, 200, path(10_240))},
		restTimeout:   {Breaks: slow(RESTAPI, 504, false), Keeps: slow(RESTAPI, 200, true)},
		restReplyForm: {Breaks: reply(RESTAPI, 502, `{"isOk":true}`), Keeps: reply(RESTAPI, 200, restReply)},
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// Function URLs answer a string with its quotes: docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html shows 15 bytes
// for "Hello, world!". A REST API takes nothing but the form that it documents.
func TestEndpointsReadTheSameAnswerDifferently(t *testing.T) {
	for answer, want := range map[string][3]string{
		`"Hello, world!"`: {"200 Hello, world!", `200 "Hello, world!"`, `502 {"message":"Bad Gateway"}`},
		`{"a":1}`:         {`200 {"a":1}`, `200 {"a":1}`, `502 {"message":"Bad Gateway"}`},
		`{"statusCode":201,"headers":{"X-A":"b"},"body":"c"}`: {"201 c", "201 c", "201 c"},
		`{"statusCode":"201","body":"c"}`: {
			`500 {"message":"Internal Server Error"}`, `502 {"message":"Bad Gateway"}`, `502 {"message":"Bad Gateway"}`,
		},
		`{"statusCode":200,"cookies":["a=b"]}`: {"200 ", "200 ", `502 {"message":"Bad Gateway"}`},
	} {
		for i, handler := range []func(Runtime) http.Handler{HTTPAPI, FunctionURL, RESTAPI} {
			response, body := post(t, handler(answering(answer)), "/", nil, nil)
			assert.Equal(t, want[i], response.Status[:4]+body, "%s, endpoint %d", answer, i)
		}
	}
	failed := runtimeFunc(func(context.Context, Call) (Response, error) {
		return Response{Payload: []byte(restReply), FunctionError: functionErrorUnhandled}, nil
	})
	for i, handler := range []func(Runtime) http.Handler{HTTPAPI, FunctionURL, RESTAPI} {
		response, _ := post(t, handler(failed), "/", nil, nil)
		assert.Equal(t, []int{500, 502, 502}[i], response.StatusCode)
	}
}
