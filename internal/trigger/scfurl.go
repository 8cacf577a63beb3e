package trigger

import "net/http"

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
