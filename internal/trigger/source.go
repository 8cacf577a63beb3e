package trigger

import (
	"fmt"
	"net/http"

	"sotercall/internal/jsonobject"
)

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
