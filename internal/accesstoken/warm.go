package accesstoken

import (
	"context"
	"slices"
)

// Warm fetches a token before a call needs one, if there is none. A call that comes
// meanwhile joins the fetch. If it fails, that is not remembered: the next call fetches.
func (c *Cache) Warm(ctx context.Context) {
	c.mu.Lock()
	now := c.clock()
	if c.state.Current.alive(now) || c.failure.remembered(now) != nil {
		c.mu.Unlock()
		return
	}
	f := c.join(ctx, now, need{early: true})
	c.mu.Unlock()
	_, _ = f.wait(ctx)
}

// Inherit makes c, which has not been used yet, know the tokens that before knows. c
// has another Endpoint for the same app, or another Store. A failure is remembered on
// if sameSecret says that the AppSecret is the same.
//
// before may still be in use: like two instances, the two share a Store and its lease,
// so that a fetch of before that is under way spares c one.
func (c *Cache) Inherit(before *Cache, sameSecret bool) {
	before.mu.Lock()
	defer before.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.past, c.adopted = before.state, slices.Clone(before.past), before.adopted
	c.kept, c.keptAt = before.kept, before.keptAt
	c.named, c.looked, c.doubted = before.named, before.looked, before.doubted
	c.lastFailure, c.denied, c.config.Strangers = before.lastFailure, before.denied, before.config.Strangers
	if sameSecret {
		c.failure = before.failure
	}
}
