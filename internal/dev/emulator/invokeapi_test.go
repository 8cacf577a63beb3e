package emulator

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const invokeVerify = "/2015-03-31/functions/verify/invocations"

// post sends a request to the handler over a real connection.
func post(t *testing.T, handler http.Handler, path string, body []byte, header map[string]string) (*http.Response, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, bytes.NewReader(body))
	require.NoError(t, err)
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(answer)
}

func TestInvokeAPIRunsTheFunction(t *testing.T) {
	t.Parallel()
	api := InvokeAPI(map[string]Runtime{"verify": startLambda(t, Function{Name: "verify"})})
	response, body := post(t, api, invokeVerify, event(t, "context", ""), map[string]string{
		"X-Amz-Client-Context": base64.StdEncoding.EncodeToString([]byte(`{"custom":{"k":"v"}}`)),
		"X-Amzn-Trace-Id":      "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c",
	})
	require.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "$LATEST", response.Header.Get("X-Amz-Executed-Version"))
	assert.Empty(t, response.Header.Get("X-Amz-Function-Error"))
	assert.NotContains(t, response.Header, "X-Amz-Log-Result")

	var got lambdaContext
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	assert.Equal(t, response.Header.Get("x-amzn-RequestId"), got.RequestID)
	assert.NotEmpty(t, got.RequestID)
	assert.Equal(t, map[string]string{"k": "v"}, got.Custom)
	assert.Equal(t, "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c", got.TraceID)

	response, body = post(t, api, invokeVerify, nil, nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "{}", body, "no payload is an empty object")
}

func TestInvokeAPIFunctionErrorHasStatus200(t *testing.T) {
	t.Parallel()
	api := InvokeAPI(map[string]Runtime{"verify": startLambda(t, Function{})})
	response, body := post(t, api, invokeVerify, event(t, "error", "no such user"), map[string]string{"X-Amz-Log-Type": "Tail"})
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "Unhandled", response.Header.Get("X-Amz-Function-Error"))
	assert.JSONEq(t, `{"errorMessage":"no such user","errorType":"errorString"}`, body)
	log, err := base64.StdEncoding.DecodeString(response.Header.Get("X-Amz-Log-Result"))
	require.NoError(t, err)
	assert.Contains(t, string(log), "no such user", "aws-lambda-go logs the error")
}

func TestInvokeAPINames(t *testing.T) {
	for identifier, want := range map[string][2]string{
		"verify":                       {"verify", ""},
		"verify:live":                  {"verify", "live"},
		"verify:$LATEST":               {"verify", "$LATEST"},
		"123456789012:function:verify": {"verify", ""},
		"arn:aws:lambda:us-east-1:123456789012:function:verify":        {"verify", ""},
		"arn:aws-cn:lambda:cn-north-1:123456789012:function:verify:17": {"verify", "17"},
	} {
		name, qualifier := functionName(identifier)
		assert.Equal(t, want, [2]string{name, qualifier}, identifier)
	}
	called := runtimeFunc(func(context.Context, Call) (Response, error) { return Response{Payload: []byte("1")}, nil })
	response, _ := post(t, InvokeAPI(map[string]Runtime{"verify": called}),
		"/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Averify%3A%24LATEST/invocations", nil, nil)
	assert.Equal(t, http.StatusOK, response.StatusCode)
}

func TestInvokeAPIInvocationTypes(t *testing.T) {
	calls := make(chan Call, 1)
	api := InvokeAPI(map[string]Runtime{"verify": runtimeFunc(func(ctx context.Context, call Call) (Response, error) {
		calls <- call
		return Response{Payload: []byte(`"done"`)}, ctx.Err()
	})})

	response, body := post(t, api, invokeVerify, []byte(`{"n":1}`), map[string]string{"X-Amz-Invocation-Type": "RequestResponse"})
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, `"done"`, body)
	<-calls

	response, body = post(t, api, invokeVerify, []byte(`{"n":2}`), map[string]string{"X-Amz-Invocation-Type": "Event"})
	assert.Equal(t, http.StatusAccepted, response.StatusCode)
	assert.Empty(t, body)
	assert.Equal(t, `{"n":2}`, string((<-calls).Payload))

	response, body = post(t, api, invokeVerify, []byte(`{"n":3}`), map[string]string{"X-Amz-Invocation-Type": "DryRun"})
	assert.Equal(t, http.StatusNoContent, response.StatusCode)
	assert.Empty(t, body)
	assert.Empty(t, calls, "a dry run runs nothing")
}

func TestInvokeAPIRefusals(t *testing.T) {
	t.Parallel()
	api := InvokeAPI(map[string]Runtime{
		"verify": runtimeFunc(func(context.Context, Call) (Response, error) { return Response{Payload: []byte("1")}, nil }),
		"closed": runtimeFunc(func(context.Context, Call) (Response, error) { return Response{}, ErrClosed }),
	})
	largest := []byte(`"` + strings.Repeat("x", maxSyncPayload-2) + `"`)
	for name, test := range map[string]struct {
		path   string
		body   []byte
		header map[string]string
		status int
		code   string
	}{
		"largest payload":   {body: largest, status: 200},
		"larger payload":    {body: append(largest, ' '), status: 413, code: "RequestTooLargeException"},
		"larger event":      {body: largest[:maxAsyncPayload+1], header: map[string]string{"X-Amz-Invocation-Type": "Event"}, status: 413, code: "RequestTooLargeException"},
		"duplicate names":   {body: []byte(`{"a":1,"a":2}`), status: 200},
		"not JSON":          {body: []byte(`{`), status: 400, code: "InvalidRequestContentException"},
		"unknown function":  {path: "/2015-03-31/functions/other/invocations", status: 404, code: "ResourceNotFoundException"},
		"unknown version":   {path: "/2015-03-31/functions/verify:17/invocations", status: 404, code: "ResourceNotFoundException"},
		"unknown alias":     {path: "/2015-03-31/functions/verify/invocations?Qualifier=live", status: 404, code: "ResourceNotFoundException"},
		"the one version":   {path: "/2015-03-31/functions/verify/invocations?Qualifier=$LATEST", status: 200},
		"streaming":         {path: "/2021-11-15/functions/verify/response-streaming-invocations", status: 400, code: "InvalidRequestContentException"},
		"another operation": {path: "/2015-03-31/functions/verify/versions", status: 404, code: "UnknownOperationException"},
		"unknown type":      {header: map[string]string{"X-Amz-Invocation-Type": "Later"}, status: 400, code: "InvalidParameterValueException"},
		"client context":    {header: map[string]string{"X-Amz-Client-Context": "e30="}, status: 200},
		"context no base64": {header: map[string]string{"X-Amz-Client-Context": "{}"}, status: 400, code: "InvalidRequestContentException"},
		"context no object": {header: map[string]string{"X-Amz-Client-Context": "MQ=="}, status: 400, code: "InvalidRequestContentException"},
		"closed runtime":    {path: "/2015-03-31/functions/closed/invocations", status: 500, code: "ServiceException"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.path == "" {
				test.path = invokeVerify
			}
			response, body := post(t, api, test.path, test.body, test.header)
			assert.Equal(t, test.status, response.StatusCode, body)
			assert.Equal(t, test.code, response.Header.Get("X-Amzn-ErrorType"))
			if test.code != "" {
				var refusal struct{ Type, Message string }
				require.NoError(t, json.Unmarshal([]byte(body), &refusal))
				assert.NotEmpty(t, refusal.Type)
				assert.NotEmpty(t, refusal.Message)
			}
		})
	}
}
