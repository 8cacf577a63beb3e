package trigger

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each case spoils one member of a recorded event, and its twin puts something
// else, but sound, in the same place.
func TestBrokenRequestIsAnsweredToItsSource(t *testing.T) {
	object := map[string]any{}
	tests := []struct {
		file, member string
		broken, twin any
		reason       string
	}{
		{"rest-v1.json", "headers", "accept: */*", object, "headers is not an object"},
		{"rest-v1.json", "headers", []any{}, nil, "headers is not an object"},
		{"rest-v1.json", "headers.Accept", 5, "5", `headers: "Accept" is neither a string nor an array of strings`},
		{"rest-v1.json", "headers.Accept", object, []any{"a", "b"}, `headers: "Accept" is neither`},
		{"rest-v1.json", "multiValueHeaders", "", object, "multiValueHeaders is not an object"},
		{"rest-v1.json", "multiValueHeaders.Accept", []any{1}, []any{"1"}, `multiValueHeaders: "Accept" is neither`},
		{"rest-v1.json", "httpMethod", "PO ST", "PATCH", "the HTTP method is not a token"},
		{"rest-v1.json", "path", "openapi", "/openapi", "path does not begin with a slash"},
		{"rest-v1.json", "body", object, "{}", "body is not a string"},
		{"rest-v1.json", "body", true, nil, "body is not a string"},
		{"rest-v1.json", "isBase64Encoded", "false", false, "isBase64Encoded is not a boolean"},
		{"rest-v1-base64.json", "isBase64Encoded", "true", true, "isBase64Encoded is not a boolean"},
		{"rest-v1-base64.json", "isBase64Encoded", 1, nil, "isBase64Encoded is not a boolean"},
		{"rest-v1-base64.json", "body", "YQ", "YQ==", "body is not base64"},
		{"rest-v1-base64.json", "body", "_-8=", "/+8=", "body is not base64"},
		{"rest-v1.json", "queryStringParameters", "a=b", object, "queryStringParameters is not an object"},
		{"rest-v1.json", "multiValueQueryStringParameters", "a=b", object, "multiValueQueryStringParameters is not an object"},
		{"alb.json", "httpMethod", nil, "GET", "the HTTP method is missing"},
		{"alb.json", "path", 7, "", "path is not a string"},
		{"alb.json", "queryStringParameters", map[string]any{"a": "%zz"}, map[string]any{"a": "%7A"}, `query parameter "a" is not URL-encoded`},
		{"alb.json", "queryStringParameters", map[string]any{"%zz": "a"}, map[string]any{"%7A": "a"}, "the name of a query parameter is not URL-encoded"},
		{"http-api-v2.json", "requestContext.http.method", nil, "PUT", "the HTTP method is missing"},
		{"http-api-v2.json", "rawPath", "openapi", "/openapi", "rawPath does not begin with a slash"},
		{"http-api-v2.json", "rawQueryString", object, nil, "rawQueryString is not a string"},
		{"http-api-v2.json", "cookies", "a=b", []any{}, "cookies is not an array of strings"},
		{"scf-function-url.json", "queryString", []any{"a"}, "a=b", "queryString is not an object"},
		{"scf-function-url.json", "queryString.a", 1, "1", `queryString: "a" is neither`},
		{"scf-apigateway.json", "queryString.trace", false, true, `queryString: "trace" is neither`},
	}
	for _, tt := range tests {
		t.Run(tt.file+" "+tt.member, func(t *testing.T) {
			source := Read(recorded(t, tt.file)).Source

			event := Read(edited(t, tt.file, tt.member, tt.broken))
			assert.Equal(t, source, event.Source)
			assert.Nil(t, event.Request)
			require.ErrorContains(t, event.Err, tt.reason)
			assert.Contains(t, string(event.Respond(400, nil, nil)), `"statusCode":400`)

			twin := Read(edited(t, tt.file, tt.member, tt.twin))
			assert.Equal(t, source, twin.Source)
			require.NoError(t, twin.Err)
			assert.NotNil(t, twin.Request)
		})
	}
}

func TestRefusalQuotesNoHeaderValueAndNoBody(t *testing.T) {
	for member, broken := range map[string]any{
		"headers.Authorization": map[string]any{"x": "SECRET"},
		"headers":               "SECRET",
		"body":                  map[string]any{"x": "SECRET"},
		"httpMethod":            "SECRET SECRET",
	} {
		event := Read(edited(t, "rest-v1.json", member, broken))
		require.Error(t, event.Err, member)
		assert.NotContains(t, event.Err.Error(), "SECRET", member)
	}
}

