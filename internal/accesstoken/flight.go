package accesstoken

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"sotercall/internal/journal"
)

// flight is one fetch, and its result for all callers that wait for it.
type flight struct {
	ask
	began  time.Time
	wanted atomic.Bool   // a caller waits that is no stranger
	done   chan struct{} // closed when token and err are set
	token  Token
	err    error
}

// isForStranger reports whether only strangers wait for the token.
func (f *flight) isForStranger() bool { return f.why == presented && !f.wanted.Load() }

// wait returns the result of the fetch, or earlier if ctx ends.
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

// isToRepeat reports whether a call for q that got token or err from f must decide anew. It
// must if f was begun for a caller with lesser needs, or has ended by its own deadline,
// before that of the call. ctx is the call's.
func (f *flight) isToRepeat(ctx context.Context, q ask, token Token, err error) bool {
	switch _, isBounded := ctx.Deadline(); {
	case err == nil:
		return token.Value.Equal(q.not) // f was begun for any token
	case errors.Is(err, ErrStale):
		return f.hasLess(q)
	case ctx.Err() != nil, q.why == beforeUse:
		return false
	case errors.Is(err, errFetchTime), errors.Is(err, ErrLeased):
		return isBounded
	default:
		return f.why == presented && retryAfter(err) == 0
	}
}

// hasLess reports whether a fetch for q may replace a token in fewer cases than one for
// other.
func (q ask) hasLess(other ask) bool {
	return q.why == OnRequest && other.why != OnRequest || q.claimed && !other.claimed ||
		q.why.isDoubtful() && !other.why.isDoubtful()
}

// underWay returns the fetch under way; nil if there is none. The caller holds c.mu.
func (c *Cache) underWay(now time.Time) *flight {
	if c.flight != nil && within(now, c.flight.began, joinTimeout) {
		return c.flight
	}
	return nil
}

// join returns the fetch under way, or begins one. It has a deadline of its own and goes on
// when its first caller leaves. The caller holds c.mu.
func (c *Cache) join(ctx context.Context, now time.Time, q ask) *flight {
	if f := c.underWay(now); f != nil {
		if q.why != presented {
			f.wanted.Store(true)
		}
		return f
	}
	f := &flight{ask: q, began: now, done: make(chan struct{})}
	c.flight = f
	known := c.memory.State
	c.config.Life.Beside(ctx, joinTimeout, func(ctx context.Context) { c.run(ctx, f, known) })
	return f
}

// run gets a token for f: the store's, if another instance was faster, or one from the
// endpoint.
func (c *Cache) run(ctx context.Context, f *flight, known State) {
	lease, state, err := c.lease(ctx, known, f.not)
	switch {
	case errors.Is(err, ErrLeased):
		c.finish(f, known, err)
		return
	case err != nil:
		// Without the store this instance goes on with the state in memory.
		c.storeDown(err)
		next, err := c.obtain(ctx, state, f)
		c.finish(f, next, err)
		return
	case lease == nil:
		c.finish(f, state, nil) // another instance has fetched it
		return
	}
	leased := c.config.Now()
	next, err := c.obtain(ctx, state, f)
	if within(c.config.Now(), leased, fetchTimeout) {
		timer := time.AfterFunc(saveGrace, func() { c.finish(f, next, err) })
		defer timer.Stop()
	} // else another instance may have fetched since, and only the store knows
	c.finish(f, c.settle(ctx, f, *lease, state, next, err), err)
}

// finish gives the result of a fetch to all callers that wait for it. If called again, it
// only gives this instance a newer token.
func (c *Cache) finish(f *flight, state State, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.config.Now()
	select {
	case <-f.done:
		if err == nil {
			c.memory.learn(state, f.not, now)
			c.holds()
		}
		return
	default:
	}
	f.token, f.err = state.Current, err
	close(f.done)
	if c.flight != f {
		return // it was abandoned, and another has begun since
	}
	c.flight = nil
	c.memory.note(f.ask, state, err, now)
	c.holds()
	if last := c.memory.last; last.hasFailed() {
		c.config.Log.Warn("no new access_token", "error", err.Error(), "until_next_fetch", last.life.String())
	}
}

// errFetchTime says that a fetch has ended by its own deadline.
var errFetchTime = fmt.Errorf("the token endpoint did not answer within %s: %w", fetchTimeout, context.DeadlineExceeded)

// obtain fetches a token. If the endpoint returns the refused token again, it fetches once
// more with force. The State is valid even with an error: it records the budget that was
// spent.
func (c *Cache) obtain(ctx context.Context, state State, f *flight) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	state, err := c.replacement(ctx, state, f)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w (%w)", errFetchTime, err)
	}
	return state, err
}

func (c *Cache) replacement(ctx context.Context, state State, f *flight) (State, error) {
	q := f.ask
	if c.config.Classic && !q.not.IsZero() {
		return c.replaceClassic(ctx, state, f)
	}
	token, err := c.fetch(ctx, FetchRequest{Stale: q.not, Why: q.why, IsForStranger: f.isForStranger})
	switch {
	case err != nil:
		return state, err
	case !token.Value.Equal(q.not):
		return state.without(q.not).next(token, c.config.Now()), nil
	case q.why.isDoubtful():
		return state, ErrStale
	}
	return c.replaceByForce(ctx, state, f)
}

// replaceClassic makes a new token within a budget. That retires the previous one.
func (c *Cache) replaceClassic(ctx context.Context, state State, f *flight) (State, error) {
	q, usedUp := c.confirmed(ctx, f.ask)
	state, may := state.refetch(c.config.Now(), q.why == OnRequest)
	if !may {
		return state, usedUp
	}
	token, err := c.fetch(ctx, FetchRequest{Stale: q.not, Why: q.why, IsForStranger: f.isForStranger})
	switch {
	case err != nil:
		return state, err
	// a token server behind the path returns the token that it has
	case token.Value.Equal(q.not):
		return state, usedUp
	}
	return state.without(q.not).next(token, c.config.Now()), nil
}

// replaceByForce makes a new token, within a budget, where the endpoint returns q.not
// again.
func (c *Cache) replaceByForce(ctx context.Context, state State, f *flight) (State, error) {
	q, usedUp := c.confirmed(ctx, f.ask)
	perDay := forcedPerDay
	if q.why == OnRequest {
		perDay = forcedOnRequest
	}
	if !state.mayForce(c.config.Now(), perDay) {
		return state, usedUp
	}
	state = state.forced(c.config.Now())
	token, err := c.fetch(ctx, FetchRequest{Force: true, IsForStranger: f.isForStranger})
	switch {
	case err != nil:
		return state, err
	case token.Value.Equal(q.not):
		return state, ErrStale
	}
	return state.without(q.not).next(token, c.config.Now()), nil
}

// fetch calls the endpoint.
func (c *Cache) fetch(ctx context.Context, r FetchRequest) (_ Token, err error) {
	defer func() { c.fetched(err) }()
	asked := c.config.Now()
	journal.From(ctx).Count("token_fetches", 1)
	grant, err := c.config.Endpoint.Fetch(ctx, r)
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
	return Token{Value: grant.Value, Renew: expires.Add(-margin), Expires: expires, Fetched: asked}, nil
}
