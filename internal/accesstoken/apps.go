package accesstoken

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// Apps are the Caches of several apps, by AppID. Each is for itself: what becomes of
// one app's token, and of the fetch of it, is nothing to the others.
type Apps map[string]*Cache

var _ openapi.Tokens = Apps(nil)

// atOnce is how many apps are looked after at a time.
const atOnce = 16

// Holder implements [openapi.Tokens]. A token that is known is answered from memory.
// For any other, each app's Cache is asked as by [Cache.Holds], for a second at most
// in all, with one difference where there are several apps: one of which there is no
// token here is no reason for a fetch that retires the token before (classic mode),
// because somebody else's token has been presented; the store is looked into.
//
// An app of which WeChat refuses to give tokens has none, and the others answer. The
// error says that it could not be found out.
func (a Apps) Holder(ctx context.Context, accessToken string) (string, error) {
	presented := secret.DigestOf(accessToken) // hashed once, for all apps
	for appID, cache := range a {
		if cache.holdsNow(presented) {
			return appID, nil
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errNotYet)
	defer cancel()
	var mu sync.Mutex
	var holder string
	var refused, unknown error
	refusals := 0
	settle := func(id string, held bool, err error) {
		mu.Lock()
		defer mu.Unlock()
		switch _, isRefusal := errors.AsType[*Refusal](err); {
		case held:
			holder = id
			cancel() // the others need not be asked
		case isRefusal:
			refused = err
			refusals++
		case err != nil:
			unknown = err
		}
	}
	// Apps whose fetches have failed come last: strangers can cause a few only.
	var well, failing []string
	var now time.Time // one for all: a thousand looks at the clock would take longer than the rest
	for id, cache := range a {
		if now.IsZero() {
			now = cache.clock()
		}
		if held, err, known := cache.holdsAtOnceAmong(ctx, presented, now, len(a)); known {
			settle(id, held, err)
		} else if cache.hasFailed() {
			failing = append(failing, id)
		} else {
			well = append(well, id)
		}
	}
	for _, ids := range [][]string{well, failing} {
		var asking errgroup.Group
		asking.SetLimit(atOnce)
		for _, id := range ids {
			asking.Go(func() error {
				held, err := a[id].holdsLaterAmong(ctx, presented, len(a))
				settle(id, held, err)
				return nil
			})
		}
		_ = asking.Wait() // none fails: settle has the errors
	}
	switch {
	case holder != "":
		return holder, nil
	case unknown != nil:
		return "", unknown
	case refusals == len(a):
		return "", refused
	}
	return "", nil
}

// hasFailed reports whether the last fetch has failed.
func (c *Cache) hasFailed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failure.err != nil
}

// holdsNow reports whether a token is known here to be in force.
func (c *Cache) holdsNow(presented secret.Digest) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.state.Current.Value.HasDigest(presented) && !c.state.Previous.Value.HasDigest(presented) {
		return false // without a look at the clock
	}
	now := c.clock()
	return c.state.Current.alive(now) && c.knows(presented, now)
}

// asksStoreOnly reports whether a fetch would retire the token of one of n apps, because
// somebody else's token was presented.
func (c *Cache) asksStoreOnly(n int) bool {
	if n == 1 || !c.config.Classic {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.state.Current.alive(c.clock())
}

// holdsAtOnceAmong is holdsAtOnce where the token may be one of any of n apps.
func (c *Cache) holdsAtOnceAmong(ctx context.Context, presented secret.Digest, now time.Time, n int) (held bool, err error, known bool) {
	if c.asksStoreOnly(n) {
		return false, nil, false
	}
	return c.holdsAtOnce(ctx, presented, now)
}

// holdsLaterAmong is holdsAfterFetch where the token may be one of any of n apps.
func (c *Cache) holdsLaterAmong(ctx context.Context, presented secret.Digest, n int) (bool, error) {
	if !c.asksStoreOnly(n) {
		return c.holdsAfterFetch(ctx, presented)
	}
	state, err := c.config.Store.Load(ctx)
	if err != nil {
		c.storeDown(err)
		return false, errNotYet
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	if state.supersedes(c.state, secret.Text{}, now) {
		c.adopt(state.with(c.state, now), now)
	}
	return c.knows(presented, now), nil
}
