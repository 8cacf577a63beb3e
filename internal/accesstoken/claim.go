package accesstoken

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sotercall/internal/secret"
)

// confirmInterval is how often WeChat is asked, at most, whether a token is refused
// that a client claims to be, while it is not.
const confirmInterval = time.Second

// errGood says that a client claims that a token is refused, and WeChat does not
// confirm it.
var errGood = fmt.Errorf("%w; WeChat does not confirm that", ErrStale)

// Claim is Replace for a client that says that WeChat has refused a token. Before the
// budget of Replace is spent on it, WeChat is asked whether it has. If it has not, or
// cannot be asked, the budget is the one of OnRequest, and the current token is returned
// if nothing is left of it.
func (c *Cache) Claim(ctx context.Context, token secret.Text, why Why) (Token, error) {
	next, err := c.get(ctx, ask{not: token, why: why, claimed: true})
	if errors.Is(err, errGood) {
		return c.Token(ctx)
	}
	return next, err
}

// confirmed returns q with the reason that counts, and the error for a budget that is used
// up: without WeChat's confirmation, a claim is no more than a request.
func (c *Cache) confirmed(ctx context.Context, q ask) (_ ask, usedUp error) {
	if q.claimed && !c.confirms(ctx, q.not) {
		q.why = OnRequest
		return q, errGood
	}
	return q, ErrStale
}

// confirms reports whether WeChat refuses token, as a client claims. While it does not,
// it is asked every confirmInterval at most, for all clients together, and they wait.
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