func TestRefusalCutsALongNameShort(t *testing.T) {
	name := strings.Repeat("n", 1000)
	event := Read(edited(t, "rest-v1.json", "headers", map[string]any{name: 1}))
	require.ErrorContains(t, event.Err, name[:64])
	assert.Less(t, len(event.Err.Error()), 200)
}

func TestHeadersAreFoundInAnyCaseAndEitherForm(t *testing.T) {
	tests := []struct {
		name, members string
		want          http.Header
	}{
		{"lower case", `"headers":{"content-type":"a"}`, http.Header{"Content-Type": {"a"}}},
		{"upper case", `"headers":{"CONTENT-TYPE":"a"}`, http.Header{"Content-Type": {"a"}}},
		{"two spellings of one name", `"headers":{"x-a":"2","X-A":"1"}`, http.Header{"X-A": {"1", "2"}}},
		{"multi only", `"headers":null,"multiValueHeaders":{"x-a":["1","2"]}`, http.Header{"X-A": {"1", "2"}}},
		{"multi wins over single", `"headers":{"X-A":"2"},"multiValueHeaders":{"x-a":["1","2"]}`, http.Header{"X-A": {"1", "2"}}},
		{"single fills in", `"headers":{"X-B":"2"},"multiValueHeaders":{"x-a":["1"]}`, http.Header{"X-A": {"1"}, "X-B": {"2"}}},
		{"empty multi value does not hide the single", `"headers":{"X-A":"2"},"multiValueHeaders":{"x-a":[]}`, http.Header{"X-A": {"2"}}},
		{"null value", `"headers":{"X-A":null}`, http.Header{}},
		{"both null", `"headers":null,"multiValueHeaders":null`, http.Header{}},
		{"array in the single form", `"headers":{"x-a":["1","2"]}`, http.Header{"X-A": {"1", "2"}}},
		{"cookies belong to payload 2.0 only", `"headers":{},"cookies":["a=b"]`, http.Header{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, request(t, `{"httpMethod":"GET","path":"/",`+tt.members+`}`).Header)
		})
	}
}

func TestHostComesFromTheHeaderElseFromTheDomain(t *testing.T) {
	r := Read(edited(t, "http-api-v2.json", "headers.host", "api.example.com")).Request
	assert.Equal(t, "api.example.com", r.Host)
	r = Read(edited(t, "http-api-v2.json", "headers.host", nil)).Request
	assert.Equal(t, "aaaaaaaaaa.execute-api.us-west-2.amazonaws.com", r.Host)
}

