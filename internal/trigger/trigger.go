// Package trigger recognises the source of an event, and its caller.
//
// A function has one entry point for bytes, and many event sources. A Mini Program or
// another function passes its own JSON object. Gateways and function URLs wrap an HTTP
// request into an event of their own format, and expect the response wrapped alike. [Read]
// unwraps: it names the [Source], and rebuilds the request as a server would see it.
// [Event.Respond] wraps the response for the same source.
//
// The shape of an event selects the parser and grants nothing. Whatever may invoke the
// function directly may write any event, with any requestContext, header or userInfo in it.
// [CallerOf] identifies the caller from the platform's own invocation context.
//
// Each event source is one [Source]. To add one, write it in aws.go, tencent.go or a file
// of its vendor's, and add it to the list sources.
//
// Everything here is a pure function over bytes: nothing blocks, and there is no state.
package trigger

import (
	"errors"
	"fmt"
	"net/http"

	"sotercall/internal/jsonobject"
)

// MaxPayload is the largest event, in bytes, that [Read] parses: 6 MiB, Lambda's limit for
// a synchronous invocation (AWS Lambda Developer Guide, "Lambda quotas"). A larger one is
// not parsed and is [Unknown].
const MaxPayload = 6 << 20

// Source is an event source: how its events are recognised, where they have the parts of an
// HTTP request, and how it expects the response. All are read-only after init.
//
// A Mini Program has no source of its own: wx.cloud.callFunction delivers the caller's
// object as it is. So it is [Direct], and differs from any other direct invocation only by
// its caller; see [CallerOf].
type Source struct {
	name string
	// timer is true if the source calls at set times and carries no request.
	timer bool
	// matches recognises an event that no earlier source has recognised.
	matches func(e event) bool
	// members are the names in the event that matches reads, in addition to marks.
	members []string

	// path is the member with the path of the request; empty if the source sends none. If
	// stage is set, the path may begin with the stage of requestContext. If cookies is set,
	// cookies are a separate member.
	path           string
	stage, cookies bool
	query          func(e event) (encoded string, err error)
	method         func(e event) string
	client         func(e event, header http.Header) (address string)
	// setHeader sets the response's headers from header, which it may change. multiValue is
	// true if the request had multiValueHeaders.
	setHeader func(r *response, header http.Header, multiValue bool)
}

// String returns the source's name in logs.
func (s *Source) String() string { return s.name }

// IsHTTP reports whether the source sends HTTP requests and expects HTTP responses.
func (s *Source) IsHTTP() bool { return s.path != "" }

// IsTimer reports whether the source is a timer or a schedule, which carries no request.
func (s *Source) IsTimer() bool { return s.timer }

var (
	// Direct is a direct invocation: an object of the caller's own, or anything that is not
	// an object.
	Direct = &Source{name: "direct"}
	// Unknown stands for requests and messages in none of the known shapes, and for events
	// that are too large. Their sender is unknown.
	Unknown = &Source{name: "unknown"}
)

// sources are tried in this order: the most specific first.
var sources = []*Source{
	ALB, HTTPAPIv2, FunctionURL, HTTPAPIv1, RESTv1, SCFAPIGateway, CloudBaseHTTP, SCFURL,
	SCFTimer, AWSSchedule,
}

// Event is one invocation, unwrapped.
//
// If Source is HTTP, exactly one of Request and Err is set. If it is [Unknown], only Err
// is. Otherwise neither is.
type Event struct {
	Source *Source

	// Request is the HTTP request inside the event, as a handler of net/http would get it.
	// The Host header is moved to Host, and the body is never nil. Its context is not yet
	// the invocation's; see http.Request.WithContext. RemoteAddr is an address without a
	// port. It is empty where the event has no field for it (ALB names the client only in
	// X-Forwarded-For).
	Request *http.Request

	// Err names what is broken inside an event of an HTTP shape. Examples are headers that
	// are no object, a body that is not base64 as announced, and a method that is no token.
	// Respond still works; the right status is 400. It quotes nothing of the request but
	// names, and at most 64 characters of one. For an [Unknown] event, it says why.
	Err error

	// the request had multiValueHeaders: a load balancer expects them in the response
	multiValue bool
}

var (
	errTooLarge = errors.New("the event is larger than 6 MiB")
	errTooMany  = fmt.Errorf("the event has more than %d members and elements", maxParts)
)

// Read recognises the source of payload. JSON that is broken or ambiguous (a name twice,
// invalid UTF-8) is [Direct]. The call that reads it reports the mistake. An object in none
// of the known shapes is [Unknown] if it has a member that belongs to requests. It comes
// from a gateway that we do not know, and that may admit anybody.
//
// Event types: Amazon API Gateway, Lambda and Elastic Load Balancing guides and
// aws-lambda-go events/. For Tencent Cloud: documents 583/96099 (function URL) and
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

// source returns the source of the event; nil if none matches. A member of the wrong kind
// does not hide the source if only the request needs it (headers, body). readRequest
// refuses it, and the refusal has the source's own shape.
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

// marks are members that belong to requests and messages. Some are those of the sources
// here. The others are from VPC Lattice (method, raw_path and the like), Kong's aws-lambda
// plugin (request_method and the like), and AppSync and Cognito (request). SNS, SQS, S3 and
// others have Records, EventBridge has detail-type; Lambda authorizers have theirs.
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
