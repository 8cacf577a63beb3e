package openapi

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
)

// Call is one call of a function. A function is a list of them. Package function does once
// what all have in common: routing, the deadline, the response to an unusable
// configuration, the log line.
type Call struct {
	// Name is the call's name: in the log, before errMsg, and in the member "call" of a
	// direct event. An event without that member means the function's first call.
	Name string
	// Style is the form of the call's HTTP responses and refusals.
	Style Style
	// Direct allows direct events to make this call.
	Direct bool
	// Path is the call's path over HTTP; empty for a call without one. Root adds the path
	// /.
	Path string
	Root bool
	// Method is the only one allowed over HTTP; empty for any.
	Method string
	// Gate admits HTTP requests; without one, none is admitted.
	Gate Gate
	// Serve handles a request. Its context is that of the call and has the [Caller]. A
	// direct event is a request as well; see [NewEvent]. Serve may be called concurrently.
	Serve func(r *http.Request) Result
	// Timer, if set, handles a timer's event.
	Timer func(ctx context.Context) Result
	// Refuse writes a refusal; nil for that of the Style.
	Refuse func(e *Error) []byte
}

// Body returns a result as the caller gets it.
func (c Call) Body(r Result) []byte {
	switch {
	case r.Err == nil:
		return r.Body
	case c.Refuse != nil:
		return c.Refuse(r.Err)
	}
	return c.Style.refusal(c.Name, r.Err)
}

// Status returns the HTTP status of a result.
func (c Call) Status(r Result) int {
	if r.Err == nil || c.Style == HTTPSCall {
		return http.StatusOK
	}
	return r.Err.Status()
}

// Style is one of WeChat's two forms of an API.
type Style int

const (
	// CloudCall is camelCase. Over HTTP it uses HTTP's statuses.
	CloudCall Style = iota
	// HTTPSCall is snake_case, and the status is always 200, as at WeChat. A WeChat SDK can
	// use it if its base URL is changed.
	HTTPSCall
)

func (s Style) refusal(name string, e *Error) []byte {
	if s == HTTPSCall {
		b := strconv.AppendInt([]byte(`{"errcode":`), int64(e.Code), 10)
		return append(appendString(append(b, `,"errmsg":`...), e.Message), '}')
	}
	b := strconv.AppendInt([]byte(`{"errCode":`), int64(e.Code), 10)
	return append(appendString(append(b, `,"errMsg":`...), name+":fail "+e.Message), '}')
}

// Gate admits an HTTP request by returning its Caller and no error.
type Gate func(r *http.Request) (Caller, *Error)

// Result is how a call ended: with a Body, or refused with Err.
type Result struct {
	// Body is the response as the caller gets it, unless Err is set.
	Body []byte
	Err  *Error
	// Value is the content of Body for a call of the program itself: a [Verified], or the
	// type that another package documents for its call. It is nil with Err.
	Value any
	// Outcome is the log's word for a call that was not refused.
	Outcome string
	// Log holds further fields of the log line. None is a secret.
	Log []slog.Attr
}

// Refused returns the Result of a request that ended with err, whatever err is.
func Refused(err error, log ...slog.Attr) Result { return Result{Err: AsError(err), Log: log} }
