package accesstoken

import (
	"context"
	"errors"
	"time"

	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

const (
	// lookTimeout bounds a look into the store.
	lookTimeout = 2 * time.Second
	// insist is for how long tokens that are not known are presented until WeChat is
	// asked whether there is a new one.
	insist = 30 * time.Second
)

// errNotYet says that this instance has no token yet, so that it does not know which
// ones are in force.
var errNotYet = openapi.NewError(openapi.CodeTimeout, "this instance has no access_token yet, ask again", nil)

// Holds reports whether accessToken is one that WeChat would accept from us.
//
// Strangers may ask, so a token that is not known costs nothing: the answer is what this
// instance knows, at once, and at most every few seconds a look is begun that nobody waits
// for. A token that another instance has fetched is known a moment later.
//
// Where a fetch is due in any case, because there is no token yet or the current one
// is within its margin, it is waited for, for a second at most. Without a token the
// answer is then that it could not be found out.
func (c *Cache) Holds(ctx context.Context, accessToken string) (bool, error) {
	presented := secret.DigestOf(accessToken)
	if held, err, known := c.holdsAtOnce(ctx, presented, c.clock()); known {
		return held, err
	}
	return c.holdsAfterFetch(ctx, presented)
}

// holdsAtOnce is Holds where no fetch is due at the time now; otherwise known is false.
func (c *Cache) holdsAtOnce(ctx context.Context, presented secret.Digest, now time.Time) (held bool, err error, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	alive, held, unavailable := c.state.Current.alive(now), c.knows(presented, now), c.unavailable(now)
	switch {
	case alive && held:
		return true, nil, true
	case alive && (now.Before(c.state.Current.Renew) || unavailable != nil):
		c.look(ctx, now)
		return false, nil, true
	case unavailable != nil:
		return false, unavailable, true
	}
	return false, nil, false
}

// holdsAfterFetch is Holds where a fetch is due, or under way.
func (c *Cache) holdsAfterFetch(ctx context.Context, presented secret.Digest) (bool, error) {
	c.mu.Lock()
	now := c.clock()
	under := c.underWay(now)
	c.mu.Unlock()

	began := now
	if under != nil {
		began = under.began
	}
	patient, cancel := context.WithTimeoutCause(ctx, patience-now.Sub(began), errNotYet)
	defer cancel()
	err := c.fetchForStranger(patient, under)
	c.mu.Lock()
	defer c.mu.Unlock()
	now = c.clock()
	if err != nil && !c.state.Current.alive(now) {
		return false, err
	}
	return c.knows(presented, now), nil
}

// fetchForStranger waits for the fetch under way, or for one of its own if there is none
// and strangers may cause one.
func (c *Cache) fetchForStranger(ctx context.Context, under *flight) error {
	if under != nil {
		_, err := under.wait(ctx)
		return err
	}
	if !c.config.Strangers.begin(ctx) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if now := c.clock(); now.Sub(c.looked).Abs() >= recheck { // another instance may have a token
			c.looked = now
			c.lookInStore(ctx)
		}
		return errNotYet
	}
	c.mu.Lock()
	now := c.clock()
	if c.state.Current.alive(now) && now.Before(c.state.Current.Renew) || c.unavailable(now) != nil {
		err := c.unavailable(now) // another call has fetched meanwhile
		c.mu.Unlock()
		c.config.Strangers.end(false)
		return err
	}
	f := c.join(ctx, now, need{presented: true})
	c.mu.Unlock()
	go func() {
		<-f.done
		c.config.Strangers.end(f.err != nil)
	}()
	_, err := f.wait(ctx)
	return err
}

// unavailable returns why there is no token, if the last fetch has failed so
// lately that a stranger's question is no reason for the next. c.mu is held.
func (c *Cache) unavailable(now time.Time) error {
	if c.failure.recent(now) {
		return c.failure.err
	}
	return c.failure.remembered(now)
}

// look begins to find out whether there is a token that this instance does not
// know: in the store, or at the token function. WeChat itself is asked only when
// such tokens have been presented for a while, because somebody else may have
// retired the current one there. c.mu is held.
func (c *Cache) look(ctx context.Context, now time.Time) {
	if now.Sub(c.looked).Abs() < recheck {
		return
	}
	c.looked = now
	switch {
	case c.failure.remembered(now) != nil, c.config.Classic:
		c.lookInStore(ctx)
	case c.config.Function:
		c.join(ctx, now, need{presented: true})
	case c.insisted(now) && c.config.Strangers.spend():
		c.doubted = time.Time{}
		c.join(ctx, now, need{presented: true})
	default:
		c.lookInStore(ctx)
	}
}

// insisted reports whether tokens that are not known have been presented for a
// while, and lately too. c.mu is held.
func (c *Cache) insisted(now time.Time) bool {
	since := now.Sub(c.doubted)
	if since < 0 || since > 2*insist {
		c.doubted, since = now, 0
	}
	return since >= insist
}

// lookInStore begins to bring what this instance knows up to date with the store.
func (c *Cache) lookInStore(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	go func() {
		defer cancel()
		state, err := c.config.Store.Load(ctx)
		if err != nil {
			c.storeDown(err)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if now := c.clock(); state.supersedes(c.state, secret.Text{}, now) {
			c.adopt(state.with(c.state, now), now)
		}
	}()
}

// knows reports whether a token is in force. c.mu is held.
func (c *Cache) knows(presented secret.Digest, now time.Time) bool {
	current, previous := &c.state.Current, &c.state.Previous
	return current.Value.HasDigest(presented) && current.alive(now) || previous.Value.HasDigest(presented) && previous.alive(now)
}

func (c *Cache) storeDown(err error) {
	if err != nil && !errors.Is(err, ErrOutrun) {
		c.config.Log.Warn("the token store does not answer", "error", err.Error())
	}
}
