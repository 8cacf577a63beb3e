package accesstoken

import (
	"context"
	"errors"
	"slices"
	"time"

	"sotercall/internal/journal"
	"sotercall/internal/secret"
)

// flight is one fetch, and what all who wait for it get.
type flight struct {
	began time.Time
	done  chan struct{} // closed when token and err are set
	token Token
	err   error
}

// wait returns what the flight brings, or earlier if ctx ends.
func (f *flight) wait(ctx context.Context) (Token, error) {
	begin := time.Now()
	defer func() { journal.From(ctx).Spend("token_ms", time.Since(begin)) }()
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return Token{}, context.Cause(ctx)
	}
}

// board returns the flight under way, or starts one. The flight has a deadline
// of its own and goes on when the one who started it leaves. c.mu is held.
func (c *Cache) board(ctx context.Context, now time.Time, stale secret.Text) *flight {
	if c.flight != nil && now.Sub(c.flight.began) < flightTimeout {
		return c.flight
	}
	f := &flight{began: now, done: make(chan struct{})}
	c.flight = f
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flightTimeout)
	go func() {
		defer cancel()
		state, err := c.fly(ctx, stale)
		c.land(f, state, err, stale)
	}()
	return f
}

// land makes what a flight brought known.
func (c *Cache) land(f *flight, state State, err error, stale secret.Text) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	f.token, f.err = state.Current, err
	close(f.done)
	if c.flight != f {
		return // it was given up, another has started since
	}
	c.flight = nil
	c.failure, c.quiet, c.hopeless = nil, time.Time{}, secret.Text{}
	if err == nil {
		c.state = state
		return
	}
	c.state.Forced = state.Forced
	if errors.Is(err, ErrStale) {
		c.hopeless, c.gaveUp = stale, now
		return
	}
	c.failure, c.quiet = err, now.Add(memory(err))
	if current := c.state.Current; memory(err) == 0 && current.alive(now) {
		// The last moment of a token is not one to keep quiet in.
		c.quiet = earlier(now.Add(retryRenewal), current.Expires)
	}
	c.config.Log.Warn("no new access_token", "error", err.Error(), "until_next_fetch", c.quiet.Sub(now).String())
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// fly brings a token that is not stale: the store's, if another instance has
// been faster, or one from the endpoint.
func (c *Cache) fly(ctx context.Context, stale secret.Text) (State, error) {
	c.mu.Lock()
	known := c.state
	c.mu.Unlock()

	lease, state, err := c.lease(ctx, known, stale)
	switch {
	case errors.Is(err, ErrLeased):
		return known, err
	case err != nil:
		// Without the store this instance goes on with what it has in memory.
		c.storeDown(err)
		return c.fetch(ctx, known, stale)
	case lease == nil:
		return state, nil // another instance has fetched it
	}
	next, err := c.fetch(ctx, state, stale)

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	switch {
	case err == nil:
		next = c.save(ctx, *lease, next, stale)
	case !slices.Equal(next.Forced, state.Forced):
		c.storeDown(c.config.Store.Save(ctx, *lease, next)) // what was spent is spent
	default:
		c.storeDown(c.config.Store.Release(ctx, *lease))
	}
	return next, err
}

// save puts what was fetched into the store. It returns what is to be used: next,
// or what stands in the store if that is newer.
func (c *Cache) save(ctx context.Context, lease Lease, next State, stale secret.Text) State {
	err := c.config.Store.Save(ctx, lease, next)
	if !errors.Is(err, ErrOutrun) {
		c.storeDown(err)
		return next
	}
	newer, err := c.config.Store.Load(ctx)
	c.storeDown(err)
	if newer.supersedes(next, stale, c.clock()) {
		return newer.with(next, c.clock())
	}
	return next
}

func (c *Cache) storeDown(err error) {
	if err != nil && !errors.Is(err, ErrOutrun) {
		c.config.Log.Warn("the token store does not answer", "error", err.Error())
	}
}

// lease waits until this instance may fetch, or until another one has. In the
// second case the Lease is nil and State has the token.
func (c *Cache) lease(ctx context.Context, known State, stale secret.Text) (*Lease, State, error) {
	for {
		lease, err := c.config.Store.Lease(ctx, fetchTimeout)
		if err != nil && !errors.Is(err, ErrLeased) {
			return nil, State{}, err
		}
		state, loadErr := c.config.Store.Load(ctx)
		leased := err == nil
		spared := loadErr == nil && state.supersedes(known, stale, c.clock())
		if leased && (spared || loadErr != nil) {
			c.storeDown(c.config.Store.Release(ctx, lease))
		}
		switch {
		case loadErr != nil:
			return nil, State{}, loadErr
		case spared:
			return nil, state.with(known, c.clock()), nil
		case leased:
			return &lease, state.with(known, c.clock()), nil
		}
		select {
		case <-time.After(leasePoll):
		case <-ctx.Done():
			return nil, State{}, ErrLeased
		}
	}
}

// fetch asks the endpoint, and once more with force if it gives stale again. With
// an error the State is still the one to keep: it has what was spent.
func (c *Cache) fetch(ctx context.Context, state State, stale secret.Text) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	token, err := c.ask(ctx, false)
	if err != nil {
		return state, err
	}
	if token.Value.Equal(stale) {
		if c.config.Classic || !state.mayForce(c.clock()) {
			return state, ErrStale
		}
		state = state.forced(c.clock())
		token, err = c.ask(ctx, true)
		switch {
		case err != nil:
			return state, err
		case token.Value.Equal(stale):
			return state, ErrStale
		}
	}
	if c.config.Classic && !stale.IsZero() {
		state = state.forced(c.clock()) // it has retired the token before, as a forced refresh does
	}
	return state.without(stale).next(token, c.clock()), nil
}

func (c *Cache) ask(ctx context.Context, force bool) (Token, error) {
	asked := c.clock()
	journal.From(ctx).Count("token_fetches", 1)
	grant, err := c.config.Endpoint.Fetch(ctx, force)
	switch {
	case err != nil:
		return Token{}, err
	case grant.Value.IsZero():
		return Token{}, errors.New("the token endpoint gave an empty access_token")
	case grant.ExpiresIn <= 0:
		return Token{}, errors.New("the token endpoint gave a token that has expired")
	}
	margin := min(maxMargin, grant.ExpiresIn/10)
	expires := asked.Add(grant.ExpiresIn)
	return Token{Value: grant.Value, Renew: expires.Add(-margin), Expires: expires}, nil
}
