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

// Handler answers the call in both spellings. It may be used concurrently.
type Handler struct {
	// Verifier is asked once for each question that is well put.
	Verifier Verifier
	// Apps are the AppIDs that questions may be about; none where the platform
	// decides that.
	Apps []string
	// Purpose is the policy on purposes. The zero policy refuses each: it is for a
	// Verifier that looks at no challenge.
	Purpose PurposePolicy
}

// Verified is the [Result.Value] of a signature that was verified.
type Verified struct {
	Request // with the OpenID and the AppID that were meant
	Verdict Verdict
}

// Tokens reports which app owns an access_token that WeChat would accept; "" if none does.
type Tokens interface {
	Owner(ctx context.Context, accessToken string) (appID string, err error)
}

// Calls are the two forms of the call. The camelCase one stands behind gate. The
// snake_case one is authorized as at WeChat, by an access_token in the query that
// tokens holds. Without tokens nobody holds a token, and everybody is refused.
func (h *Handler) Calls(gate Gate, tokens Tokens) []Call {
	return []Call{
		{
			Name: Name, Style: CloudCall, Direct: true, Path: CloudCallPath, Root: true, Method: http.MethodPost, Gate: gate,
			Serve: func(r *http.Request) Result {
				return h.serve(r, camelCase, Answer.CloudCall)
			},
			Refuse: func(e *Error) []byte { return Answer{Err: e}.CloudCall() },
		},
		{
			Name: Name, Style: HTTPSCall, Path: HTTPSCallPath, Method: http.MethodPost, Gate: holding(tokens),
			Serve: func(r *http.Request) Result {
				return h.serve(r, snakeCase, Answer.HTTPSCall)
			},
		},
	}
}

func (h *Handler) serve(req *http.Request, s spelling, word func(Answer) []byte) Result {
	ctx := req.Context()
	refused := CallerFrom(ctx).CheckKnown()
	var body []byte
	if refused == nil {
		body, refused = ReadBody(req)
	}
	if refused != nil {
		return Result{Err: refused, Log: []slog.Attr{slog.Bool("isOk", false)}}
	}
	r, a := h.answer(ctx, s, body)
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

// answer answers a question in a spelling. The [Caller] of ctx, if a user, may leave
// out openid, which is then his own, and may not name another's. Which app is meant
// says [Caller.ResolveAppID]. The Request is zero when the question could not be
// read.
func (h *Handler) answer(ctx context.Context, s spelling, body []byte) (Request, Answer) {
	q, e := s.parse(body)
	r := q.Request
	if e != nil {
		return r, Answer{Err: e}
	}
	if e = h.Purpose.Check(r.Purpose); e != nil {
		return r, Answer{Err: e}
	}
	caller := CallerFrom(ctx)
	if r.OpenID == "" && caller.IsBackend() {
		return r, Answer{Err: missing(s.openid, body)}
	}
	if r.OpenID, e = caller.ResolveOpenID(r.OpenID); e != nil {
		return r, Answer{Err: e}
	}
	if r.AppID, e = caller.ResolveAppID(r.AppID, h.Apps); e != nil {
		return r, Answer{Err: e}
	}
	verdict, err := h.Verifier.Verify(ctx, r)
	if err != nil {
		return r, Answer{Err: AsError(err)}
	}
	if verdict.IsGenuine() {
		return r, Answer{Verdict: verdict}
	}
	return r, Answer{Verdict: verdict, Hint: s.hint(r), explain: q.explain}
}

// maxQuery bounds a query that is looked into. Real ones have some 200 bytes.
const maxQuery = 8 << 10

// maxToken bounds an access_token, in bytes, so that a guess costs little among many
// apps. WeChat asks for room for 512 characters ("getAccessToken").
const maxToken = 1 << 10

// holding is the gate of who presents an access_token that tokens holds.
func holding(tokens Tokens) Gate {
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
		return CallerFrom(r.Context()).WithProof().OnlyFor(appID), nil // the token is the app's, so that its backend calls
	}
}
