// Package accesstoken provides the access_token for calls to WeChat.
//
// A [Source] returns the current token, and replaces one that WeChat has refused. [Cache]
// is the usual Source. It fetches from an [Endpoint] as seldom as possible: one of WeChat's
// two token endpoints, or a token function. Through a [Store] it shares each token with all
// other instances of the function. There is one Cache for each app, see [Apps]. A Cache
// answers a call in one of four ways: return its token, fail, look into the store, fetch.
// memory.decide chooses one, without a clock or I/O; all else carries that out.
//
// It rules out the known failures of token handling. Twenty concurrent calls make one
// fetch. A refused token is replaced by compare-and-refresh: a late caller gets the token
// that another has fetched. The margin before expiry follows the token's life, so that a
// short life makes no storm of fetches. A failed fetch does no harm while the last token is
// still valid.
//
// A function is frozen between calls, so nothing runs on a schedule: each call reads the
// clock. Some work goes on after a call: a fetch that others may join, saving a token, a
// look into the store. It is bounded, and harmless if it is frozen and goes on hours later.
// docs/tokens.md describes all this for operators.
package accesstoken

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// Overlap is how long WeChat still accepts the previous token (WeChat, getAccessToken and
// getStableAccessToken: 5 minutes).
const Overlap = 5 * time.Minute

// Token is an access_token and its times, by the wall clock.
type Token struct {
	Value secret.Text
	// Renew is when to fetch the next token, a margin before Expires.
	Renew time.Time
	// Expires is when WeChat stops accepting the token.
	Expires time.Time
	// Fetched is when the endpoint last returned it; zero if that is not known.
	Fetched time.Time
	// CloudBase marks a cloudbase_access_token, which the platform gives its functions and
	// which is sent under that name.
	CloudBase bool
}

// alive reports whether WeChat accepts t at the time now, as far as we know.
func (t Token) alive(now time.Time) bool { return !t.Value.IsZero() && now.Before(t.Expires) }

// Source provides access_tokens, and learns what WeChat says of them. It is safe for
// concurrent use; every method returns when its context ends.
type Source interface {
	// Token returns the current token.
	Token(ctx context.Context) (Token, error)
	// Replace returns another token than the one that must no longer be used. If that is
	// not the current one, nothing is fetched. If there is no other, the error is ErrStale.
	Replace(ctx context.Context, token secret.Text, why Why) (Token, error)
	// Accepted reports to the Source that WeChat has accepted token.
	Accepted(token secret.Text)
	// Refused reports to the Source that WeChat has refused token. It returns the reason to
	// replace the token, and whether it is new, so that waiting may help.
	Refused(token secret.Text) (why Why, isNew bool)
}

// Grant is the response of a token endpoint.
type Grant struct {
	Value     secret.Text
	ExpiresIn time.Duration
}

// Paths of WeChat's two token endpoints: getAccessToken and getStableAccessToken.
const (
	ClassicPath = "/cgi-bin/token"
	StablePath  = "/cgi-bin/stable_token"
)

// Endpoint fetches a token from WeChat, or from a token function.
type Endpoint interface {
	Fetch(ctx context.Context, r FetchRequest) (Grant, error)
}

// FetchRequest is a request to an [Endpoint].
type FetchRequest struct {
	// Stale is the token that WeChat has refused; zero if none is. It is sent to a token
	// function, which returns another one, and never to WeChat.
	Stale secret.Text
	// Why is Refused, Doubted or TooNew, if Stale is set. It is sent to a token function
	// only.
	Why Why
	// Force retires the current token and makes a new one. Only getStableAccessToken can.
	Force bool
	// IsForStranger reports whether only strangers wait for the token. Then the
	// Endpoint sends no more than one request to WeChat. Others may join while it fetches.
	// It is not nil.
	IsForStranger func() bool
}

// Doubt returns the value of the field doubt for [FetchRequest.Why]; empty for Refused.
func (r FetchRequest) Doubt() string { return doubts[r.Why] }

// doubts are the values of the field doubt. One token function sends it to another, to say
// why WeChat may accept a token although it has refused it.
var doubts = map[Why]string{Doubted: "accepted", TooNew: "new"}

// WhyRefused returns the reason that a value of the field doubt stands for. It is the
// inverse of [FetchRequest.Doubt].
func WhyRefused(doubt string) Why {
	switch doubt {
	case "":
		return Refused
	case doubts[TooNew]:
		return TooNew
	default:
		return Doubted
	}
}

// Refusal is the error of a token endpoint that returns no token, in WeChat's words.
type Refusal struct {
	ErrCode int
	ErrMsg  string
}

// Error implements error.
func (r *Refusal) Error() string {
	return fmt.Sprintf("the token endpoint refused: errcode %d %s", r.ErrCode, r.ErrMsg)
}

// ErrStale says that WeChat's token endpoint keeps returning a token that WeChat itself
// refuses. The budget for making a new one is used up for now.
var ErrStale = errors.New("the token endpoint still gives the token that was refused, and no forced refresh is left for now")

// retryAfter returns for how long the failure of a fetch is cached. That is long enough for
// an operator's fix or for WeChat's quota to recover, and short enough to notice it soon.
// Zero means that the next call may fetch again at once.
func retryAfter(err error) time.Duration {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return openapi.LookUp(refusal.ErrCode).RetryAfter
	}
	return 0
}
