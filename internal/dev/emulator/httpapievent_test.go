package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var arrived = time.Date(2020, 4, 21, 17, 8, 21, 67_000_000, time.FixedZone("CEST", 2*60*60))

func decodeEvent(t testing.TB, r *http.Request) events.APIGatewayV2HTTPRequest {
	t.Helper()
	encoded, err := HTTPAPIEvent(r, "LV7fzho-PHcEJPw=", arrived)
	require.NoError(t, err)
	var event events.APIGatewayV2HTTPRequest
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&event))
	return event
}

func TestHTTPAPIEventOfAPost(t *testing.T) {
	r := httptest.NewRequest("POST", "http://localhost:8080/openapi/soter/verifySignature?b=2&a=1&b=3%26&empty=", strings.NewReader(`{"a":"<&>"}`))
	r.RemoteAddr = "192.0.2.7:50000"
	r.Header = http.Header{
		"Content-Type":    {"application/json; charset=utf-8"},
		"X-Repeated":      {"one", "two"},
		"Cookie":          {"a=1; b=2", "c=3"},
		"User-Agent":      {"WeChat/8"},
		"X-Forwarded-For": {"198.51.100.1"},
		"Connection":      {"keep-alive"},
		"X-Amzn-Trace-Id": {"Root=1-5e9f0c65-1de4d666d4dd26aced652b6c"},
	}
	event := decodeEvent(t, r)
	assert.Equal(t, events.APIGatewayV2HTTPRequest{
		Version:        "2.0",
		RouteKey:       "$default",
		RawPath:        "/openapi/soter/verifySignature",
		RawQueryString: "b=2&a=1&b=3%26&empty=",
		Cookies:        []string{"a=1", "b=2", "c=3"},
		Headers: map[string]string{
			"content-length":    "11",
			"content-type":      "application/json; charset=utf-8",
			"host":              "localhost:8080",
			"user-agent":        "WeChat/8",
			"x-amzn-trace-id":   "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c",
			"x-forwarded-for":   "198.51.100.1, 192.0.2.7",
			"x-forwarded-port":  "443",
			"x-forwarded-proto": "https",
			"x-repeated":        "one,two",
		},
		QueryStringParameters: map[string]string{"a": "1", "b": "2,3&", "empty": ""},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey:     "$default",
			AccountID:    "123456789012",
			Stage:        "$default",
			RequestID:    "LV7fzho-PHcEJPw=",
			APIID:        "emulator00",
			DomainName:   "emulator00.execute-api.us-east-1.amazonaws.com",
			DomainPrefix: "emulator00",
			Time:         "21/Apr/2020:15:08:21 +0000",
			TimeEpoch:    1587481701067,
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: "POST", Path: "/openapi/soter/verifySignature", Protocol: "HTTP/1.1", SourceIP: "192.0.2.7", UserAgent: "WeChat/8",
			},
		},
		Body: `{"a":"<&>"}`,
	}, event)
}

// The recorded event is that of a GET through mutual TLS: authentication is the only part that ours has not.
func TestHTTPAPIEventHasTheShapeOfARecordedEvent(t *testing.T) {
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go").Output()
	require.NoError(t, err)
	recording, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(module)), "events/testdata/apigw-v2-request-no-authorizer.json"))
	require.NoError(t, err)
	var recorded, ours map[string]any
	require.NoError(t, json.Unmarshal(recording, &recorded))
	delete(recorded["requestContext"].(map[string]any), "authentication")

	r := httptest.NewRequest("GET", "http://aaaaaaaaaa.execute-api.us-west-2.amazonaws.com/", nil)
	r.Header = http.Header{"Accept": {"*/*"}, "User-Agent": {"curl/7.58.0"}}
	encoded, err := HTTPAPIEvent(r, "LV7fzho-PHcEJPw=", arrived)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(encoded, &ours))

	requireSameShape(t, "", recorded, ours)
	for _, name := range []string{"time", "timeEpoch", "requestId"} {
		assert.Equal(t, recorded["requestContext"].(map[string]any)[name], ours["requestContext"].(map[string]any)[name])
	}
}

func requireSameShape(t *testing.T, path string, want, got any) {
	t.Helper()
	require.IsType(t, want, got, path)
	object, ok := want.(map[string]any)
	if !ok {
		return
	}
	require.Equal(t, slices.Sorted(maps.Keys(object)), slices.Sorted(maps.Keys(got.(map[string]any))), path)
	for name, value := range object {
		requireSameShape(t, path+"."+name, value, got.(map[string]any)[name])
	}
}

func TestHTTPAPIEventBodyIsTextOrBase64(t *testing.T) {
	for name, test := range map[string]struct {
		contentType, encoding, body string
		base64                      bool
	}{
		"JSON":            {"application/json", "", "{}", false},
		"JSON, charset":   {"Application/JSON;charset=utf-8", "", "{}", false},
		"text":            {"text/plain", "", "text", false},
		"XML":             {"application/xml", "", "<a/>", false},
		"JavaScript":      {"application/javascript", "", "1", false},
		"form":            {"application/x-www-form-urlencoded", "", "a=1", true},
		"protobuf":        {"application/octet-stream", "", "\x0a\x01a", true},
		"no type":         {"", "", "text", true},
		"compressed JSON": {"application/json", "gzip", "\x1f\x8b", true},
		"not UTF-8":       {"application/json", "", "\xff", true},
		"no body":         {"application/octet-stream", "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", strings.NewReader(test.body))
			r.Header.Set("Content-Type", test.contentType)
			if test.encoding != "" {
				r.Header.Set("Content-Encoding", test.encoding)
			}
			event := decodeEvent(t, r)
			assert.Equal(t, test.base64, event.IsBase64Encoded)
			assert.Equal(t, test.body, eventBody(t, event))
		})
	}
}

func eventBody(t testing.TB, event events.APIGatewayV2HTTPRequest) string {
	t.Helper()
	if !event.IsBase64Encoded {
		return event.Body
	}
	body, err := base64.StdEncoding.DecodeString(event.Body)
	require.NoError(t, err)
	return string(body)
}

func FuzzHTTPAPIEvent(f *testing.F) {
	f.Add("application/json", "a=1&a=2", "k=v", []byte(`{"a":"\u0000"}`))
	f.Add("application/octet-stream", "%zz", "\xff", []byte{0xff, 0})
	f.Fuzz(func(t *testing.T, contentType, query, header string, body []byte) {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("X-Fuzz", header)
		event := decodeEvent(t, r)
		assert.Equal(t, string(body), eventBody(t, event), "the body survives byte for byte")
		if utf8.ValidString(header) {
			assert.Equal(t, header, event.Headers["x-fuzz"])
		}
		parameters := 0
		for _, values := range r.URL.Query() {
			parameters += len(values)
		}
		kept := 0
		for _, values := range event.QueryStringParameters {
			kept += 1 + strings.Count(values, ",")
		}
		assert.GreaterOrEqual(t, kept, parameters, "no query parameter is lost")
		for name := range event.Headers {
			assert.Equal(t, strings.ToLower(name), name)
		}
	})
}
