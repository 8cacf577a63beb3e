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

import "net/http"

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
