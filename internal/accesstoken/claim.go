package accesstoken

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sotercall/internal/secret"
)

// confirmInterval is the minimum time between two requests to WeChat to confirm a client's
// claim, while WeChat accepts the token.
const confirmInterval = time.Second

// errGood says that WeChat does not confirm a client's claim that a token is refused.
var errGood = fmt.Errorf("%w; WeChat does not confirm that", ErrStale)

// Claim is Replace for a client that says that WeChat has refused a token. Before it spends
// the budget of Replace, it asks WeChat. If WeChat has not refused the token, or cannot be
// reached, the budget is the one of OnRequest. If nothing is left of that, it returns the
// current token.
func (c *Cache) Claim(ctx context.Context, token secret.Text, why Why) (Token, error) {
	next, err := c.get(ctx, ask{not: token, why: why, claimed: true})
	if errors.Is(err, errGood) {
		return c.Token(ctx)
	}
	return next, err
}

// confirmed returns q with the confirmed reason, and the error for a used-up budget.
// Without WeChat's confirmation, a claim is no more than a request.
func (c *Cache) confirmed(ctx context.Context, q ask) (_ ask, usedUp error) {
	if q.claimed && !c.confirms(ctx, q.not) {
		q.why = OnRequest
		return q, errGood
	}
	return q, ErrStale
}

// confirms reports whether WeChat refuses token, as a client claims. While it does not, it
// is asked at most once per confirmInterval, for all clients together, and they wait.
func (c *Cache) confirms(ctx context.Context, token secret.Text) bool {
	if c.config.Refuses == nil {
		return false
	}
	c.mu.Lock()
	wait := confirmInterval - c.config.Now().Sub(c.denied).Abs()
	c.mu.Unlock()
	if wait > 0 && !pause(ctx, wait) {
		return false
	}
	refuses, err := c.config.Refuses(ctx, token)
	if err != nil {
		c.config.Log.Warn("a client claims that WeChat refuses the access_token, and the request to WeChat failed", "error", err.Error())
	}
	if !refuses {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.denied = c.config.Now()
	}
	return refuses
}
