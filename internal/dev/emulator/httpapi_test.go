package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHTTPAPIRunsTheFunction(t *testing.T) {
	t.Parallel()
	api := HTTPAPI(startLambda(t, Function{}))
	response, body := post(t, api, "/openapi/soter/verifySignature", []byte(`{"n":1}`), map[string]string{"Content-Type": "application/json"})
	require.Equal(t, http.StatusOK, response.StatusCode, body)
	assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
	var echoed events.APIGatewayV2HTTPRequest
	require.NoError(t, json.Unmarshal([]byte(body), &echoed))
	assert.Equal(t, `{"n":1}`, echoed.Body)
	assert.Equal(t, response.Header.Get("Apigw-Requestid"), echoed.RequestContext.RequestID)
	assert.Len(t, echoed.RequestContext.RequestID, 16)
}

// docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html: the request line and the values of the headers
// have 10,240 bytes together.
func TestHTTPAPITakesTenKilobytesOfHeaders(t *testing.T) {
	api := HTTPAPI(runtimeFunc(func(context.Context, Call) (Response, error) { return Response{Payload: []byte(`{}`)}, nil }))
	for size, want := range map[int]int{maxHTTPAPIHead: http.StatusOK, maxHTTPAPIHead + 1: http.StatusRequestHeaderFieldsTooLarge} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("X-Large", strings.Repeat("x", size-headSize(r)))
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		assert.Equal(t, want, w.Code, size)
	}
}

func TestHTTPAPIAnswersByTheRulesOfPayload2(t *testing.T) {
	for name, test := range map[string]struct {
		answer      Response
		err         error
		status      int
		contentType string
		body        string
	}{
		"object without statusCode": {Response{Payload: []byte(`{ "a": 1 }`)}, nil, 200, "application/json", `{ "a": 1 }`},
		"string":                    {Response{Payload: []byte(`"Hello <b>"`)}, nil, 200, "application/json", `Hello <b>`},
		"null":                      {Response{Payload: []byte(`null`)}, nil, 200, "application/json", `null`},
		"statusCode":                {Response{Payload: []byte(`{"statusCode":201,"body":"made"}`)}, nil, 201, "text/plain;charset=UTF-8", "made"},
		"content type":              {Response{Payload: []byte(`{"statusCode":200,"headers":{"content-type":"text/html"},"body":"<p>"}`)}, nil, 200, "text/html", "<p>"},
		"base64":                    {Response{Payload: []byte(`{"statusCode":200,"body":"/wA=","isBase64Encoded":true}`)}, nil, 200, "text/plain;charset=UTF-8", "\xff\x00"},
		"own length":                {Response{Payload: []byte(`{"statusCode":200,"headers":{"Content-Length":7},"body":"a"}`)}, nil, 200, "text/plain;charset=UTF-8", "a"},

		"bad base64":      {Response{Payload: []byte(`{"statusCode":200,"body":"?","isBase64Encoded":true}`)}, nil, 500, "application/json", `{"message":"Internal Server Error"}`},
		"bad statusCode":  {Response{Payload: []byte(`{"statusCode":99}`)}, nil, 500, "application/json", `{"message":"Internal Server Error"}`},
		"null statusCode": {Response{Payload: []byte(`{"statusCode":null}`)}, nil, 500, "application/json", `{"message":"Internal Server Error"}`},
		"body no string":  {Response{Payload: []byte(`{"statusCode":200,"body":{}}`)}, nil, 500, "application/json", `{"message":"Internal Server Error"}`},
		"bad header":      {Response{Payload: []byte(`{"statusCode":200,"headers":{"a":[]}}`)}, nil, 500, "application/json", `{"message":"Internal Server Error"}`},
		"not JSON":        {Response{Payload: []byte(`<html>`)}, nil, 500, "application/json", `{"message":"Internal Server Error"}`},
		"nothing":         {Response{}, nil, 500, "application/json", `{"message":"Internal Server Error"}`},
		"function error":  {Response{Payload: []byte(`{"statusCode":200}`), FunctionError: "Unhandled"}, nil, 500, "application/json", `{"message":"Internal Server Error"}`},
		"not invoked":     {Response{}, errors.New("busy"), 503, "application/json", `{"message":"Service Unavailable"}`},
	} {
		t.Run(name, func(t *testing.T) {
			rt := runtimeFunc(func(context.Context, Call) (Response, error) { return test.answer, test.err })
			response, body := post(t, HTTPAPI(rt), "/", nil, nil)
			assert.Equal(t, test.status, response.StatusCode)
			assert.Equal(t, test.contentType, response.Header.Get("Content-Type"))
			assert.Equal(t, test.body, body)
		})
	}
}

func TestHTTPAPIAnswerHeadersAndCookies(t *testing.T) {
	rt := runtimeFunc(func(context.Context, Call) (Response, error) {
		return Response{Payload: []byte(`{"statusCode":204,"headers":{"x-text":"a","x-number":1.5,"x-boolean":true},"cookies":["a=1; Secure","b=2"]}`)}, nil
	})
	response, _ := post(t, HTTPAPI(rt), "/", nil, nil)
	assert.Equal(t, http.StatusNoContent, response.StatusCode)
	assert.Equal(t, "a", response.Header.Get("X-Text"))
	assert.Equal(t, "1.5", response.Header.Get("X-Number"))
	assert.Equal(t, "true", response.Header.Get("X-Boolean"))
	assert.Equal(t, []string{"a=1; Secure", "b=2"}, response.Header.Values("Set-Cookie"))
}

func TestHTTPAPIRefusesLargeBodies(t *testing.T) {
	called := false
	api := HTTPAPI(runtimeFunc(func(context.Context, Call) (Response, error) {
		called = true
		return Response{Payload: []byte("{}")}, nil
	}))
	text := map[string]string{"Content-Type": "text/plain"}
	for size, want := range map[int]int{
		5 << 20:            http.StatusOK,
		6 << 20:            http.StatusRequestEntityTooLarge, // with the rest of the event more than Lambda takes
		maxHTTPAPIBody + 1: http.StatusRequestEntityTooLarge,
	} {
		called = false
		response, body := post(t, api, "/", []byte(strings.Repeat("x", size)), text)
		assert.Equal(t, want, response.StatusCode, size)
		assert.Equal(t, want == http.StatusOK, called, size)
		if want != http.StatusOK {
			assert.Equal(t, `{"message":"Request Entity Too Large"}`, body)
		}
	}
}

func FuzzHTTPAPIReply(f *testing.F) {
	for _, answer := range []string{
		`{"statusCode":200,"headers":{"a":"b"},"cookies":["c=d"],"body":"e"}`, `{"a":1}`, `"text"`, `null`, `{`,
		`{"statusCode":200,"body":"/w==","isBase64Encoded":true}`,
	} {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		reply, err := parseHTTPAPIReply(answer, false)
		if err != nil {
			assert.Zero(t, reply, "a failed parse returns nothing")
			return
		}
		assert.True(t, json.Valid(answer) && utf8.Valid(answer))
		assert.GreaterOrEqual(t, reply.status, 200)
		assert.LessOrEqual(t, reply.status, 599)
		assert.NotNil(t, reply.header["Content-Type"], "never left to be guessed")
	})
}
