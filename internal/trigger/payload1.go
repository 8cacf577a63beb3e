package trigger

import "net/http"

// Payload format 1.0 is what a REST API sends, and an HTTP API that is told to
// (API Gateway guide, "Lambda proxy integration").

func isPayload1(e event) bool {
	return e.looksLikeRequest() && e.kind("resource") == '"' && e.context.present("stage") && e.context.present("identity")
}

// payload1 is its layout. An HTTP API leaves its stage in front of the path, a
// REST API does not.
func payload1(stage bool) *layout {
	return &layout{
		path:   "path",
		stage:  stage,
		query:  encodedParameters,
		method: func(e event) string { return e.text("httpMethod") },
		client: func(e event, _ http.Header) string { return e.context.object("identity").text("sourceIp") },
	}
}

// answer1 is its answer, which has headers of several values by themselves.
func answer1(a *response, header http.Header, _ bool) {
	a.MultiValueHeaders = several(header)
	a.Headers = joined(header)
}
