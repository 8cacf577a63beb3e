package trigger

import "net/http"

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
