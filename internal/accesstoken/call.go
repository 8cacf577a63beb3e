package accesstoken

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// CallName is the name of the call that gives a token to a direct event.
const CallName = "openapi.auth.getAccessToken"

// Paths of WeChat's own two calls over HTTP.
const (
	ClassicPath = "/cgi-bin/token"
	StablePath  = "/cgi-bin/stable_token"
)

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
// Invoked directly, which only the developer's backend may do, it answers in
// camelCase and can compare and refresh.
//
// Its fields are set before the first use and not changed after.
type Handler struct {
	Source Forcer
	// AppID is the only one that tokens are given for.
	AppID string
	// ClientSecrets let HTTP callers in. None means that nobody is let in.
	ClientSecrets []secret.Text
	Now           func() time.Time
}

// Calls are the direct call and WeChat's own two.
func (h *Handler) Calls() []openapi.Call {
	// Who may ask over HTTP is known when the request has been read.
	open := func(r *http.Request) (openapi.Caller, *openapi.Error) { return openapi.CallerFrom(r.Context()), nil }
	return []openapi.Call{
		{Name: CallName, Style: openapi.CloudCall, Direct: true, Serve: h.direct, Timer: h.renew},
		{Name: CallName, Style: openapi.HTTPSCall, Path: ClassicPath, Gate: open, Serve: h.classic},
		{Name: CallName, Style: openapi.HTTPSCall, Path: StablePath, Method: http.MethodPost, Gate: open, Serve: h.stable},
	}
}

// direct answers a direct event: {} asks for the current token,
// {"staleToken":"…"} for another than that one. Nothing else is answered with a
// token, since an event of any other form was meant for somebody else. Only a
// backend gets one: with it a user could act for the whole app.
func (h *Handler) direct(ctx context.Context, asked openapi.Asked) openapi.Result {
	if caller := openapi.CallerFrom(ctx); !caller.IsBackend() {
		return openapi.Refused(caller.Refused())
	}
	var question struct {
		StaleToken secret.Text `json:"staleToken"`
		// Where there are other calls, an event names this one.
		Call string `json:"call"`
		// WeChat's invokeCloudFunction adds it to the event of a backend, without a
		// user ("invokeCloudFunction").
		UserInfo struct {
			AppID string `json:"appId"`
		} `json:"userInfo"`
	}
	err := json.Unmarshal(asked.Event, &question, json.RejectUnknownMembers(true))
	if err != nil || jsontext.Value(asked.Event).Kind() != '{' || question.Call != "" && question.Call != CallName {
		// The parser's own words could quote the token.
		return openapi.Refused(openapi.NewError(openapi.CodeInvalidParam, `expected exactly {} or {"staleToken":"…"}`, nil))
	}
	if question.StaleToken.IsZero() {
		return h.told(h.Source.Token(ctx))
	}
	return h.told(h.Source.Refresh(ctx, question.StaleToken))
}

// renew renews the token when it is due, so that no caller has to wait for it. The
// answer, which platforms keep, does not hold the token.
func (h *Handler) renew(ctx context.Context) openapi.Result {
	token, err := h.Source.Token(ctx)
	token.Value = secret.Text{}
	return h.told(token, err)
}

// told is the answer to a direct event.
func (h *Handler) told(token Token, err error) openapi.Result {
	if err != nil {
		return openapi.Refused(callError(err))
	}
	return given(struct {
		AccessToken string `json:"accessToken,omitzero"`
		ExpiresIn   int64  `json:"expiresIn"`
		ErrCode     int    `json:"errCode"`
		ErrMsg      string `json:"errMsg"`
	}{token.Value.Reveal(), h.expiresIn(token), 0, CallName + ":ok"})
}

// callError words why there is no token.
func callError(err error) *openapi.Error {
	var refusal *Refusal
	if e, ok := errors.AsType[*openapi.Error](err); ok {
		return e
	}
	switch {
	case errors.As(err, &refusal):
		return openapi.Upstream(refusal.ErrCode, refusal.ErrMsg)
	case errors.Is(err, ErrStale):
		return openapi.Upstream(openapi.CodeDayQuota, "WeChat still gives the stale token, and the forced refreshes are used up for now")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return openapi.NewError(openapi.CodeTimeout, "WeChat did not give a token in time", err)
	default:
		return openapi.NewError(openapi.CodeSystem, "WeChat could not be asked for a token", err)
	}
}

// expiresIn is what is left of a token's life in whole seconds, at least 1.
func (h *Handler) expiresIn(token Token) int64 {
	return max(1, int64(token.Expires.Sub(h.Now())/time.Second))
}

func given(answer any) openapi.Result {
	body, err := json.Marshal(answer)
	if err != nil { // a token that is not UTF-8
		return openapi.Refused(openapi.NewError(openapi.CodeSystem, "WeChat gave a token that cannot be passed on", nil))
	}
	return openapi.Result{Body: body, Outcome: "ok"}
}
