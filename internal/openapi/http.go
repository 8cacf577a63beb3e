package openapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Paths of the two forms at the HTTP doors. Whatever stands before them (a
// stage, a base path) is the gateway's affair and is passed over.
const (
	CloudCallPath = "/openapi/soter/verifySignature"
	HTTPSCallPath = "/cgi-bin/soter/verify_signature"
)

// Codes of WeChat that the HTTPS Call door answers as WeChat does, or that tell
// the caller of the other door to change the question.
const (
	weChatInvalidToken  = 40001
	weChatInvalidOpenID = 40003
	weChatNoToken       = 41001
	weChatNotPost       = 43002
	weChatDataFormat    = 47001
)

// Gate lets an HTTP request in by returning nil. Otherwise the status and the
// error are the answer; a 401 carries the challenge that HTTP asks for.
type Gate func(r *http.Request) (status int, refused *Error)

// Tokens tells whether an access_token is one that WeChat would accept from us.
type Tokens interface {
	Holds(ctx context.Context, accessToken string) (bool, error)
}

// HTTP serves both forms of the call over HTTP.
//
// The camelCase form stands at "/" and at [CloudCallPath], behind the gate. The
// snake_case form stands at [HTTPSCallPath], is authorized as at WeChat, by an
// access_token in the query that tokens holds, and always answers 200, so that
// a WeChat SDK can be pointed at it by changing its base URL. Without tokens
// nobody holds a token, and everybody is refused there.
func (h *Handler) HTTP(gate Gate, tokens Tokens) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := strings.TrimSuffix(r.URL.Path, "/"); {
		case strings.HasSuffix(path, HTTPSCallPath):
			h.serveHTTPSCall(w, r, tokens)
		case path == "", strings.HasSuffix(path, CloudCallPath):
			h.serveCloudCall(w, r, gate)
		default:
			h.refuseHTTP(w, r, http.StatusNotFound, invalid("there is no such path: POST to %s", CloudCallPath))
		}
	})
}

func (h *Handler) serveCloudCall(w http.ResponseWriter, r *http.Request, gate Gate) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		h.refuseHTTP(w, r, http.StatusMethodNotAllowed, invalid("use POST"))
		return
	}
	if status, refused := gate(r); refused != nil {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		h.refuseHTTP(w, r, status, refused)
		return
	}
	body, status, refused := readBody(r)
	if refused != nil {
		h.refuseHTTP(w, r, status, refused)
		return
	}
	a := h.CloudCall(r.Context(), body)
	writeJSON(w, a.Status(), a.CloudCall())
}

func (h *Handler) serveHTTPSCall(w http.ResponseWriter, r *http.Request, tokens Tokens) {
	a, done := h.authorizeHTTPSCall(r, tokens)
	if !done {
		body, _, refused := readBody(r)
		if refused != nil {
			a = h.refuse(r.Context(), Request{}, refused)
		} else {
			a = h.HTTPSCall(r.Context(), body)
		}
	}
	writeJSON(w, http.StatusOK, a.HTTPSCall())
}

// authorizeHTTPSCall reports done when its answer is the whole answer.
func (h *Handler) authorizeHTTPSCall(r *http.Request, tokens Tokens) (a Answer, done bool) {
	refuse := func(e *Error) (Answer, bool) { return h.refuse(r.Context(), Request{}, e), true }
	if r.Method != http.MethodPost {
		return refuse(Upstream(weChatNotPost, "require POST method"))
	}
	token := r.URL.Query().Get("access_token")
	if token == "" {
		return refuse(Upstream(weChatNoToken, "access_token missing"))
	}
	if tokens == nil {
		return refuse(Upstream(weChatInvalidToken, "invalid credential, access_token is invalid or not latest"))
	}
	held, err := tokens.Holds(r.Context(), token)
	if err != nil {
		return refuse(asError(err))
	}
	if !held {
		return refuse(Upstream(weChatInvalidToken, "invalid credential, access_token is invalid or not latest"))
	}
	return Answer{}, false
}

// BadRequest answers a request that could not be read at the door at all.
func (h *Handler) BadRequest(w http.ResponseWriter, r *http.Request, err error) {
	h.refuseHTTP(w, r, http.StatusBadRequest, NewError(CodeInvalidParam, "the HTTP request in the event is broken", err))
}

func (h *Handler) refuseHTTP(w http.ResponseWriter, r *http.Request, status int, e *Error) {
	a := h.refuse(r.Context(), Request{}, e)
	writeJSON(w, status, a.CloudCall())
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

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
