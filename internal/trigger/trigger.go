// Package trigger tells through which door an invocation came, and who calls.
//
// A function has one entry, bytes, and many doors in front of it: a Mini
// Program or another function hands over its own JSON object, while gateways
// and function URLs wrap an HTTP request into an event of their own design and
// expect the answer wrapped the same way. [Read] unwraps: it names the [Door],
// and for an HTTP door rebuilds the request as a server would see it.
// [Event.Respond] wraps the answer for the same door.
//
// The shape of an event picks the parser and grants nothing. Whoever may invoke
// the function directly may write any event, with any requestContext, header or
// userInfo in it. Who calls is a separate question, put to the platform's own
// invocation context by [CallerOf].
//
// What is known about one event source stands in one file: how its event is
// recognised, where it has the parts of a request, and how it wants its answer.
// To add one, write such a file and put it into the list sources.
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

// Door names the way an invocation came in. Its text is meant for logs.
//
// There is no door for a Mini Program: wx.cloud.callFunction delivers the
// caller's object as it is, so it arrives as [Direct] and differs from any
// other direct invocation only by who calls; see [CallerOf].
type Door string

// The doors that no event source stands behind; the others stand beside their
// sources, one file each.
const (
	Direct  Door = "direct"  // the caller's own object, and what is no object at all
	Unknown Door = "unknown" // a request or message in none of the known shapes, or too large: nobody's call
)

// Event is one invocation, unwrapped.
//
// Of an HTTP door exactly one of Request and Err is set, of [Unknown] only Err,
// of the others neither.
type Event struct {
	Door Door

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

// source is one event source, all that is known about it. Each stands in a file of
// its own.
type source struct {
	door Door
	// members are the names of the event that it reads beside those of any request
	// (marks).
	members []string
	// is recognises its event, which none of the sources before it has.
	is func(e event) bool
	// timer says that it calls at set times and asks nothing.
	timer bool
	// request says where its event has the parts of an HTTP request; nil if it
	// sends none.
	request *layout
	// answer puts the headers, of which it may take some away, into the answer that
	// it expects. multiValue says that the request had multiValueHeaders.
	answer func(a *response, header http.Header, multiValue bool)
}

// sources are all event sources, in the order in which an event is tried: the most
// telling first.
var sources = []*source{
	&alb, &httpAPIv2, &functionURL, &httpAPIv1, &restV1, &scfAPIGateway, &cloudBaseHTTP, &scfURL,
	&scfTimer, &awsSchedule,
}

// of is the source behind a door, nil behind none.
func of(door Door) *source {
	for _, s := range sources {
		if s.door == door {
			return s
		}
	}
	return nil
}

// HTTP reports whether answers through the door are HTTP responses.
func (d Door) HTTP() bool {
	s := of(d)
	return s != nil && s.request != nil
}

// Timer reports whether what comes through the door is a timer's or a schedule's,
// which asks nothing.
func (d Door) Timer() bool {
	s := of(d)
	return s != nil && s.timer
}

// Read finds out which door payload came through. JSON that is broken or
// ambiguous (a name twice, invalid UTF-8) is [Direct], and whoever reads the
// direct event says what is wrong with it. An object with a member that belongs
// to requests, in none of the known shapes, is [Unknown]: some gateway has been
// put in front of the function that we do not know, and nothing says whom it lets
// in.
//
// Event types: Amazon API Gateway, Lambda and Elastic Load Balancing guides and
// aws-lambda-go events/; Tencent Cloud documents 583/96099 (function URL) and
// 876/41776 (CloudBase HTTP access), scf-go-lib events/ (API gateway, timer).
func Read(payload []byte) Event {
	if len(payload) > MaxPayload {
		return Event{Door: Unknown, Err: errTooLarge}
	}
	if jsonobject.Exceeds(payload, maxParts) {
		return Event{Door: Unknown, Err: errTooMany}
	}
	e := event{payload: payload}
	if jsonobject.Read(payload, e.member) != nil || len(e.object) == 0 && e.tooLong == "" {
		return Event{Door: Direct}
	}
	if e.tooLong != "" {
		return Event{Door: Unknown, Err: fmt.Errorf("the member %s of the event is larger than 256 KiB", e.tooLong)}
	}
	e.context = e.object.object("requestContext")
	s := e.source()
	switch {
	case s == nil:
		return e.unknown()
	case s.request == nil:
		return Event{Door: s.door}
	}
	r, err := s.request.read(e)
	return Event{Door: s.door, Request: r, Err: err, multiValue: e.kind("multiValueHeaders") == '{'}
}

// source is the one that has sent the event, nil if none of them has. A member of
// the wrong kind where it only belongs to the request (headers, body) does not hide
// it: its layout refuses it, and the refusal goes out in the source's own shape.
func (e event) source() *source {
	if e.present("methodArn") || e.present("routeArn") || e.context.present("connectionId") {
		return nil // an authorizer's question or a WebSocket message: it only resembles a request
	}
	for _, s := range sources {
		if s.is(e) {
			return s
		}
	}
	return nil
}

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
