package accesstoken

import (
	"context"
	"errors"
	"sync"

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
	for appID, cache := range a {
		if cache.holdsNow(accessToken) {
			return appID, nil
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errNotYet)
	defer cancel()
	var mu sync.Mutex
	var holder string
	var refused, unknown error
	refusals := 0
	look := func(id string) {
		held, err := a[id].holdsAmong(ctx, accessToken, len(a))
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
	for id, cache := range a {
		if cache.hasFailed() {
			failing = append(failing, id)
		} else {
			well = append(well, id)
		}
	}
	for _, ids := range [][]string{well, failing} {
		some(len(ids), func(i int) { look(ids[i]) })
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

// some calls do with 0 to n-1, some of them at a time, and returns when all are done.
func some(n int, do func(i int)) {
	var running sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for i := range n {
		free <- struct{}{}
		running.Go(func() {
			defer func() { <-free }()
			do(i)
		})
	}
	running.Wait()
}

// hasFailed reports whether the last fetch has failed.
func (c *Cache) hasFailed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failure.err != nil
}

// holdsNow reports whether accessToken is known here to be in force.
func (c *Cache) holdsNow(accessToken string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	return c.state.Current.alive(now) && c.knows(accessToken, now)
}

// holdsAmong is Holds where the token may be one of any of n apps.
func (c *Cache) holdsAmong(ctx context.Context, accessToken string, n int) (bool, error) {
	c.mu.Lock()
	alive := c.state.Current.alive(c.clock())
	c.mu.Unlock()
	if n == 1 || alive || !c.config.Classic {
		return c.Holds(ctx, accessToken)
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
	return c.knows(accessToken, now), nil
}
