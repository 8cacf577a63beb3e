package openapi

import (
	"context"
	"log/slog"
	"net/http"
)

// Paths of the two forms over HTTP.
const (
	CloudCallPath = "/openapi/soter/verifySignature"
	HTTPSCallPath = "/cgi-bin/soter/verify_signature"
)

// VerifySignature serves the call in both spellings. It is safe for concurrent use.
type VerifySignature struct {
	// Verifier is called once for each well-formed request.
	Verifier Verifier
	// Apps are the AppIDs that requests may concern; none if the platform decides that.
	Apps []string
	// Purpose is the policy on purposes. The zero policy refuses each; use it if the
	// Verifier checks no challenges.
	Purpose PurposePolicy
}

// Verified is the [Result.Value] of a verification with a Verdict.
type Verified struct {
	Request // with the resolved OpenID and AppID
	Verdict Verdict
}

// Tokens reports which app owns an access_token that WeChat would accept; "" if none does.
type Tokens interface {
	Owner(ctx context.Context, accessToken string) (appID string, err error)
}

// Calls returns the two forms of the call. The camelCase one stands behind gate. The
// snake_case one is authorized as at WeChat, by an access_token in the query that tokens
// knows. If tokens is nil, every snake_case request is refused.
func (h *VerifySignature) Calls(gate Gate, tokens Tokens) []Call {
	return []Call{
		{
			Name: Name, Style: CloudCall, Direct: true, Path: CloudCallPath, Root: true, Method: http.MethodPost, Gate: gate,
			Serve: func(r *http.Request) Result {
				return h.serve(r, camelCase, Response.CloudCall)
			},
			Refuse: func(e *Error) []byte { return Response{Err: e}.CloudCall() },
		},
		{
			Name: Name, Style: HTTPSCall, Path: HTTPSCallPath, Method: http.MethodPost, Gate: requireToken(tokens),
			Serve: func(r *http.Request) Result {
				return h.serve(r, snakeCase, Response.HTTPSCall)
			},
		},
	}
}

func (h *VerifySignature) serve(req *http.Request, s spelling, word func(Response) []byte) Result {
	ctx := req.Context()
	refused := CallerFrom(ctx).CheckKnown()
	var body []byte
	if refused == nil {
		body, refused = ReadBody(req)
	}
	if refused != nil {
		return Result{Err: refused, Log: []slog.Attr{slog.Bool("isOk", false)}}
	}
	r, a := h.respond(ctx, s, body)
	log := make([]slog.Attr, 0, 5)
	log = append(log, slog.Bool("isOk", a.IsOK()))
	if r.AppID != "" {
		log = append(log, slog.String("appid", r.AppID))
	}
	if r.OpenID != "" {
		log = append(log, slog.String("openid", MaskOpenID(r.OpenID)))
	}
	if a.Err != nil {
		return Result{Err: a.Err, Log: log}
	}
	if reason := a.Verdict.Reason(); reason != "" {
		log = append(log, slog.String("reason", reason))
	}
	if a.Hint != "" {
		log = append(log, slog.String("hint", a.Hint))
	}
	return Result{Body: word(a), Value: Verified{Request: r, Verdict: a.Verdict}, Outcome: a.outcome(), Log: log}
}

// respond handles a request in one of the spellings of the call, camelCase or snake_case. If
// the [Caller] of ctx is a user, openid may be absent, and must not name another user.
// [Caller.ResolveAppID] finds the app. The Request is zero if the body could not be read.
func (h *VerifySignature) respond(ctx context.Context, s spelling, body []byte) (Request, Response) {
	q, e := s.parse(body)
	r := q.Request
	if e != nil {
		return r, Response{Err: e}
	}
	if e = h.Purpose.Check(r.Purpose); e != nil {
		return r, Response{Err: e}
	}
	caller := CallerFrom(ctx)
	if r.OpenID == "" && caller.IsBackend() {
		return r, Response{Err: missing(s.openid, body)}
	}
	if r.OpenID, e = caller.ResolveOpenID(r.OpenID); e != nil {
		return r, Response{Err: e}
	}
	if r.AppID, e = caller.ResolveAppID(r.AppID, h.Apps); e != nil {
		return r, Response{Err: e}
	}
	verdict, err := h.Verifier.Verify(ctx, r)
	if err != nil {
		return r, Response{Err: AsError(err)}
	}
	if verdict.IsGenuine() {
		return r, Response{Verdict: verdict}
	}
	return r, Response{Verdict: verdict, Hint: s.hint(r), explain: q.explain}
}

// maxQuery bounds a query that is parsed, in bytes. Real ones have some 200.
const maxQuery = 8 << 10

// maxToken bounds an access_token, in bytes, so that guessing costs little among many apps.
// WeChat advises to reserve 512 characters ("getAccessToken").
const maxToken = 1 << 10

// requireToken admits requests with an access_token that tokens knows.
func requireToken(tokens Tokens) Gate {
	invalid := func() *Error {
		return Upstream(CodeInvalidToken, "invalid credential, access_token is invalid or not latest")
	}
	return func(r *http.Request) (Caller, *Error) {
		token := ""
		if len(r.URL.RawQuery) <= maxQuery {
			token = r.URL.Query().Get("access_token")
		}
		if token == "" {
			return Caller{}, Upstream(CodeNoToken, "access_token missing")
		}
		if tokens == nil || len(token) > maxToken {
			return Caller{}, invalid()
		}
		appID, err := tokens.Owner(r.Context(), token)
		switch {
		case err != nil:
			return Caller{}, AsError(err)
		case appID == "":
			return Caller{}, invalid()
		}
		// only the app's backend has its token
		return CallerFrom(r.Context()).WithProof().OnlyFor(appID), nil
	}
}
