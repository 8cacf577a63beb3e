// Package accesstoken keeps the access_token that calls to WeChat carry.
//
// A [Source] gives the token of the moment, and replaces one that WeChat has
// refused. [Cache] is the Source that most use: it asks an [Endpoint] (one of
// WeChat's two token endpoints, or a token function) as seldom as possible, and
// shares what it gets through a [Store] with all other instances of the function.
// There is one Cache for each app, see [Apps]. What it does for a call (give the token that
// it has, fail, look into the store, fetch) is decided by memory.decide, without a clock or
// I/O; all else carries that out.
//
// What goes wrong elsewhere is ruled out here. Twenty concurrent calls make one
// fetch. A refused token is replaced by compare-and-refresh: whoever comes late
// gets the token that another has fetched. The margin before expiry follows the
// token's life, so that a short life makes no storm of fetches. A fetch that
// fails does no harm while the last token is still good. A function is frozen
// between calls, so nothing runs on a schedule: the clock is looked at in each
// call, and what goes on after a call (a fetch that others may join, saving what
// was fetched, a look into the store) is bounded, and harmless when it is frozen
// and goes on hours later. docs/tokens.md tells all this to who operates it.
package accesstoken

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// Overlap is how long WeChat still accepts the token before the current one
// (WeChat, getAccessToken and getStableAccessToken: 5 minutes).
const Overlap = 5 * time.Minute

// Token is an access_token and its times, by the clock on the wall.
type Token struct {
	Value secret.Text
	// Renew is when to look for the next token, a margin before Expires.
	Renew time.Time
	// Expires is when WeChat stops accepting the token.
	Expires time.Time
	// Fetched is when the endpoint gave it last; zero if that is not known.
	Fetched time.Time
	// CloudBase says that it is a cloudbase_access_token, which the platform
	// gives its functions and which travels under that name.
	CloudBase bool
}

// alive reports whether WeChat accepts t at the time now, as far as we know.
func (t Token) alive(now time.Time) bool { return !t.Value.IsZero() && now.Before(t.Expires) }

// Source gives access_tokens, and is told what WeChat says of them. It may be used
// concurrently; every method returns when its context ends.
type Source interface {
	// Token returns the current token.
	Token(ctx context.Context) (Token, error)
	// Replace returns another token than the one that is not to be used any more. If that
	// is not the current one, nothing is fetched. If there is no other, the error is
	// ErrStale.
	Replace(ctx context.Context, token secret.Text, why Why) (Token, error)
	// Accepted is called when WeChat has accepted token.
	Accepted(token secret.Text)
	// Refused is called when WeChat has refused token. It returns why to replace the token,
	// and reports whether it is new, so that waiting may help.
	Refused(token secret.Text) (why Why, isNew bool)
}

// Grant is what a token endpoint answers.
type Grant struct {
	Value     secret.Text
	ExpiresIn time.Duration
}

// Paths of WeChat's two token endpoints: getAccessToken and getStableAccessToken.
const (
	ClassicPath = "/cgi-bin/token"
	StablePath  = "/cgi-bin/stable_token"
)

// Endpoint fetches a token from where tokens are made, or from a token function.
type Endpoint interface {
	Fetch(ctx context.Context, r FetchRequest) (Grant, error)
}

// FetchRequest is what an [Endpoint] is asked for.
type FetchRequest struct {
	// Stale is the token that WeChat has refused; zero if none is. A token function is
	// told, and gives another one. WeChat is not told.
	Stale secret.Text
	// Why is Refused, Doubted or TooNew, if Stale is set. A token function is told.
	Why Why
	// Force retires the current token and makes a new one, which only
	// getStableAccessToken can do.
	Force bool
	// IsForStranger reports whether nobody waits for the token but a stranger. Then the
	// Endpoint sends no more than one request to WeChat. Others may join while it fetches.
	// It is not nil.
	IsForStranger func() bool
}

// Doubt returns the word for [FetchRequest.Why] that token functions understand; empty for
// Refused.
func (r FetchRequest) Doubt() string { return doubts[r.Why] }

// doubts are the values of the field doubt, by which one token function tells another why
// WeChat may accept a token although it has refused it.
var doubts = map[Why]string{Doubted: "accepted", TooNew: "new"}

// WhyRefused returns the reason to replace a token that comes with that value of doubt.
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

// Refusal is the answer of a token endpoint that gives no token, in WeChat's
// words.
type Refusal struct {
	ErrCode int
	ErrMsg  string
}

// Error implements error.
func (r *Refusal) Error() string {
	return fmt.Sprintf("the token endpoint refused: errcode %d %s", r.ErrCode, r.ErrMsg)
}

// ErrStale says that WeChat's token endpoint keeps giving a token that WeChat
// itself refuses, and that the budget for making a new one is used up for now.
var ErrStale = errors.New("the token endpoint still gives the token that was refused, and no forced refresh is left for now")

// retryAfter tells for how long the failure of a fetch is remembered instead of
// fetching again: until a person has changed something, or until WeChat's quota
// has recovered. It is kept short enough that the change is seen soon. Zero
// means that the next call may try again at once.
func retryAfter(err error) time.Duration {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return openapi.LookUp(refusal.ErrCode).RetryAfter
	}
	return 0
}
