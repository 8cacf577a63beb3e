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
// Everything here is a pure function over bytes; nothing waits and nothing is
// remembered.
package trigger

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxPayload is the largest event, in bytes, that [Read] looks into: 6 MiB, what
// AWS Lambda passes to a synchronous invocation (AWS Lambda Developer Guide,
// "Lambda quotas"). A larger one is left unread and comes out as [Unknown].
const MaxPayload = 6 << 20

// Door names the way an invocation came in. Its text is meant for logs.
//
// There is no door for a Mini Program: wx.cloud.callFunction delivers the
// caller's object as it is, so it arrives as [Direct] and differs from any
// other direct invocation only by its [Caller].
type Door string

// The doors. HTTP API is Amazon API Gateway's newer kind, which offers two
// payload formats; SCF is Tencent's Serverless Cloud Function.
const (
	Direct        Door = "direct"              // the caller's own object, and what is no object at all
	Unknown       Door = "unknown"             // a request or message in none of the shapes below, or too large: nobody's call
	ALB           Door = "alb"                 // AWS Application Load Balancer
	FunctionURL   Door = "lambda-function-url" // AWS Lambda function URL
	HTTPAPIv2     Door = "http-api-v2"         // API Gateway HTTP API, payload format 2.0
	HTTPAPIv1     Door = "http-api-v1"         // API Gateway HTTP API, payload format 1.0
	RESTv1        Door = "rest-v1"             // API Gateway REST API
	SCFAPIGateway Door = "scf-apigateway"      // Tencent API Gateway in front of SCF, retired
	CloudBaseHTTP Door = "cloudbase-http"      // CloudBase HTTP access service
	SCFURL        Door = "scf-function-url"    // SCF function URL
	SCFTimer      Door = "scf-timer"           // SCF timer trigger
	AWSSchedule   Door = "aws-schedule"        // Amazon EventBridge rule or Scheduler
)

// HTTP reports whether answers through the door are HTTP responses.
func (d Door) HTTP() bool {
	switch d {
	case ALB, FunctionURL, HTTPAPIv2, HTTPAPIv1, RESTv1, SCFAPIGateway, CloudBaseHTTP, SCFURL:
		return true
	}
	return false
}

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

	multiValue bool // the load balancer asked with multiValueHeaders and wants them back
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
	var s shape
	switch {
	case len(payload) > MaxPayload:
		return Event{Door: Unknown, Err: errTooLarge}
	case json.Unmarshal(payload, &s) != nil:
		return Event{Door: Direct}
	}
	event := Event{Door: s.door()}
	if event.Door == Direct {
		return s.marked()
	}
	if !event.Door.HTTP() {
		return event
	}
	event.multiValue = s.MultiValueHeaders.Kind() == '{'
	event.Request, event.Err = s.request(event.Door)
	return event
}

// shape is every member that tells doors apart or belongs to a request, still
// undecoded: a direct event pays for one validating pass and nothing else.
type shape struct {
	Version        jsontext.Value `json:"version"`
	RouteKey       jsontext.Value `json:"routeKey"`
	RawPath        jsontext.Value `json:"rawPath"`
	HTTPMethod     jsontext.Value `json:"httpMethod"`
	Path           jsontext.Value `json:"path"`
	Resource       jsontext.Value `json:"resource"`
	RequestContext jsontext.Value `json:"requestContext"`

	RawQueryString                  jsontext.Value `json:"rawQueryString"`
	QueryString                     jsontext.Value `json:"queryString"`
	QueryStringParameters           jsontext.Value `json:"queryStringParameters"`
	MultiValueQueryStringParameters jsontext.Value `json:"multiValueQueryStringParameters"`
	Headers                         jsontext.Value `json:"headers"`
	MultiValueHeaders               jsontext.Value `json:"multiValueHeaders"`
	Cookies                         jsontext.Value `json:"cookies"`
	Body                            jsontext.Value `json:"body"`
	IsBase64Encoded                 jsontext.Value `json:"isBase64Encoded"`

	MethodARN jsontext.Value `json:"methodArn"` // only in a Lambda authorizer's event
	RouteARN  jsontext.Value `json:"routeArn"`  // likewise, payload format 2.0

	foreign

	Type        jsontext.Value `json:"Type"`
	TriggerName jsontext.Value `json:"TriggerName"`
	Time        jsontext.Value `json:"Time"`
	Source      jsontext.Value `json:"source"`
	DetailType  jsontext.Value `json:"detail-type"`

	context requestContext
}

