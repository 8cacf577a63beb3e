package openapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Gate lets an HTTP request in by returning no error, and says whom it comes
// from. Otherwise the status and the error are the answer; a 401 carries the
// challenge that HTTP asks for.
type Gate func(r *http.Request) (caller Caller, status int, refused *Error)

// Endpoint serves a camelCase call over HTTP: by POST, at "/" and at its path,
// behind a gate. Its answers are JSON, refusals included.
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
	if !At(r, p.Path) && !At(r, "/") {
		NotServed(w, r, "POST to "+p.Path, p.Refuse)
		return
	}
	caller, status, refused := p.admit(w, r)
	var body []byte
	if refused == nil {
		body, status, refused = readBody(r)
	}
	if refused != nil {
		WriteJSON(w, status, p.Refuse(r.Context(), refused))
		return
	}
	status, answer := p.Call(WithCaller(r.Context(), caller), body)
	WriteJSON(w, status, answer)
}

func (p Endpoint) admit(w http.ResponseWriter, r *http.Request) (caller Caller, status int, refused *Error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return Caller{}, http.StatusMethodNotAllowed, invalid("use POST")
	}
	caller, status, refused = p.Gate(r)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	return caller, status, refused
}

// At reports whether a request is for exactly this path. One slash at its end
// makes no difference. Paths are compared as they were sent: a gateway that
// guards one path may not know another spelling of it.
func At(r *http.Request, path string) bool {
	asked := r.URL.EscapedPath()
	return asked == path || path != "/" && asked == path+"/"
}

// weChats are the families of paths that are WeChat's own: its SDKs, pointed at
// us, read answers there.
var weChats = []string{"/cgi-bin/", "/wxa/", "/sns/"}

// NotServed answers a request for a path that a function does not serve: among
// WeChat's paths as WeChat does, with status 200 and in snake_case, elsewhere with
// 404 and in the words of refuse. advice says which paths there are.
func NotServed(w http.ResponseWriter, r *http.Request, advice string, refuse func(ctx context.Context, e *Error) []byte) {
	for _, family := range weChats {
		if strings.HasPrefix(r.URL.EscapedPath(), family) {
			e := Upstream(weChatInvalidURL, "invalid url")
			refuse(r.Context(), e) // for the log
			WriteJSON(w, http.StatusOK, Answer{Err: e}.HTTPSCall())
			return
		}
	}
	WriteJSON(w, http.StatusNotFound, refuse(r.Context(), invalid("there is no such path: %s", advice)))
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