func TestQueryIsDecodedExactlyOnce(t *testing.T) {
	const alb = `"requestContext":{"elb":{"targetGroupArn":"arn:x"}},`
	const rest = `"resource":"/","requestContext":{"stage":"x","identity":{}},`
	tests := []struct {
		name, members string
		want          map[string][]string
	}{
		{"load balancer, still encoded", alb + `"queryStringParameters":{"a%20b":"x%26y%3D1+z"}`, map[string][]string{"a b": {"x&y=1 z"}}},
		{"load balancer, encoded twice by the client", alb + `"queryStringParameters":{"a":"%2525"}`, map[string][]string{"a": {"%25"}}},
		{"load balancer, two spellings of one name", alb + `"queryStringParameters":{"a+b":"2","a%20b":"1","a%2520b":"3"}`, map[string][]string{"a b": {"1", "2"}, "a%20b": {"3"}}},
		{"load balancer, multi", alb + `"multiValueQueryStringParameters":{"a":["1%2B","2"]}`, map[string][]string{"a": {"1+", "2"}}},
		{"REST, already decoded", rest + `"queryStringParameters":{"a":"x%26y+z&b=c"}`, map[string][]string{"a": {"x%26y+z&b=c"}}},
		{"REST, multi wins", rest + `"queryStringParameters":{"a":"2","b":"3"},"multiValueQueryStringParameters":{"a":["1","2"]}`, map[string][]string{"a": {"1", "2"}, "b": {"3"}}},
		{"SCF, text", `"headers":{},"queryString":"?a=1&a=2%26"`, map[string][]string{"a": {"1", "2&"}}},
		{"SCF, object of all kinds", `"headers":{},"queryString":{"a":["1","2"],"b":true,"c":"x%26","d":null}`, map[string][]string{"a": {"1", "2"}, "b": {""}, "c": {"x%26"}}},
		{"CloudBase", `"headers":{},"requestContext":{},"queryString":{"no":"1"},"queryStringParameters":{"a":"1"}`, map[string][]string{"a": {"1"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request(t, `{"httpMethod":"GET","path":"/",`+tt.members+`}`)
			assert.Equal(t, tt.want, map[string][]string(r.URL.Query()))
		})
	}

	r := Read(edited(t, "http-api-v2.json", "rawQueryString", "a=1&a=2%2526")).Request
	assert.Equal(t, []string{"1", "2%26"}, r.URL.Query()["a"], "payload 2.0 has the raw query")
}

func TestStageIsTakenOffThePathOfHTTPAPIs(t *testing.T) {
	tests := []struct{ file, stage, path, want string }{
		{"http-api-v2.json", "prod", "/prod/a", "/a"},
		{"http-api-v2.json", "prod", "/prod", "/"},
		{"http-api-v2.json", "prod", "/prod/prod/a", "/prod/a"},
		{"http-api-v2.json", "prod", "/production/a", "/production/a"},
		{"http-api-v2.json", "prod", "/a", "/a"},
		{"http-api-v2.json", "$default", "/$default/a", "/$default/a"},
		{"http-api-v1.json", "prod", "/prod/a", "/a"},
		{"rest-v1.json", "prod", "/prod/a", "/prod/a"},
		{"scf-apigateway.json", "prod", "/prod/a", "/prod/a"},
	}
	for _, tt := range tests {
		member := map[bool]string{true: "rawPath", false: "path"}[tt.file == "http-api-v2.json"]
		payload := edited(t, tt.file, member, tt.path, "requestContext.stage", tt.stage)
		assert.Equal(t, tt.want, Read(payload).Request.URL.Path, "%+v", tt)
	}
}

func TestOddPathsStayPaths(t *testing.T) {
	for path, want := range map[string]string{
		"":                "/",
		"//evil.test/x":   "//evil.test/x",
		"/a?b=c#d":        "/a?b=c#d",
		"/a%2Fb":          "/a/b",
		"/a+b%2B":         "/a+b+",
		"/100%":           "/100%",
		"/\u4e2d\u6587\n": "/\u4e2d\u6587\n",
		"/a/../b":         "/a/../b",
	} {
		r := Read(edited(t, "scf-function-url.json", "path", path)).Request
		require.NotNil(t, r, path)
		assert.Equal(t, want, r.URL.Path)
		assert.Empty(t, r.URL.Host)
		assert.Equal(t, "1251000691-a1b2c3d4e5.ap-guangzhou.tencentscf.com", r.Host)
	}
}

func TestBodyIsTheBytesTheClientSent(t *testing.T) {
	tests := map[string]struct{ members, want string }{
		"text":          {`"body":"{\"a\":\"\u00e9\\u0000\"}"`, `{"a":"é\u0000"}`},
		"base64":        {`"body":"/wA=","isBase64Encoded":true`, "\xff\x00"},
		"not announced": {`"body":"/wA=","isBase64Encoded":false`, "/wA="},
		"null":          {`"body":null,"isBase64Encoded":true`, ""},
		"absent":        {`"isBase64Encoded":null`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body, err := io.ReadAll(request(t, `{"httpMethod":"POST","path":"/","headers":{},`+tt.members+`}`).Body)
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(body))
		})
	}
}

// request reads an event that has to be fine.
func request(t *testing.T, payload string) *http.Request {
	t.Helper()
	event := Read([]byte(payload))
	require.NoError(t, event.Err)
	require.NotNil(t, event.Request)
	return event.Request
}

// edited is a recorded event with members, named by dotted paths, replaced; nil
// makes one null.
func edited(t *testing.T, file string, edits ...any) []byte {
	t.Helper()
	event := decode[map[string]any](t, recorded(t, file))
	for i := 0; i < len(edits); i += 2 {
		at := event
		path := strings.Split(edits[i].(string), ".")
		for _, name := range path[:len(path)-1] {
			at = at[name].(map[string]any)
		}
		at[path[len(path)-1]] = edits[i+1]
	}
	payload, err := json.Marshal(event)
	require.NoError(t, err)
	return payload
}
