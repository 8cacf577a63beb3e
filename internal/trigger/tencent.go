package trigger

import (
	"net/http"
	"net/url"
	"strings"
)

// queryString is the query as SCF's gateways name it: text, or an object of named
// values.
func queryString(e event) (string, error) {
	if e.kind("queryString") == '"' {
		return strings.TrimPrefix(e.text("queryString"), "?"), nil
	}
	values, err := lists("queryString", e.object["queryString"])
	return url.Values(values).Encode(), err
}

// answerTencent is an answer of exactly four members; the gateways refuse anything
// else.
func answerTencent(a *response, header http.Header, _ bool) { a.Headers = joined(header) }
