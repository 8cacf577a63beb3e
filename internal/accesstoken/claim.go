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

// Claim is Renew or, without a doubt, Refresh, for a client that says that WeChat has
// refused a token. Before the budget of Refresh is spent on it, WeChat is asked whether
// it has. If it has not, or cannot be asked, the budget is the one of Force, and the
// current token is returned if nothing is left of it.
func (c *Cache) Claim(ctx context.Context, refused secret.Text, doubt Doubt) (Token, error) {
	token, err := c.replace(ctx, need{stale: refused, claimed: true, doubt: doubt})
	if errors.Is(err, errGood) {
		return c.Token(ctx)
	}
	return token, err
}

// confirms reports whether WeChat refuses token, as a client claims. While it does not,
// it is asked every confirmInterval at most, for all clients together, and they wait.
func (c *Cache) confirms(ctx context.Context, token secret.Text) bool {
	if c.config.Refuses == nil {
		return false
	}
	c.mu.Lock()
	wait := confirmInterval - c.clock().Sub(c.denied).Abs()
	c.mu.Unlock()
	if wait > 0 && !pause(ctx, wait) {
		return false
	}
	refuses, err := c.config.Refuses(ctx, token)
	if err != nil {
		c.config.Log.Warn("a client claims that WeChat refuses the access_token, and WeChat could not be asked", "error", err.Error())
	}
	if !refuses {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.denied = c.clock()
	}
	return refuses
}
