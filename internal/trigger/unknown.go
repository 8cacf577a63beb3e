package trigger

import (
	"errors"
	"fmt"
)

var (
	errTooLarge = errors.New("the event is larger than 6 MiB")
	errTooMany  = fmt.Errorf("the event has more than %d members and elements", maxParts)
)

// marks are members that belong to requests and messages: those of the sources that
// we serve, and those by which others name a part of theirs, which are VPC Lattice
// (method, raw_path and the like), Kong's aws-lambda plugin (request_method and the
// like), AppSync and Cognito (request), SNS, SQS, S3 and others (Records),
// EventBridge (detail-type) and Lambda authorizers.
var marks = []string{
	"requestContext", "httpMethod", "method", "path", "rawPath", "raw_path", "routeKey",
	"headers", "multiValueHeaders", "cookies", "rawQueryString", "queryString",
	"queryStringParameters", "query_string_parameters", "multiValueQueryStringParameters",
	"body", "isBase64Encoded", "is_base64_encoded",
	"request_method", "request_uri", "request_uri_args", "request_headers", "request_body", "request_body_args",
	"request", "Records", "detail-type", "methodArn", "routeArn", "authorizationToken",
}

// unknown is the event that is no source's: [Unknown] if any of its members belongs
// to requests, [Direct] otherwise.
func (e event) unknown() Event {
	for _, name := range marks {
		if e.has(name) {
			return Event{Door: Unknown, Err: fmt.Errorf("the event has a member %s, as requests and messages have, and is none that is known here", name)}
		}
	}
	return Event{Door: Direct}
}
