package emulator

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/trigger"
)

// seenBy is the event that a function gets of a request to an endpoint.
func seenBy(t *testing.T, endpoint func(Runtime) http.Handler, r *http.Request) []byte {
	t.Helper()
	var seen []byte
	function := runtimeFunc(func(_ context.Context, call Call) (Response, error) {
		seen = call.Payload
		return Response{Payload: []byte(restReply)}, nil
	})
	endpoint(function).ServeHTTP(httptest.NewRecorder(), r)
	require.NotNil(t, seen)
	return seen
}

// The functions read the events of the stand-ins as those of the endpoints that they stand in for.
func TestEventsAreThoseOfTheirEndpoint(t *testing.T) {
	for source, c := range map[*trigger.Source]struct {
		endpoint func(Runtime) http.Handler
		recorded string
		event    any
	}{
		trigger.FunctionURL: {FunctionURL, "lambda-function-url.json", new(events.LambdaFunctionURLRequest)},
		trigger.RESTv1:      {RESTAPI, "rest-v1.json", new(events.APIGatewayProxyRequest)},
		trigger.HTTPAPIv2:   {HTTPAPI, "http-api-v2.json", new(events.APIGatewayV2HTTPRequest)},
	} {
		r := httptest.NewRequest(http.MethodPost, "/openapi/soter/verifySignature?a=1&a=2", strings.NewReader(`{"openid":"o"}`))
		r.Header.Set("Content-Type", "application/json")
		seen := seenBy(t, c.endpoint, r)
		recorded, err := os.ReadFile("../../../deploy/events/" + c.recorded)
		require.NoError(t, err)
		assert.Equal(t, source, trigger.Read(recorded).Source)
		assert.Equal(t, source, trigger.Read(seen).Source, "%s", seen)
		require.NoError(t, json.Unmarshal(seen, c.event), source)
	}
	var rest events.APIGatewayProxyRequest
	require.NoError(t, json.Unmarshal(seenBy(t, RESTAPI, httptest.NewRequest(http.MethodGet, "/a/b?x=1&x=2", nil)), &rest))
	assert.Equal(t, "/a/b", rest.Path)
	assert.Equal(t, "a/b", rest.PathParameters["proxy"])
	assert.Equal(t, "2", rest.QueryStringParameters["x"])
	assert.Equal(t, []string{"1", "2"}, rest.MultiValueQueryStringParameters["x"])
	assert.Equal(t, "/prod/a/b", rest.RequestContext.Path)
}
