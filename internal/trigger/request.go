package trigger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/openapi"
)

// looksLikeRequest reports whether an event has the method and the path of a
// request, as most senders name them.
func (e event) looksLikeRequest() bool { return httpMethod(e) != "" && e.kind("path") == '"' }

// httpMethod returns the method of a request, as most senders name it.
func httpMethod(e event) string { return e.text("httpMethod") }

// readRequest rebuilds the HTTP request.
func (s *Source) readRequest(e event) (*http.Request, error) {
	location, err := s.location(e)
	if err != nil {
		return nil, err
	}
	header, err := s.header(e)
	if err != nil {
		return nil, err
	}
	body, err := e.body()
	if err != nil {
		return nil, err
	}
	method := s.method(e)
	if method == "" { // http.NewRequest would make it a GET
		return nil, errors.New("the HTTP method is missing")
	}
	r, err := http.NewRequest(method, "/", body)
	if err != nil {
		return nil, errors.New("the HTTP method is not a token")
	}

	r.URL = location
	r.RemoteAddr = s.client(e, header)
	r.Host = header.Get("Host")
	if r.Host == "" {
		r.Host = e.context.text("domainName")
	}
	header.Del("Host")
	r.Header = header
	return r, nil
}

// location joins path and query without parsing the whole as a URL, where a path such as
// //host/x would turn into a host.
func (s *Source) location(e event) (*url.URL, error) {
	path, err := s.pathOf(e)
	if err != nil {
		return nil, err
	}
	query, err := s.query(e)
	if err != nil {
		return nil, err
	}
	if len(query) > maxQuery {
		return nil, errors.New("the query is longer than 32 KiB")
	}
	u := &url.URL{Path: path, RawQuery: query}
	// Some sources send the path decoded, where a lone % is only a %.
	if decoded, err := url.PathUnescape(path); err == nil && decoded != path {
		u.Path, u.RawPath = decoded, path
	}
	return u, nil
}

func (s *Source) pathOf(e event) (string, error) {
	if e.kind(s.path) != '"' {
		return "", fmt.Errorf("%s is not a string", s.path)
	}
	path := e.text(s.path)
	if s.stage {
		path = withoutStage(path, e.context.text("stage"))
	}
	switch {
	case path == "":
		return "/", nil
	case path[0] != '/':
		return "", fmt.Errorf("%s does not begin with a slash", s.path)
	}
	return path, nil
}

// withoutStage removes the stage from a path. An HTTP API leaves it there if the request
// used the API's own domain name, unless the stage is $default. Through a custom domain
// name the path has none.
func withoutStage(path, stage string) string {
	if stage == "" || stage == "$default" {
		return path
	}
	rest, found := strings.CutPrefix(path, "/"+stage)
	if !found || rest != "" && rest[0] != '/' {
		return path
	}
	return rest
}

// parameters returns those of the query, decoded.
func (e event) parameters() (map[string][]string, error) {
	values, err := lists("queryStringParameters", e.object["queryStringParameters"])
	if err != nil {
		return nil, err
	}
	multi, err := lists("multiValueQueryStringParameters", e.object["multiValueQueryStringParameters"])
	if err != nil {
		return nil, err
	}
	maps.Copy(values, multi)
	return values, nil
}

// encodedParameters returns the parameters as the query that they came from.
func encodedParameters(e event) (string, error) {
	values, err := e.parameters()
	return url.Values(values).Encode(), err
}

// header merges headers and multiValueHeaders. If both name a header, the second has all of
// its values.
func (s *Source) header(e event) (http.Header, error) {
	single, err := lists("headers", e.object["headers"])
	if err != nil {
		return nil, err
	}
	multi, err := lists("multiValueHeaders", e.object["multiValueHeaders"])
	if err != nil {
		return nil, err
	}
	header := canonical(single)
	maps.Copy(header, canonical(multi))
	if !s.cookies || !e.present("cookies") {
		return header, nil
	}

	var cookies []string
	if json.Unmarshal(e.object["cookies"], &cookies) != nil {
		return nil, errors.New("cookies is not an array of strings")
	}
	if len(cookies) > 0 {
		header.Set("Cookie", strings.Join(cookies, "; "))
	}
	return header, nil
}

// canonical collects spellings of one header name under its canonical form, in an order
// that does not change from run to run.
func canonical(lists map[string][]string) http.Header {
	header := make(http.Header, len(lists))
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		key := http.CanonicalHeaderKey(name)
		header[key] = append(header[key], lists[name]...)
	}
	return header
}

// lists decodes an object of named values. A value is a string or an array of strings. null
// means none; true is a query parameter without a value (scf-go-lib events/apigw_test.go).
func lists(name string, object jsontext.Value) (map[string][]string, error) {
	if !present(object) {
		return map[string][]string{}, nil
	}
	if object.Kind() != '{' {
		return nil, fmt.Errorf("%s is not an object", name)
	}
	all := make(map[string][]string)
	named := members(object)
	for _, key := range slices.Sorted(maps.Keys(named)) {
		switch values, ok := list(named[key]); {
		case !ok:
			return nil, fmt.Errorf("%s: %.64q is neither a string nor an array of strings", name, key)
		case len(values) > 0:
			all[key] = values
		}
	}
	return all, nil
}

func list(value jsontext.Value) (values []string, ok bool) {
	switch value.Kind() {
	case 'n':
		return nil, true
	case 't':
		return []string{""}, true
	case '"':
		return []string{text(value)}, true
	case '[':
		return values, json.Unmarshal(value, &values) == nil
	}
	return nil, false
}

// body decodes the body. A body that is a JSON value instead of text was parsed by a
// gateway. Its bytes are lost, so it is refused, not written anew. A body that is too long
// for any call is not decoded; reading it returns the error.
func (e event) body() (io.Reader, error) {
	encoded := e.kind("isBase64Encoded") == 't'
	if e.present("isBase64Encoded") && !encoded && e.kind("isBase64Encoded") != 'f' {
		return nil, errors.New("isBase64Encoded is not a boolean")
	}
	if !e.present("body") {
		return bytes.NewReader(nil), nil
	}
	if e.kind("body") != '"' {
		return nil, errors.New("body is not a string: something parsed it on the way")
	}
	if len(e.object["body"]) > maxBody {
		return tooLong{}, nil
	}
	body := content(e.object["body"])
	if !encoded {
		return bytes.NewReader(body), nil
	}
	decoded := make([]byte, base64.StdEncoding.DecodedLen(len(body)))
	n, err := base64.StdEncoding.Decode(decoded, body)
	if err != nil {
		return nil, errors.New("body is not base64, though isBase64Encoded says so")
	}
	return bytes.NewReader(decoded[:n]), nil
}

// tooLong is the body of a request that is longer than any call reads.
type tooLong struct{}

// Read implements [io.Reader].
func (tooLong) Read([]byte) (int, error) {
	return 0, &http.MaxBytesError{Limit: openapi.MaxBody}
}
