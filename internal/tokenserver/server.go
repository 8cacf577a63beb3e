// Package tokenserver is the call surface of the token function, the central token server.
// It gives the access_tokens of [accesstoken.Cache] to clients, each with rights to some
// apps.
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

// CallName is the name of the call that returns a token to a direct event.
const CallName = "openapi.auth.getAccessToken"

// Source is the source of one app's tokens: an [accesstoken.Cache].
type Source interface {
	// Token returns the current token.
	Token(ctx context.Context) (accesstoken.Token, error)
	// Replace returns another token than the given one.
	Replace(ctx context.Context, token secret.Text, why accesstoken.Why) (accesstoken.Token, error)
	// Claim is Replace for a client that says that WeChat has refused the token.
	Claim(ctx context.Context, token secret.Text, why accesstoken.Why) (accesstoken.Token, error)
	// Status returns the state of the token.
	Status(ctx context.Context) accesstoken.Status
}

// Server is the call surface of the token function. It is the only place that fetches
// access_tokens.
//
// Over HTTP it serves WeChat's own two calls, getAccessToken and getStableAccessToken.
// Every WeChat SDK, and the verify function, can use it by changing a base URL. A client
// presents a client secret of ours: the AppSecret never leaves the function. Every client
// gets the same current token. Unlike WeChat's, our getAccessToken does not retire the
// previous token. If WeChat has refused a token, the client names it in the field
// stale_token of getStableAccessToken's body. If another token is current it gets that,
// otherwise the token is refreshed.
//
// Only the developer's backend may invoke it directly. The response is then in camelCase.
// The event can name a refused token in staleToken.
//
// Set its fields before the first use and do not change them after.
type Server struct {
	// Apps are the sources of tokens, by AppID.
	Apps map[string]Source
	// Clients are admitted over HTTP, each for its apps. Without any, none is.
	Clients []Client
	// Operators admits callers of getTokenStatus over HTTP; nil admits none.
	Operators openapi.Gate
	Now       func() time.Time
	// Log gets warnings about clients that do not store their token; nil for no warnings.
	Log *slog.Logger

	repeats repeats

	index    sync.Once // sets clients
	bySecret *secret.Index[*Client]
}

// Calls returns the direct call, WeChat's own two, and the one for operators.
func (h *Server) Calls() []openapi.Call {
	// Over HTTP the caller's rights are known only when the request has been read.
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

// atOnce is how many apps are handled at a time.
const atOnce = 16

// eachOf calls do for each of the apps, several at a time, and returns when all are done.
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

// ids returns the AppIDs, sorted.
func (h *Server) ids() []string { return slices.Sorted(maps.Keys(h.Apps)) }

// directEvent is the content of a direct event.
type directEvent struct {
	AppID      string      `json:"appid"`
	StaleToken secret.Text `json:"staleToken"`
	// If there are other calls, an event names its own.
	Call string `json:"call"`
	// WeChat's invokeCloudFunction adds it to a backend's event, without a user
	// ("invokeCloudFunction").
	UserInfo struct {
		AppID string `json:"appId"`
	} `json:"userInfo"`
}

// direct answers a direct event. {} requests the current token, {"staleToken":"…"} another
// one than that. appid names the app if there are several. An event of any other form gets
// no token: it was meant for another function. Only a backend gets one: with it a user
// could act for the whole app.
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
	var q directEvent
	err := json.Unmarshal(body, &q, json.RejectUnknownMembers(true))
	if err != nil || jsontext.Value(body).Kind() != '{' || q.Call != "" && q.Call != CallName {
		// The parser's error could quote the token.
		return openapi.Refused(openapi.NewError(openapi.CodeInvalidParam, `expected exactly {} or {"staleToken":"…"}, with appid if there are several apps`, nil))
	}
	appID, refused := caller.ResolveAppID(q.AppID, h.ids())
	if refused != nil {
		return openapi.Refused(refused)
	}
	source, log := h.Apps[appID], slog.String("appid", appID)
	if q.StaleToken.IsZero() {
		token, err := source.Token(ctx)
		return h.directResponse(token, err, log)
	}
	token, err := source.Replace(ctx, q.StaleToken, accesstoken.Refused)
	return h.directResponse(token, err, log)
}

// maxNamed bounds the apps in a log line.
const maxNamed = 10

// renew renews the tokens that are due, so that no caller has to wait for it. Platforms
// store the response, so it holds no token.
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
	return h.directResponse(first, failure, log...)
}

// directResponse returns the response to a direct event.
func (h *Server) directResponse(token accesstoken.Token, err error, log ...slog.Attr) openapi.Result {
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

// callError returns the caller's error for a missing token.
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

// expiresIn returns the rest of a token's life in whole seconds, at least 1.
func (h *Server) expiresIn(token accesstoken.Token) int64 {
	return max(1, int64(token.Expires.Sub(h.Now())/time.Second))
}

func given(log []slog.Attr, answer any) openapi.Result {
	body, err := json.Marshal(answer)
	if err != nil { // the token is not UTF-8
		return openapi.Refused(openapi.NewError(openapi.CodeSystem, "WeChat gave a token that cannot be passed on", nil), log...)
	}
	return openapi.Result{Body: body, Outcome: "ok", Log: log}
}
