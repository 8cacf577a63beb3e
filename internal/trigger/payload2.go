package trigger

import (
	"errors"
	"net/http"
)

// Payload format 2.0 is what an HTTP API and a Lambda function URL both send
// (API Gateway guide, "Create AWS Lambda proxy integrations for HTTP APIs").

func isPayload2(e event) bool {
	return e.text("version") == "2.0" && e.kind("rawPath") == '"' && e.context.kind("http") == '{'
}

// payload2 is its layout. An HTTP API leaves its stage in front of the path; a
// function URL has none.
func payload2(stage bool) *layout {
	return &layout{
		path:    "rawPath",
		stage:   stage,
		cookies: true,
		query: func(e event) (string, error) {
			if e.present("rawQueryString") && e.kind("rawQueryString") != '"' {
				return "", errors.New("rawQueryString is not a string")
			}
			return e.text("rawQueryString"), nil
		},
		method: func(e event) string { return e.context.object("http").text("method") },
		client: func(e event, _ http.Header) string { return e.context.object("http").text("sourceIp") },
	}
}

// answer2 is its answer, which has cookies by themselves.
func answer2(a *response, header http.Header, _ bool) {
	a.Cookies = header["Set-Cookie"]
	delete(header, "Set-Cookie")
	a.Headers = joined(header)
}