type requestContext struct {
	ELB          jsontext.Value `json:"elb"`
	HTTP         jsontext.Value `json:"http"`
	ServiceID    jsontext.Value `json:"serviceId"`
	Stage        jsontext.Value `json:"stage"`
	Identity     jsontext.Value `json:"identity"`
	DomainName   jsontext.Value `json:"domainName"`
	SourceIP     jsontext.Value `json:"sourceIp"`
	ConnectionID jsontext.Value `json:"connectionId"` // only in a WebSocket event
}

// door compares the tell-tales, most telling first. A member of the wrong kind
// where it only belongs to the request (headers, body) does not hide the door:
// request refuses it, and the refusal goes out in the door's own shape.
func (s *shape) door() Door {
	s.context = members[requestContext](s.RequestContext)
	rc := &s.context
	if present(s.MethodARN) || present(s.RouteARN) || present(rc.ConnectionID) {
		return Direct // an authorizer's question or a WebSocket message: it only resembles a request
	}
	method, path := text(s.HTTPMethod) != "", s.Path.Kind() == '"'
	switch {
	case text(members[elb](rc.ELB).TargetGroupARN) != "":
		return ALB
	case text(s.Version) == "2.0" && s.RawPath.Kind() == '"' && rc.HTTP.Kind() == '{':
		return s.payload2()
	case method && path && s.Resource.Kind() == '"' && present(rc.Stage) && present(rc.Identity):
		if text(s.Version) == "1.0" {
			return HTTPAPIv1
		}
		return RESTv1
	case method && path && text(rc.ServiceID) != "":
		return SCFAPIGateway
	case method && path && s.Headers != nil && present(s.RequestContext):
		return CloudBaseHTTP
	case method && path && s.Headers != nil:
		return SCFURL
	case text(s.Type) == "Timer" && text(s.TriggerName) != "" && text(s.Time) != "":
		return SCFTimer
	case text(s.DetailType) == "Scheduled Event" && scheduler(text(s.Source)):
		return AWSSchedule
	}
	return Direct
}

// payload2 separates the two senders of payload format 2.0. The guide's example
// of a function URL event has a routeKey and aws-lambda-go's recorded one has
// none, so the domain name speaks first.
func (s *shape) payload2() Door {
	if present(s.RouteKey) && !strings.Contains(text(s.context.DomainName), ".lambda-url.") {
		return HTTPAPIv2
	}
	return FunctionURL
}

// scheduler reports whether source is one of the two services that send
// scheduled events: EventBridge rules and the newer EventBridge Scheduler.
func scheduler(source string) bool { return source == "aws.events" || source == "aws.scheduler" }

type elb struct {
	TargetGroupARN jsontext.Value `json:"targetGroupArn"`
}

// members takes an object apart, or returns nothing of anything else. The
// payload was validated as a whole and every T here holds undecoded values, so
// there is no error left to report.
func members[T any](object jsontext.Value) (t T) {
	if object.Kind() == '{' {
		_ = json.Unmarshal(object, &t)
	}
	return t
}

// present reports whether a member is there and not null.
func present(v jsontext.Value) bool { return v != nil && v.Kind() != 'n' }

// text decodes a JSON string, and is empty for anything else.
func text(v jsontext.Value) string {
	if v.Kind() != '"' {
		return ""
	}
	b, _ := jsontext.AppendUnquote(nil, v) // valid: it was read from the payload
	return string(b)
}
