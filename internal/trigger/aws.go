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
var ALB = &Source{
	name:    "alb",
	matches: func(e event) bool { return e.context.object("elb").text("targetGroupArn") != "" },
	path:    "path",
	query: func(e event) (string, error) {
		values, err := e.parameters()
		if err != nil {
			return "", err
		}
		return decodeOnce(values)
	},
	method: httpMethod,
	client: func(event, http.Header) string { return "" }, // only X-Forwarded-For names it
	setHeader: func(r *response, header http.Header, multiValue bool) {
		r.StatusDescription = strings.TrimSpace(fmt.Sprint(r.StatusCode, " ", http.StatusText(r.StatusCode)))
		if multiValue { // the load balancer then ignores headers
			r.MultiValueHeaders = header
		} else {
			r.Headers = joinValues(header)
		}
	},
}

// decodeOnce decodes names and values once. A load balancer, unlike API Gateway, leaves
// them encoded; both are then encoded into one query again.
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

// HTTPAPIv2 is an Amazon API Gateway HTTP API with payload format 2.0 (API Gateway
// guide, "Create AWS Lambda proxy integrations for HTTP APIs").
var HTTPAPIv2 = &Source{
	name:    "http-api-v2",
	members: []string{"version"},
	// The guide's example of a function URL event has a routeKey and aws-lambda-go's
	// recorded one has none, so the domain name decides.
	matches: func(e event) bool {
		return isPayload2(e) && e.present("routeKey") && !strings.Contains(e.context.text("domainName"), ".lambda-url.")
	},
	path: "rawPath", stage: true, cookies: true,
	query: rawQuery2, method: method2, client: client2, setHeader: setHeader2,
}

// FunctionURL is an AWS Lambda function URL (AWS Lambda Developer Guide, "Invoking
// Lambda function URLs"), which has no stage.
var FunctionURL = &Source{
	name:    "lambda-function-url",
	members: []string{"version"},
	matches: isPayload2,
	path:    "rawPath", cookies: true,
	query: rawQuery2, method: method2, client: client2, setHeader: setHeader2,
}

// isPayload2 reports whether an event has payload format 2.0, which HTTP APIs and function
// URLs send.
func isPayload2(e event) bool {
	return e.text("version") == "2.0" && e.kind("rawPath") == '"' && e.context.kind("http") == '{'
}

func rawQuery2(e event) (string, error) {
	if e.present("rawQueryString") && e.kind("rawQueryString") != '"' {
		return "", errors.New("rawQueryString is not a string")
	}
	return e.text("rawQueryString"), nil
}

func method2(e event) string { return e.context.object("http").text("method") }

func client2(e event, _ http.Header) string { return e.context.object("http").text("sourceIp") }

// setHeader2 keeps cookies separate, as the format requires.
func setHeader2(r *response, header http.Header, _ bool) {
	r.Cookies = header["Set-Cookie"]
	delete(header, "Set-Cookie")
	r.Headers = joinValues(header)
}

// HTTPAPIv1 is an Amazon API Gateway HTTP API with payload format 1.0. Unlike a REST
// API, it leaves its stage in front of the path.
var HTTPAPIv1 = &Source{
	name:    "http-api-v1",
	members: []string{"version", "resource"},
	matches: func(e event) bool { return isPayload1(e) && e.text("version") == "1.0" },
	path:    "path", stage: true,
	query: encodedParameters, method: httpMethod, client: client1, setHeader: setHeader1,
}

// RESTv1 is an Amazon API Gateway REST API (API Gateway guide, "Lambda proxy
// integration").
var RESTv1 = &Source{
	name:    "rest-v1",
	members: []string{"resource"},
	matches: isPayload1,
	path:    "path",
	query:   encodedParameters, method: httpMethod, client: client1, setHeader: setHeader1,
}

// isPayload1 reports whether an event has payload format 1.0. REST APIs send it, and so do
// HTTP APIs that are configured for it.
func isPayload1(e event) bool {
	return e.looksLikeRequest() && e.kind("resource") == '"' && e.context.present("stage") && e.context.present("identity")
}

func client1(e event, _ http.Header) string { return e.context.object("identity").text("sourceIp") }

// setHeader1 keeps several values of a header separate, as the format requires.
func setHeader1(r *response, header http.Header, _ bool) {
	r.MultiValueHeaders = takeMultiValue(header)
	r.Headers = joinValues(header)
}

// AWSSchedule is a rule of Amazon EventBridge, or its newer Scheduler.
var AWSSchedule = &Source{
	name:    "aws-schedule",
	timer:   true,
	members: []string{"source"},
	matches: func(e event) bool {
		sender := e.text("source")
		return e.text("detail-type") == "Scheduled Event" && (sender == "aws.events" || sender == "aws.scheduler")
	},
}
