package openapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Gate lets an HTTP request in by returning nil. Otherwise the status and the
// error are the answer; a 401 carries the challenge that HTTP asks for.
type Gate func(r *http.Request) (status int, refused *Error)

// Endpoint serves a camelCase call over HTTP: by POST, at "/" and at its path,
// behind a gate. Whatever stands before the path (a stage, a base path) is the
// gateway's affair and is passed over. Its answers are JSON, refusals included.
type Endpoint struct {
	Path string
	Gate Gate
	// Call answers a request that was let in.
	Call func(ctx context.Context, body []byte) (status int, answer []byte)
	// Refuse words the answer to one that was not.
	Refuse func(ctx context.Context, e *Error) []byte
}

// ServeHTTP implements http.Handler.
func (p Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, status, refused := p.admit(w, r)
	if refused != nil {
		WriteJSON(w, status, p.Refuse(r.Context(), refused))
		return
	}
	status, answer := p.Call(r.Context(), body)
	WriteJSON(w, status, answer)
}

func (p Endpoint) admit(w http.ResponseWriter, r *http.Request) (body []byte, status int, refused *Error) {
	if !at(r, p.Path) && !at(r, "") {
		return nil, http.StatusNotFound, invalid("there is no such path: POST to %s", p.Path)
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, http.StatusMethodNotAllowed, invalid("use POST")
	}
	if status, refused := p.Gate(r); refused != nil {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		return nil, status, refused
	}
	return readBody(r)
}

// at reports whether a request is for path, whatever stands before it; the empty
// path is the root, and nothing stands before that.
func at(r *http.Request, path string) bool {
	asked := strings.TrimSuffix(r.URL.Path, "/")
	if path == "" {
		return asked == ""
	}
	return strings.HasSuffix(asked, path)
}

func readBody(r *http.Request) (body []byte, status int, refused *Error) {
	if r.Body == nil {
		return nil, 0, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, http.StatusRequestEntityTooLarge, invalid("the body is longer than %d bytes", MaxBody)
	case err != nil:
		return nil, http.StatusBadRequest, NewError(CodeInvalidParam, "the body could not be read", err)
	}
	return body, 0, nil
}

// WriteJSON writes an answer that nobody may cache.
func WriteJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
