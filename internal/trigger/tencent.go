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

// SCFAPIGateway is Tencent's API Gateway in front of SCF, which is retired
// (scf-go-lib events/apigw.go; Tencent Cloud document 583/107631).
const SCFAPIGateway Door = "scf-apigateway"

var scfAPIGateway = source{
	door: SCFAPIGateway,
	is:   func(e event) bool { return e.looksLikeRequest() && e.context.text("serviceId") != "" },
	request: &layout{
		path:   "path",
		query:  queryString,
		method: func(e event) string { return e.text("httpMethod") },
		client: func(e event, _ http.Header) string { return e.context.text("sourceIp") },
	},
	answer: answerTencent,
}

// CloudBaseHTTP is the HTTP access service of CloudBase (Tencent Cloud document
// 876/41776).
const CloudBaseHTTP Door = "cloudbase-http"

var cloudBaseHTTP = source{
	door: CloudBaseHTTP,
	is:   func(e event) bool { return e.looksLikeRequest() && e.has("headers") && e.present("requestContext") },
	request: &layout{
		path:   "path",
		query:  encodedParameters,
		method: func(e event) string { return e.text("httpMethod") },
		client: func(e event, _ http.Header) string { return e.context.text("sourceIp") },
	},
	answer: answerTencent,
}

// SCFURL is the URL of an SCF function (Tencent Cloud document 583/96099), whose
// event has no requestContext.
const SCFURL Door = "scf-function-url"

var scfURL = source{
	door: SCFURL,
	is:   func(e event) bool { return e.looksLikeRequest() && e.has("headers") },
	request: &layout{
		path:   "path",
		query:  queryString,
		method: func(e event) string { return e.text("httpMethod") },
		client: func(_ event, header http.Header) string { return header.Get("X-Scf-Remote-Addr") },
	},
	answer: answerTencent,
}

// SCFTimer is a timer trigger of SCF (scf-go-lib events/timer.go).
const SCFTimer Door = "scf-timer"

var scfTimer = source{
	door:    SCFTimer,
	timer:   true,
	members: []string{"Type", "TriggerName", "Time"},
	is: func(e event) bool {
		return e.text("Type") == "Timer" && e.text("TriggerName") != "" && e.text("Time") != ""
	},
}
