// Package tokenserver is the call surface of the token function, the central token
// server: it gives the access_tokens of [accesstoken.Cache] to clients, each of which
// has rights to some apps.
package tokenserver

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/upstream"
)

// CallName is the name of the call that gives a token to a direct event.
const CallName = "openapi.auth.getAccessToken"

// Source is what the tokens of one app come from: an [accesstoken.Cache].
type Source interface {
	// Token returns the current token.
	Token(ctx context.Context) (accesstoken.Token, error)
	// Replace returns another token than that one.
	Replace(ctx context.Context, token secret.Text, why accesstoken.Why) (accesstoken.Token, error)
	// Claim is Replace for a client that says that WeChat has refused the token.
	Claim(ctx context.Context, token secret.Text, why accesstoken.Why) (accesstoken.Token, error)
	// Status tells how the token is.
	Status(ctx context.Context) accesstoken.Status
}

// Server is the call surface of the token function, the one place that fetches
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
type Server struct {
	// Apps are what tokens are given of, by AppID.
	Apps map[string]Source
	// Clients are let in over HTTP, each for its apps. None means that nobody is.
	Clients []Client
	// Operators lets in over HTTP who may call getTokenStatus; nil means nobody.
	Operators openapi.Gate
	Now       func() time.Time
	// Log is told of clients that do not store their token; nil means nobody is.
	Log *slog.Logger

	repeats repeats

	index    sync.Once // sets the next
	bySecret *secret.Index[*Client]
}

// Calls are the direct call, WeChat's own two, and the one for operators.
func (h *Server) Calls() []openapi.Call {
	// Who may ask over HTTP is known when the request has been read.
	open := func(r *http.Request) (openapi.Caller, *openapi.Error) { return openapi.CallerFrom(r.Context()), nil }
	operators := h.Operators
	if operators == nil {
		operators = func(*http.Request) (openapi.Caller, *openapi.Error) { return openapi.Caller{}, noOperators }
	}
	return []openapi.Call{
		{Name: CallName, Style: openapi.CloudCall, Direct: true, Serve: h.direct, Timer: h.renew},
		{Name: CallName, Style: openapi.HTTPSCall, Path: accesstoken.ClassicPath, Gate: open, Serve: h.classic},
		{Name: CallName, Style: openapi.HTTPSCall, Path: accesstoken.StablePath, Method: http.MethodPost, Gate: open, Serve: h.stable},
		{Name: StatusName, Direct: true, Path: StatusPath, Method: http.MethodPost, Gate: operators, Serve: h.status},
	}
}

// atOnce is how many apps are looked after at a time.
const atOnce = 16

// eachOf calls do with each of the apps, some at a time, and returns when all are done.
func (h *Server) eachOf(ids []string, do func(i int, app Source)) {
	var all errgroup.Group
	all.SetLimit(atOnce)
	for i, id := range ids {
		all.Go(func() error {
			do(i, h.Apps[id])
			return nil
		})
	}
	_ = all.Wait() // none fails
}

// ids are the AppIDs, sorted.
func (h *Server) ids() []string { return slices.Sorted(maps.Keys(h.Apps)) }

// question is what a direct event may ask.
type question struct {
	AppID      string      `json:"appid"`
	StaleToken secret.Text `json:"staleToken"`
	// Where there are other calls, an event names its own.
	Call string `json:"call"`
	// WeChat's invokeCloudFunction adds it to the event of a backend, without a
	// user ("invokeCloudFunction").
	UserInfo struct {
		AppID string `json:"appId"`
	} `json:"userInfo"`
}

