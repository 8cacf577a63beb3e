package accesstoken

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// CallName is the name of the direct call in its errMsg.
const CallName = "openapi.auth.getAccessToken"

// Paths of the two calls at the HTTP doors. What stands before them is passed
// over.
const (
	ClassicPath = "/cgi-bin/token"
	StablePath  = "/cgi-bin/stable_token"
)

// maxBody bounds a request; real ones have about 150 bytes.
const maxBody = 8 << 10

// Forcer is a Source that replaces its token on request, too.
type Forcer interface {
	Source
	// Force replaces the current token within the budget of forced refreshes.
	Force(ctx context.Context) (Token, error)
}

// Handler is the call surface of the token function, the one place that fetches
// access_tokens for all others.
//
// Over HTTP it speaks WeChat's own two calls, getAccessToken and
// getStableAccessToken, so that every WeChat SDK, and the verify function,
// reaches it by changing a base URL. What a client presents as its secret is a
// client secret of ours: the AppSecret never leaves the function. Whatever the
// client asks for, it gets the token that everybody has; a classic fetch
// retires nothing. A client that WeChat has refused a token names it in the field
// stale_token of getStableAccessToken's body: if another one is current it gets that,
// otherwise the token is refreshed.
//
// Invoked directly, which only a trusted backend may do, it answers in camelCase
// and can compare and refresh.
//
// Its fields are set before the first use and not changed after.
type Handler struct {
	Source Forcer
	// AppID is the only one that tokens are given for.
	AppID string
	// ClientSecrets let HTTP callers in. None means that nobody is let in.
	ClientSecrets []secret.Text
	Now           func() time.Time
	// Observe, if set, sees how each call ended: err is nil, or says why there was
	// no token.
	Observe func(ctx context.Context, errCode int, err error)
}

// Direct answers a direct invocation. {"staleToken":"…"} asks for another token
// than that one; any other object asks for the current one. A page of a Mini
// Program is refused: with a token it could act for the whole app.
func (h *Handler) Direct(ctx context.Context, event []byte) []byte {
	if openapi.CallerFrom(ctx) != (openapi.Caller{}) {
		return h.cloudCall(ctx, Token{}, openapi.NewError(openapi.CodeIllegalSource, "a page gets no access_token", nil))
	}
	var question struct {
		StaleToken secret.Text `json:"staleToken"`
	}
	if len(strings.TrimSpace(string(event))) > 0 {
		if err := json.Unmarshal(event, &question); err != nil {
			// The parser's own words could quote the token.
			return h.cloudCall(ctx, Token{}, openapi.NewError(openapi.CodeInvalidParam, `expected a JSON object, {} or {"staleToken":"…"}`, nil))
		}
	}
	if question.StaleToken.IsZero() {
		token, err := h.Source.Token(ctx)
		return h.cloudCall(ctx, token, err)
	}
	token, err := h.Source.Refresh(ctx, question.StaleToken)
	return h.cloudCall(ctx, token, err)
}

// Timer renews the token when it is due, so that no caller has to wait for it.
// The answer, which platforms keep, does not hold the token.
func (h *Handler) Timer(ctx context.Context, _ []byte) []byte {
	token, err := h.Source.Token(ctx)
	token.Value = secret.Text{}
	return h.cloudCall(ctx, token, err)
}

func (h *Handler) cloudCall(ctx context.Context, token Token, err error) []byte {
	type answer struct {
		AccessToken string `json:"accessToken,omitzero"`
		ExpiresIn   int64  `json:"expiresIn,omitzero"`
		ErrCode     int    `json:"errCode"`
		ErrMsg      string `json:"errMsg"`
	}
	if err != nil {
		e := h.refused(ctx, err)
		return marshal(answer{ErrCode: e.Code, ErrMsg: CallName + ":fail " + e.Message})
	}
	h.observe(ctx, 0, nil)
	return marshal(answer{token.Value.Reveal(), h.expiresIn(token), 0, CallName + ":ok"})
}

// BadRequest answers an event whose HTTP request is broken.
func (h *Handler) BadRequest(w http.ResponseWriter, r *http.Request, err error) {
	h.failure(w, r, http.StatusBadRequest, openapi.NewError(openapi.CodeInvalidParam, "the HTTP request in the event is broken", err))
}

// refused finds the Error of ours or of WeChat that err is about.
func (h *Handler) refused(ctx context.Context, err error) *openapi.Error {
	e := asError(err)
	h.observe(ctx, e.Code, err)
	return e
}

func asError(err error) *openapi.Error {
	var e *openapi.Error
	var refusal *Refusal
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &refusal):
		return openapi.Upstream(refusal.ErrCode, refusal.ErrMsg)
	case errors.Is(err, ErrStale):
		return openapi.Upstream(45009, "WeChat still gives the stale token, and the forced refreshes are used up for now")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return openapi.NewError(openapi.CodeTimeout, "WeChat did not give a token in time", nil)
	default:
		return openapi.NewError(openapi.CodeSystem, "WeChat could not be asked for a token", nil)
	}
}

func (h *Handler) observe(ctx context.Context, errCode int, err error) {
	if h.Observe != nil {
		h.Observe(ctx, errCode, err)
	}
}

// expiresIn is what is left of a token's life in whole seconds, at least 1.
func (h *Handler) expiresIn(token Token) int64 {
	return max(1, int64(token.Expires.Sub(h.Now())/time.Second))
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // bytes that are not UTF-8: nothing of ours, so nothing is told
		return []byte(`{"errCode":-604103,"errMsg":"` + CallName + `:fail -604103 call open API system error. internal error"}`)
	}
	return b
}
