package trigger

import (
	"net/http"
	"net/url"
	"strings"
)

// SCFAPIGateway is Tencent's API Gateway in front of SCF, which is retired
// (scf-go-lib events/apigw.go; Tencent Cloud document 583/107631).
var SCFAPIGateway = &Source{
	name:    "scf-apigateway",
	matches: func(e event) bool { return e.looksLikeRequest() && e.context.text("serviceId") != "" },
	path:    "path",
	query:   queryString, method: httpMethod, client: contextClient, setHeader: setHeaderTencent,
}

// CloudBaseHTTP is the HTTP access service of CloudBase (Tencent Cloud document
// 876/41776).
var CloudBaseHTTP = &Source{
	name: "cloudbase-http",
	matches: func(e event) bool {
		return e.looksLikeRequest() && e.has("headers") && e.present("requestContext")
	},
	path:  "path",
	query: encodedParameters, method: httpMethod, client: contextClient, setHeader: setHeaderTencent,
}

// SCFURL is the URL of an SCF function (Tencent Cloud document 583/96099). Its event has no
// requestContext.
var SCFURL = &Source{
	name:    "scf-function-url",
	matches: func(e event) bool { return e.looksLikeRequest() && e.has("headers") },
	path:    "path",
	query:   queryString, method: httpMethod, setHeader: setHeaderTencent,
	client: func(_ event, header http.Header) string { return header.Get("X-Scf-Remote-Addr") },
}

// SCFTimer is a timer trigger of SCF (scf-go-lib events/timer.go).
var SCFTimer = &Source{
	name:    "scf-timer",
	timer:   true,
	members: []string{"Type", "TriggerName", "Time"},
	matches: func(e event) bool {
		return e.text("Type") == "Timer" && e.text("TriggerName") != "" && e.text("Time") != ""
	},
}

// queryString returns the query of SCF's gateways: text, or an object of named values.
func queryString(e event) (string, error) {
	if e.kind("queryString") == '"' {
		return strings.TrimPrefix(e.text("queryString"), "?"), nil
	}
	values, err := lists("queryString", e.object["queryString"])
	return url.Values(values).Encode(), err
}

func contextClient(e event, _ http.Header) string { return e.context.text("sourceIp") }

// setHeaderTencent joins the values of a header. The gateways take exactly four
// members, and refuse a response with more.
func setHeaderTencent(r *response, header http.Header, _ bool) { r.Headers = joinValues(header) }
