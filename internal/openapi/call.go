package openapi

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"sotercall/internal/jsonobject"
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
	// Serve answers. It may be called concurrently.
	Serve func(ctx context.Context, asked Asked) Result
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

// Asked is how a call was asked: by a direct event, or over HTTP.
type Asked struct {
	Event []byte
	// HTTP is nil for a direct event. Its context is not that of the call.
	HTTP *http.Request
}

// maxParts bounds the members and elements of a body in all. Parameters are eight at
// most; what else platforms and clients add to an event is passed over.
const maxParts = 1024

// Body returns the event, or the body of the request, of at most MaxBody bytes and
// maxParts members.
func (a Asked) Body() ([]byte, *Error) {
	body, e := a.read()
	text := bytes.TrimLeft(body, blank)
	// A form is no JSON, and is refused with words of its own.
	if e == nil && len(text) > 0 && (text[0] == '{' || text[0] == '[') && jsonobject.Exceeds(text, maxParts) {
		return nil, invalid("the question has more than %d members", maxParts)
	}
	return body, e
}

func (a Asked) read() ([]byte, *Error) {
	if a.HTTP == nil {
		if len(a.Event) > MaxBody {
			return nil, invalid("the question has %d bytes, at most %d are read", len(a.Event), MaxBody)
		}
		return a.Event, nil
	}
	if a.HTTP.Body == nil {
		return nil, nil
	}
	// One buffer that holds it all, where the request says how long it is.
	buffer := bytes.NewBuffer(make([]byte, 0, min(max(a.HTTP.ContentLength, 0), MaxBody)+bytes.MinRead))
	_, err := buffer.ReadFrom(http.MaxBytesReader(nil, a.HTTP.Body, MaxBody))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return nil, invalid("the body is longer than %d bytes", MaxBody).WithStatus(http.StatusRequestEntityTooLarge)
	}
	if err != nil {
		return nil, NewError(CodeInvalidParam, "the body could not be read", err)
	}
	return buffer.Bytes(), nil
}

// Result is how a call ended: answered, or refused with Err.
type Result struct {
	// Body is the answer as the caller gets it, unless Err is set.
	Body []byte
	Err  *Error
	// Outcome is the log's word for a call that was answered.
	Outcome string
	// Log are further fields of the log line. None is a secret.
	Log []slog.Attr
}

// Refused is the Result of a question that was not answered, whatever the error.
func Refused(err error, log ...slog.Attr) Result { return Result{Err: AsError(err), Log: log} }
