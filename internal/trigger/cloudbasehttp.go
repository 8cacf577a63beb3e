package trigger

import "net/http"

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
