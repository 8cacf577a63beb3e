// Package trigger finds out which source has sent an event, and who calls.
//
// A function has one entry point, bytes, and many event sources: a Mini Program or
// another function hands over its own JSON object, while gateways and function URLs
// wrap an HTTP request into an event of their own design and expect the response
// wrapped the same way. [Read] unwraps: it names the [Source], and rebuilds the request
// as a server would see it. [Event.Respond] wraps the response for the same source.
//
// The shape of an event picks the parser and grants nothing. Whoever may invoke
// the function directly may write any event, with any requestContext, header or
// userInfo in it. Who calls is a separate question, put to the platform's own
// invocation context by [CallerOf].
//
// All that is known about an event source is one [Source]. To add one, write it in
// aws.go, tencent.go or a file of its vendor's, and add it to the list sources.
//
// Everything here is a pure function over bytes; nothing waits and nothing is
// remembered.
package trigger

import (
	"errors"
	"fmt"
	"net/http"

	"sotercall/internal/jsonobject"
)

// MaxPayload is the largest event, in bytes, that [Read] looks into: 6 MiB, what
// AWS Lambda passes to a synchronous invocation (AWS Lambda Developer Guide,
// "Lambda quotas"). A larger one is left unread and comes out as [Unknown].
const MaxPayload = 6 << 20

// Source is an event source: how its events are recognised, where they have the parts
// of an HTTP request, and how it expects the response. None is changed after the start.
//
// There is no source for a Mini Program: wx.cloud.callFunction delivers the caller's
// object as it is, so it arrives as [Direct] and differs from any other direct
// invocation only by who calls; see [CallerOf].
type Source struct {
	name string
	// timer is true if the source calls at set times and requests nothing.
	timer bool
	// matches recognises an event that none of the sources before it has sent.
	matches func(e event) bool
	// members are the names in the event that matches reads, beside those that belong
	// to requests (marks).
	members []string

	// path is the member with the path of the request; empty if the source sends none.
	// The path may begin with the stage of requestContext if stage is set, and cookies
	// are a member of their own if cookies is set.
	path           string
	stage, cookies bool
	query          func(e event) (encoded string, err error)
	method         func(e event) string
	client         func(e event, header http.Header) (address string)
	// setHeader puts header, which it may change, into the response. multiValue is true
	// if the request had multiValueHeaders.
	setHeader func(r *response, header http.Header, multiValue bool)
}

// String returns the name that stands in logs.
func (s *Source) String() string { return s.name }

// IsHTTP reports whether the source sends HTTP requests and expects HTTP responses.
func (s *Source) IsHTTP() bool { return s.path != "" }

// IsTimer reports whether the source is a timer or a schedule, which requests nothing.
func (s *Source) IsTimer() bool { return s.timer }

var (
	// Direct is the caller itself: its own object, or what is no object at all.
	Direct = &Source{name: "direct"}
	// Unknown stands for requests and messages in none of the known shapes, and for
	// events that are too large. Nobody is known to have sent them.
	Unknown = &Source{name: "unknown"}
)

// sources are tried in this order: the most telling first.
var sources = []*Source{
	ALB, HTTPAPIv2, FunctionURL, HTTPAPIv1, RESTv1, SCFAPIGateway, CloudBaseHTTP, SCFURL,
	SCFTimer, AWSSchedule,
}

// Event is one invocation, unwrapped.
//
// If Source is HTTP exactly one of Request and Err is set, if it is [Unknown] only Err,
// otherwise neither.
type Event struct {
	Source *Source

	// Request is the HTTP request inside the event, as a handler of net/http
	// would get it: the Host header moved to Host, a body that is never nil.
	// Only its context is not the invocation's yet; see http.Request.WithContext.
	// RemoteAddr is an address without a port, or empty where the event has no
	// field of its own for it (ALB names the client only in X-Forwarded-For).
	Request *http.Request

	// Err says what is broken inside an event of an HTTP shape: headers that
	// are no object, a body that is not base64 as announced, a method that is
	// no token. Respond still works; the fitting status is 400. It quotes
	// nothing of the request but names, and no more than 64 characters of one.
	// Of an event of no known shape, it says what makes it one.
	Err error

	multiValue bool // the request had multiValueHeaders, and a load balancer wants them back
}

var (
	errTooLarge = errors.New("the event is larger than 6 MiB")
	errTooMany  = fmt.Errorf("the event has more than %d members and elements", maxParts)
)

// Read finds out which source has sent payload. JSON that is broken or ambiguous (a
// name twice, invalid UTF-8) is [Direct], and whoever reads the direct event says what
// is wrong with it. An object with a member that belongs to requests, in none of the
// known shapes, is [Unknown]: some gateway has been put in front of the function that
// we do not know, and nothing says whom it lets in.
//
// Event types: Amazon API Gateway, Lambda and Elastic Load Balancing guides and
// aws-lambda-go events/; Tencent Cloud documents 583/96099 (function URL) and
// 876/41776 (CloudBase HTTP access), scf-go-lib events/ (API gateway, timer).
func Read(payload []byte) Event {
	if len(payload) > MaxPayload {
		return Event{Source: Unknown, Err: errTooLarge}
	}
	if jsonobject.Exceeds(payload, maxParts) {
		return Event{Source: Unknown, Err: errTooMany}
	}
	e := event{payload: payload}
	if jsonobject.Read(payload, e.member) != nil || len(e.object) == 0 && e.tooLong == "" {
		return Event{Source: Direct}
	}
	if e.tooLong != "" {
		return Event{Source: Unknown, Err: fmt.Errorf("the member %s of the event is larger than 256 KiB", e.tooLong)}
	}
	e.context = e.object.object("requestContext")
	s := e.source()
	switch {
	case s == nil:
		return e.unknown()
	case !s.IsHTTP():
		return Event{Source: s}
	}
	r, err := s.readRequest(e)
	return Event{Source: s, Request: r, Err: err, multiValue: e.kind("multiValueHeaders") == '{'}
}

// source returns the source that has sent the event; nil if none has. A member of the
// wrong kind where it only belongs to the request (headers, body) does not hide it:
// readRequest refuses it, and the refusal goes out in the source's own shape.
func (e event) source() *Source {
	if e.present("methodArn") || e.present("routeArn") || e.context.present("connectionId") {
		return nil // a request to an authorizer or a WebSocket message: it only resembles ours
	}
	for _, s := range sources {
		if s.matches(e) {
			return s
		}
	}
	return nil
}

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

// unknown classifies an event that no source recognises: [Unknown] if any of its
// members belongs to requests, [Direct] otherwise.
func (e event) unknown() Event {
	for _, name := range marks {
		if e.has(name) {
			return Event{Source: Unknown, Err: fmt.Errorf("the event has a member %s, as requests and messages have, and is none that is known here", name)}
		}
	}
	return Event{Source: Direct}
}
