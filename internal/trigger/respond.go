package trigger

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// Respond wraps an HTTP response into the object that the source of e expects. A body that
// is not UTF-8 is sent as base64. For a source that is not HTTP it returns body unchanged.
//
// Several values of a header stay separate if the source supports that (API Gateway; a load
// balancer with multi-value headers enabled). Otherwise they are joined by commas.
// Set-Cookie cannot be joined: do not set several for Tencent's sources or a load balancer
// without that option.
//
// Shapes: API Gateway guides, "Lambda proxy integration response"; Elastic Load Balancing
// guide, "Use Lambda functions as targets"; Tencent Cloud document 583/96099; scf-go-lib
// events.APIGatewayResponse.
func (e Event) Respond(status int, header http.Header, body []byte) []byte {
	if !e.Source.IsHTTP() {
		return body
	}
	r := response{StatusCode: status}
	e.Source.setHeader(&r, sendable(header), e.multiValue)
	r.Body, r.IsBase64Encoded = encode(body)
	// valid UTF-8 under distinct names: no error
	out, _ := json.Marshal(r, json.Deterministic(true))
	return out
}

type response struct {
	StatusCode        int                 `json:"statusCode"`
	StatusDescription string              `json:"statusDescription,omitzero"`
	Headers           map[string]string   `json:"headers,omitzero"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitempty"`
	Cookies           []string            `json:"cookies,omitempty"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

// sendable copies header under canonical names and makes it safe for JSON: one byte that is
// not UTF-8 would lose the whole response.
func sendable(header http.Header) http.Header {
	clean := make(http.Header, len(header))
	for _, name := range slices.Sorted(maps.Keys(header)) {
		key := strings.ToValidUTF8(http.CanonicalHeaderKey(name), "\uFFFD")
		for _, value := range header[name] {
			clean[key] = append(clean[key], strings.ToValidUTF8(value, "\uFFFD"))
		}
	}
	return clean
}

// takeMultiValue removes the headers with more than one value from header, and returns them.
func takeMultiValue(header http.Header) http.Header {
	multi := maps.Clone(header)
	maps.DeleteFunc(multi, func(_ string, values []string) bool { return len(values) < 2 })
	maps.DeleteFunc(header, func(_ string, values []string) bool { return len(values) > 1 })
	return multi
}

func joinValues(header http.Header) map[string]string {
	single := make(map[string]string, len(header))
	for name, values := range header {
		single[name] = strings.Join(values, ", ")
	}
	return single
}

func encode(body []byte) (encoded string, isBase64 bool) {
	if utf8.Valid(body) {
		return string(body), false
	}
	return base64.StdEncoding.EncodeToString(body), true
}
