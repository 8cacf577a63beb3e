package openapi

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
)

// Call is one call that a function answers. A function is a list of them, and
// everything that they have in common (which of them was meant, time to answer,
// what is said of a configuration that cannot work, the log line) is done once,
// by package function.
type Call struct {
	// Name is the call's name: in the log, before errMsg, and in the member "call" of
	// a direct event that means another call than the function's first one.
	Name string
	// Style is how the call speaks over HTTP and words refusals.
	Style Style
	// Direct says that direct events may ask for this call.
	Direct bool
	// Path is where the call stands over HTTP; empty for one that does not. Root says
	// that it stands at / as well.
	Path string
	Root bool
	// Method is the only one that is answered over HTTP; empty for any.
	Method string
	// Gate lets HTTP requests in; without one nobody is let in.
	Gate Gate
	// Serve answers a request, whose context is that of the call: it has the [Caller]. A
	// direct event is a request as well; see [NewEvent]. It may be called concurrently.
	Serve func(r *http.Request) Result
	// Timer, if set, answers a timer.
	Timer func(ctx context.Context) Result
	// Refuse words a refusal; nil for the words of the Style.
	Refuse func(e *Error) []byte
}

// Answer is a result as the caller gets it.
func (c Call) Answer(r Result) []byte {
	switch {
	case r.Err == nil:
		return r.Body
	case c.Refuse != nil:
		return c.Refuse(r.Err)
	}
	return c.Style.refusal(c.Name, r.Err)
}

// Status is the HTTP status of a result.
func (c Call) Status(r Result) int {
	if r.Err == nil || c.Style == HTTPSCall {
		return http.StatusOK
	}
	return r.Err.Status()
}

// Style is one of WeChat's two ways to speak.
type Style int

const (
	// CloudCall is camelCase. Over HTTP it uses the statuses that HTTP has for it.
	CloudCall Style = iota
	// HTTPSCall is snake_case, and the status is always 200, as at WeChat, so that a
	// WeChat SDK can be pointed at it by changing its base URL.
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

// Gate lets an HTTP request in by returning no error, and says whom it comes from.
type Gate func(r *http.Request) (Caller, *Error)

// Result is how a call ended: answered, or refused with Err.
type Result struct {
	// Body is the answer as the caller gets it, unless Err is set.
	Body []byte
	Err  *Error
	// Value is what Body says, for a call that the program itself has made: a [Verified], or
	// what another package says of its call. It is nil with Err.
	Value any
	// Outcome is the log's word for a call that was answered.
	Outcome string
	// Log are further fields of the log line. None is a secret.
	Log []slog.Attr
}

// Refused is the Result of a question that was not answered, whatever the error.
func Refused(err error, log ...slog.Attr) Result { return Result{Err: AsError(err), Log: log} }
