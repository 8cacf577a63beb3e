package trigger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// request rebuilds the HTTP request that the door wrapped.
func (s *shape) request(door Door) (*http.Request, error) {
	location, err := s.location(door)
	if err != nil {
		return nil, err
	}
	header, err := s.header(door)
	if err != nil {
		return nil, err
	}
	body, err := s.body()
	if err != nil {
		return nil, err
	}
	method, source := s.methodAndSource(door, header)
	if method == "" { // http.NewRequest would make it a GET
		return nil, errors.New("the HTTP method is missing")
	}
	r, err := http.NewRequest(method, "/", bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the HTTP method is not a token")
	}

	r.URL = location
	r.RemoteAddr = source
	r.Host = header.Get("Host")
	if r.Host == "" {
		r.Host = text(s.context.DomainName)
	}
	header.Del("Host")
	r.Header = header
	return r, nil
}

type httpContext struct {
	Method   jsontext.Value `json:"method"`
	SourceIP jsontext.Value `json:"sourceIp"`
}

type identity struct {
	SourceIP jsontext.Value `json:"sourceIp"`
}

func (s *shape) methodAndSource(door Door, header http.Header) (method, source string) {
	method = text(s.HTTPMethod)
	switch door {
	case FunctionURL, HTTPAPIv2:
		context := members[httpContext](s.context.HTTP)
		return text(context.Method), text(context.SourceIP)
	case HTTPAPIv1, RESTv1:
		return method, text(members[identity](s.context.Identity).SourceIP)
	case SCFAPIGateway, CloudBaseHTTP:
		return method, text(s.context.SourceIP)
	case SCFURL:
		return method, header.Get("X-Scf-Remote-Addr")
	}
	return method, ""
}

// location puts path and query together without parsing the whole as a URL,
// where a path such as //host/x would turn into a host.
func (s *shape) location(door Door) (*url.URL, error) {
	path, err := s.path(door)
	if err != nil {
		return nil, err
	}
	query, err := s.query(door)
	if err != nil {
		return nil, err
	}
	u := &url.URL{Path: path, RawQuery: query}
	// Some doors hand the path over decoded, where a lone % is only a %.
	if decoded, err := url.PathUnescape(path); err == nil && decoded != path {
		u.Path, u.RawPath = decoded, path
	}
	return u, nil
}

func (s *shape) path(door Door) (string, error) {
	name, member := "path", s.Path
	if door == FunctionURL || door == HTTPAPIv2 {
		name, member = "rawPath", s.RawPath
	}
	if member.Kind() != '"' {
		return "", fmt.Errorf("%s is not a string", name)
	}
	path := text(member)
	if door == HTTPAPIv1 || door == HTTPAPIv2 {
		path = withoutStage(path, text(s.context.Stage))
	}
	switch {
	case path == "":
		return "/", nil
	case path[0] != '/':
		return "", fmt.Errorf("%s does not begin with a slash", name)
	}
	return path, nil
}

// withoutStage removes the stage that an HTTP API leaves at the front of a path
// reached through its own domain name. Through a custom domain name the path has
// none, nor ever with the stage $default.
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

// query returns the query in its encoded form.
func (s *shape) query(door Door) (string, error) {
	switch door {
	case FunctionURL, HTTPAPIv2:
		if present(s.RawQueryString) && s.RawQueryString.Kind() != '"' {
			return "", errors.New("rawQueryString is not a string")
		}
		return text(s.RawQueryString), nil
	case SCFAPIGateway, SCFURL:
		if s.QueryString.Kind() == '"' {
			return strings.TrimPrefix(text(s.QueryString), "?"), nil
		}
		values, err := lists("queryString", s.QueryString)
		return url.Values(values).Encode(), err
	}

	values, err := lists("queryStringParameters", s.QueryStringParameters)
	if err != nil {
		return "", err
	}
	multi, err := lists("multiValueQueryStringParameters", s.MultiValueQueryStringParameters)
	if err != nil {
		return "", err
	}
	maps.Copy(values, multi)
	if door == ALB {
		return decodeOnce(values)
	}
	return url.Values(values).Encode(), nil
}

// decodeOnce undoes the encoding that a load balancer, unlike API Gateway,
// leaves in names and values (Elastic Load Balancing guide, "Use Lambda functions
// as targets"), before both are encoded into one query again.
func decodeOnce(encoded map[string][]string) (string, error) {
	decoded := url.Values{}
	for _, name := range slices.Sorted(maps.Keys(encoded)) {
		key, err := url.QueryUnescape(name)
		if err != nil {
			return "", errors.New("the name of a query parameter is not URL-encoded")
		}
		for _, value := range encoded[name] {
			v, err := url.QueryUnescape(value)
			if err != nil {
				return "", fmt.Errorf("query parameter %.64q is not URL-encoded", key)
			}
			decoded.Add(key, v)
		}
	}
	return decoded.Encode(), nil
}

// header merges headers and multiValueHeaders; where both name a header, the
// second has all of its values.
func (s *shape) header(door Door) (http.Header, error) {
	single, err := lists("headers", s.Headers)
	if err != nil {
		return nil, err
	}
	multi, err := lists("multiValueHeaders", s.MultiValueHeaders)
	if err != nil {
		return nil, err
	}
	header := canonical(single)
	maps.Copy(header, canonical(multi))
	if door != FunctionURL && door != HTTPAPIv2 || !present(s.Cookies) {
		return header, nil
	}

	var cookies []string
	if json.Unmarshal(s.Cookies, &cookies) != nil {
		return nil, errors.New("cookies is not an array of strings")
	}
	if len(cookies) > 0 {
		header.Set("Cookie", strings.Join(cookies, "; "))
	}
	return header, nil
}

// canonical gathers spellings of one header name under its canonical form, in an
// order that does not change from run to run.
func canonical(lists map[string][]string) http.Header {
	header := make(http.Header, len(lists))
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		key := http.CanonicalHeaderKey(name)
		header[key] = append(header[key], lists[name]...)
	}
	return header
}

// lists decodes an object of named values. A value is a string or an array of
// strings; null stands for none; true for a query parameter named without a
// value (scf-go-lib events/apigw_test.go).
func lists(name string, object jsontext.Value) (map[string][]string, error) {
	if !present(object) {
		return map[string][]string{}, nil
	}
	if object.Kind() != '{' {
		return nil, fmt.Errorf("%s is not an object", name)
	}
	all := make(map[string][]string)
	for key, value := range members[map[string]jsontext.Value](object) {
		switch values, ok := list(value); {
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

// body decodes the body. One that arrives as a JSON value instead of text was
// parsed on the way, and its bytes are lost: refused, not written anew.
func (s *shape) body() ([]byte, error) {
	encoded := s.IsBase64Encoded.Kind() == 't'
	if present(s.IsBase64Encoded) && !encoded && s.IsBase64Encoded.Kind() != 'f' {
		return nil, errors.New("isBase64Encoded is not a boolean")
	}
	if !present(s.Body) {
		return nil, nil
	}
	if s.Body.Kind() != '"' {
		return nil, errors.New("body is not a string: something parsed it on the way")
	}
	if !encoded {
		return []byte(text(s.Body)), nil
	}
	body, err := base64.StdEncoding.DecodeString(text(s.Body))
	if err != nil {
		return nil, errors.New("body is not base64, though isBase64Encoded says so")
	}
	return body, nil
}
