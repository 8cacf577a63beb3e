package openapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// Error says that a request got no verdict. Code and Message are for the caller. The cause
// is for the log; errors.Unwrap returns it.
//
// Neither may hold a secret.
type Error struct {
	// Code is one of ours, or WeChat's errcode. It is never 0.
	Code int
	// Message is one clear sentence of ours, or WeChat's errmsg as it came, rid
	// included.
	Message string

	cause  error
	status int // HTTP status, if it is not that of the code
}

// NewError returns an Error for a code that this project or the platform defines. Its text
// has the format of wx-server-sdk: the code, the code's Text, and message. message says how
// to fix it. cause may be nil.
func NewError(code int, message string, cause error) *Error {
	return &Error{Code: code, Message: fmt.Sprintf("%d %s. %s", code, LookUp(code).Text, message), cause: cause}
}

// Upstream makes an Error of WeChat's errcode, which is not 0, and its errmsg.
func Upstream(errcode int, errmsg string) *Error {
	return &Error{Code: errcode, Message: errmsg}
}

// Error implements error, with the whole chain.
func (e *Error) Error() string {
	s := fmt.Sprintf("errCode %d: %s", e.Code, e.Message)
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// WithStatus returns a copy of e with an HTTP status of its own.
func (e *Error) WithStatus(status int) *Error {
	with := *e
	with.status = status
	return &with
}

// Status returns the HTTP status of e at a camelCase endpoint. It is 4xx if the caller must
// change something, 502 or 504 if the upstream failed or took too long.
func (e *Error) Status() int { return cmp.Or(e.status, LookUp(e.Code).Status) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

func invalid(format string, args ...any) *Error {
	return NewError(CodeInvalidParam, fmt.Sprintf(format, args...), nil)
}

// AsError returns the Error in err's chain. For an err without one it makes an Error that
// shows nothing of err's text, which is for the log. err is not nil.
func AsError(err error) *Error {
	var e *Error
	switch found := errors.As(err, &e) && e.Code != 0; {
	case found && error(e) == err:
		return e
	case found:
		return &Error{Code: e.Code, Message: e.Message, cause: err, status: e.status}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return NewError(CodeTimeout, "the time for this invocation is used up", err)
	default:
		return NewError(CodeSystem, "internal error, the log of the function says more", err)
	}
}