// direct answers a direct event: {} asks for the current token,
// {"staleToken":"…"} for another than that one; appid beside it says of which app,
// where there are several. Nothing else is answered with a token, since an event of
// any other form was meant for somebody else. Only a backend gets one: with it a
// user could act for the whole app.
func (h *Server) direct(r *http.Request) openapi.Result {
	ctx := r.Context()
	caller := openapi.CallerFrom(ctx)
	if !caller.IsBackend() {
		return openapi.Refused(caller.Refused())
	}
	body, refused := openapi.ReadBody(r)
	if refused != nil {
		return openapi.Refused(refused)
	}
	var q question
	err := json.Unmarshal(body, &q, json.RejectUnknownMembers(true))
	if err != nil || jsontext.Value(body).Kind() != '{' || q.Call != "" && q.Call != CallName {
		// The parser's own words could quote the token.
		return openapi.Refused(openapi.NewError(openapi.CodeInvalidParam, `expected exactly {} or {"staleToken":"…"}, with appid if there are several apps`, nil))
	}
	appID, refused := caller.ResolveAppID(q.AppID, h.ids())
	if refused != nil {
		return openapi.Refused(refused)
	}
	source, log := h.Apps[appID], slog.String("appid", appID)
	if q.StaleToken.IsZero() {
		token, err := source.Token(ctx)
		return h.told(token, err, log)
	}
	token, err := source.Replace(ctx, q.StaleToken, accesstoken.Refused)
	return h.told(token, err, log)
}

// maxNamed is how many apps a log line names.
const maxNamed = 10

// renew renews the tokens that are due, so that no caller has to wait for it. The
// answer, which platforms keep, does not hold a token.
func (h *Server) renew(ctx context.Context) openapi.Result {
	ids := h.ids()
	tokens, errs := make([]accesstoken.Token, len(ids)), make([]error, len(ids))
	h.eachOf(ids, func(i int, app Source) { tokens[i], errs[i] = app.Token(ctx) })
	var first accesstoken.Token
	var failed []string
	var failure error
	for i, id := range ids {
		switch {
		case errs[i] != nil:
			failed = append(failed, id)
			if failure == nil {
				failure = errs[i]
			}
		case first.Expires.IsZero() || tokens[i].Expires.Before(first.Expires):
			first = tokens[i]
		}
	}
	log := []slog.Attr{slog.String("appid", ids[0])}
	if len(ids) > 1 {
		log = []slog.Attr{slog.Int("apps", len(ids)), slog.Int("apps_failed", len(failed))}
		if len(failed) > 0 {
			log = append(log, slog.String("failed", strings.Join(failed[:min(len(failed), maxNamed)], " ")))
		}
	}
	first.Value = secret.Text{}
	return h.told(first, failure, log...)
}

// told is the answer to a direct event.
func (h *Server) told(token accesstoken.Token, err error, log ...slog.Attr) openapi.Result {
	if err != nil {
		return openapi.Refused(callError(err), log...)
	}
	return given(log, struct {
		AccessToken string `json:"accessToken,omitzero"`
		ExpiresIn   int64  `json:"expiresIn"`
		ErrCode     int    `json:"errCode"`
		ErrMsg      string `json:"errMsg"`
	}{token.Value.Reveal(), h.expiresIn(token), 0, CallName + ":ok"})
}

// callError words why there is no token.
func callError(err error) *openapi.Error {
	var refusal *accesstoken.Refusal
	if e, ok := errors.AsType[*openapi.Error](err); ok {
		return e
	}
	switch {
	case errors.As(err, &refusal):
		return openapi.Upstream(refusal.ErrCode, refusal.ErrMsg)
	case errors.Is(err, accesstoken.ErrStale):
		return openapi.Upstream(openapi.CodeDayQuota, "WeChat still gives the stale token, and the forced refreshes are used up for now")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return openapi.NewError(openapi.CodeTimeout, "WeChat did not give a token in time", err)
	default:
		message := "the request to WeChat for a token failed"
		if obstacle, ok := errors.AsType[*upstream.Obstacle](err); ok {
			message += ": " + obstacle.Sentence()
		}
		return openapi.NewError(openapi.CodeSystem, message, err)
	}
}

// expiresIn is what is left of a token's life in whole seconds, at least 1.
func (h *Server) expiresIn(token accesstoken.Token) int64 {
	return max(1, int64(token.Expires.Sub(h.Now())/time.Second))
}

func given(log []slog.Attr, answer any) openapi.Result {
	body, err := json.Marshal(answer)
	if err != nil { // a token that is not UTF-8
		return openapi.Refused(openapi.NewError(openapi.CodeSystem, "WeChat gave a token that cannot be passed on", nil), log...)
	}
	return openapi.Result{Body: body, Outcome: "ok", Log: log}
}
