package trigger

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ALB is an AWS Application Load Balancer (Elastic Load Balancing guide, "Use
// Lambda functions as targets").
const ALB Door = "alb"

var alb = source{
	door: ALB,
	is:   func(e event) bool { return e.context.object("elb").text("targetGroupArn") != "" },
	request: &layout{
		path: "path",
		query: func(e event) (string, error) {
			values, err := e.parameters()
			if err != nil {
				return "", err
			}
			return decodeOnce(values)
		},
		method: func(e event) string { return e.text("httpMethod") },
		client: func(event, http.Header) string { return "" }, // only X-Forwarded-For names it
	},
	answer: func(a *response, header http.Header, multiValue bool) {
		a.StatusDescription = strings.TrimSpace(fmt.Sprint(a.StatusCode, " ", http.StatusText(a.StatusCode)))
		if multiValue { // the load balancer then ignores headers
			a.MultiValueHeaders = header
		} else {
			a.Headers = joined(header)
		}
	},
}

// decodeOnce undoes the encoding that a load balancer, unlike API Gateway,
// leaves in names and values, before both are encoded into one query again.
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

// HTTPAPIv2 is an Amazon API Gateway HTTP API with payload format 2.0.
const HTTPAPIv2 Door = "http-api-v2"

var httpAPIv2 = source{
	door:    HTTPAPIv2,
	members: []string{"version"},
	// The guide's example of a function URL event has a routeKey and aws-lambda-go's
	// recorded one has none, so that the domain name decides.
	is: func(e event) bool {
		return isPayload2(e) && e.present("routeKey") && !strings.Contains(e.context.text("domainName"), ".lambda-url.")
	},
	request: payload2(true),
	answer:  answer2,
}

// FunctionURL is an AWS Lambda function URL (AWS Lambda Developer Guide, "Invoking
// Lambda function URLs").
const FunctionURL Door = "lambda-function-url"

var functionURL = source{
	door:    FunctionURL,
	members: []string{"version"},
	is:      isPayload2,
	request: payload2(false),
	answer:  answer2,
}

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

// HTTPAPIv1 is an Amazon API Gateway HTTP API with payload format 1.0.
const HTTPAPIv1 Door = "http-api-v1"

var httpAPIv1 = source{
	door:    HTTPAPIv1,
	members: []string{"version", "resource"},
	is:      func(e event) bool { return isPayload1(e) && e.text("version") == "1.0" },
	request: payload1(true),
	answer:  answer1,
}

// RESTv1 is an Amazon API Gateway REST API.
const RESTv1 Door = "rest-v1"

var restV1 = source{
	door:    RESTv1,
	members: []string{"resource"},
	is:      isPayload1,
	request: payload1(false),
	answer:  answer1,
}

// AWSSchedule is a rule of Amazon EventBridge, or its newer Scheduler.
const AWSSchedule Door = "aws-schedule"

var awsSchedule = source{
	door:    AWSSchedule,
	timer:   true,
	members: []string{"source"},
	is: func(e event) bool {
		sender := e.text("source")
		return e.text("detail-type") == "Scheduled Event" && (sender == "aws.events" || sender == "aws.scheduler")
	},
}
