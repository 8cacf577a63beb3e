package openapi

import (
	"context"
	"net/http"
)

// Paths of the two forms at the HTTP doors.
const (
	CloudCallPath = "/openapi/soter/verifySignature"
	HTTPSCallPath = "/cgi-bin/soter/verify_signature"
)

// Codes of WeChat that the HTTPS Call door answers as WeChat does, or that tell
// the caller of the other door to change the question.
const (
	weChatInvalidToken  = 40001
	weChatInvalidOpenID = 40003
	weChatInvalidURL    = 40066
	weChatNoToken       = 41001
	weChatNotPost       = 43002
	weChatDataFormat    = 47001
)

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
	cloudCall := Endpoint{
		Path: CloudCallPath,
		Gate: gate,
		Call: func(ctx context.Context, body []byte) (int, []byte) {
			a := h.CloudCall(ctx, body)
			return a.Status(), a.CloudCall()
		},
		Refuse: h.Refuse,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if At(r, HTTPSCallPath) {
			h.serveHTTPSCall(w, r, tokens)
			return
		}
		cloudCall.ServeHTTP(w, r)
	})
}

func (h *Handler) serveHTTPSCall(w http.ResponseWriter, r *http.Request, tokens Tokens) {
	a, done := h.authorizeHTTPSCall(r, tokens)
	if !done {
		body, _, refused := readBody(r)
		if refused != nil {
			a = h.refuse(r.Context(), Request{}, refused)
		} else { // the token is the app's, so that its backend calls
			a = h.HTTPSCall(WithCaller(r.Context(), CallerFrom(r.Context()).WithProof()), body)
		}
	}
	WriteJSON(w, http.StatusOK, a.HTTPSCall())
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
	e := NewError(CodeInvalidParam, "the HTTP request in the event is broken", err)
	WriteJSON(w, http.StatusBadRequest, h.refuse(r.Context(), Request{}, e).CloudCall())
}
