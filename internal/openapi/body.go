package openapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"

	"sotercall/internal/jsonobject"
)

// NewEvent returns the request that stands for a direct event: a POST to /, without any
// header and with the event as its body.
func NewEvent(ctx context.Context, event []byte) *http.Request {
	r := http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/"}, Header: http.Header{},
		Body: eventBody{bytes.NewReader(event), event}, ContentLength: int64(len(event)),
	}
	return r.WithContext(ctx)
}

// eventBody is the body of a direct event, all of which is in memory.
type eventBody struct {
	*bytes.Reader
	event []byte
}

// Close implements [io.Closer].
func (eventBody) Close() error { return nil }

// maxParts bounds the members and elements of a body in all. Parameters are eight at
// most; what else platforms and clients add to an event is passed over.
const maxParts = 1024

// ReadBody returns the body of a request, of at most MaxBody bytes and maxParts members.
func ReadBody(r *http.Request) ([]byte, *Error) {
	body, e := readAll(r)
	text := bytes.TrimLeft(body, blank)
	// A form is no JSON, and is refused with words of its own.
	if e == nil && len(text) > 0 && (text[0] == '{' || text[0] == '[') && jsonobject.Exceeds(text, maxParts) {
		return nil, invalid("the request has more than %d members", maxParts)
	}
	return body, e
}

func readAll(r *http.Request) ([]byte, *Error) {
	if r.Body == nil {
		return nil, nil
	}
	if b, ok := r.Body.(eventBody); ok {
		if len(b.event) > MaxBody {
			return nil, invalid("the request has %d bytes, at most %d are read", len(b.event), MaxBody)
		}
		return b.event, nil
	}
	// One buffer that holds it all, where the request says how long it is.
	buffer := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), MaxBody)+bytes.MinRead))
	_, err := buffer.ReadFrom(http.MaxBytesReader(nil, r.Body, MaxBody))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return nil, invalid("the body is longer than %d bytes", MaxBody).WithStatus(http.StatusRequestEntityTooLarge)
	}
	if err != nil {
		return nil, NewError(CodeInvalidParam, "the body could not be read", err)
	}
	return buffer.Bytes(), nil
}
