package accesstoken

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"sotercall/internal/journal"
	"sotercall/internal/secret"
)

// need is why a token is fetched.
type need struct {
	// stale has been refused: another token is needed. Zero if any will do.
	stale secret.Text
	// onRequest says that a client asks for a new token, and not that WeChat has
	// refused the current one: the budget is smaller.
	onRequest bool
	// claimed says that a client claims that WeChat has refused stale. Unless WeChat
	// confirms it, the budget is that of onRequest.
	claimed bool
	// early says that no call waits for the token yet: a failure is not remembered.
	early bool
	// doubt says why stale may be good all the same: then nothing is forced.
	doubt Doubt
	// presented says that somebody has presented a token that is not known.
	presented bool
}

// hasLess reports whether a fetch for n may replace less than one for other.
func (n need) hasLess(other need) bool {
	return n.onRequest && !other.onRequest || n.claimed && !other.claimed || n.doubt != "" && other.doubt == ""
}

type flightKey struct{}

// DoubtFrom tells an [Endpoint], by the context of Fetch, why the token that it is
// to replace may be good all the same; empty if it is not.
func DoubtFrom(ctx context.Context) Doubt {
	if f, ok := ctx.Value(flightKey{}).(*flight); ok {
		return f.need.doubt
	}
	return ""
}

// IsForStranger tells an [Endpoint], by the context of Fetch, that nobody waits for
// the token but a stranger. Then it sends no more than one request to WeChat.
func IsForStranger(ctx context.Context) bool {
	f, ok := ctx.Value(flightKey{}).(*flight)
	return ok && f.need.presented && !f.wanted.Load()
}

// flight is one fetch, and what all who wait for it get.
type flight struct {
	need   need
	began  time.Time
	wanted atomic.Bool   // somebody waits who is no stranger
	done   chan struct{} // closed when token and err are set
	token  Token
	err    error
}

// wait returns what the fetch brings, or earlier if ctx ends.
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

// mayRepeat reports whether a call that has got err from the fetch joins the next one:
// because the fetch ended by its own deadline, before that of the call, or was made for
// a stranger before the call joined it. ctx is the call's.
func (f *flight) mayRepeat(ctx context.Context, err error) bool {
	switch _, bounded := ctx.Deadline(); {
	case ctx.Err() != nil:
		return false
	case errors.Is(err, errFetchTime), errors.Is(err, ErrLeased):
		return bounded
	default:
		return f.need.presented && isPassing(err)
	}
}

// isPassing reports whether a failure is not remembered.
func isPassing(err error) bool { return err != nil && retryAfter(err) == 0 }

// failure is how a fetch failed.
type failure struct {
	err  error
	at   time.Time
	life time.Duration // how long nothing is fetched and err is the answer
}

// remembered returns the failure while it is too early for the next fetch. A clock
// that has been put back makes it forgotten.
func (f failure) remembered(now time.Time) error {
	if since := now.Sub(f.at); 0 <= since && since < f.life {
		return f.err
	}
	return nil
}

// recent reports whether it is too early for another fetch that is not urgent.
func (f failure) recent(now time.Time) bool {
	since := now.Sub(f.at)
	return f.err != nil && 0 <= since && since < retryRenewal
}

// underWay returns the fetch under way; nil if there is none. c.mu is held.
func (c *Cache) underWay(now time.Time) *flight {
	if c.flight != nil && now.Sub(c.flight.began).Abs() < joinTimeout {
		return c.flight
	}
	return nil
}

// join returns the fetch under way, or begins one. It has a deadline of its own
// and goes on when the one who began it leaves. c.mu is held.
func (c *Cache) join(ctx context.Context, now time.Time, n need) *flight {
	if f := c.underWay(now); f != nil {
		if !n.presented {
			f.wanted.Store(true)
		}
		return f
	}
	f := &flight{need: n, began: now, done: make(chan struct{})}
	c.flight = f
	known := c.state
	ctx = context.WithValue(ctx, flightKey{}, f)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), joinTimeout)
	go func() {
		defer cancel()
		c.run(ctx, f, known)
	}()
	return f
}

// run brings a token as f needs it: the store's, if another instance has been
// faster, or one from the endpoint.
func (c *Cache) run(ctx context.Context, f *flight, known State) {
	lease, state, err := c.lease(ctx, known, f.need.stale)
	switch {
	case errors.Is(err, ErrLeased):
		c.finish(f, known, err)
		return
	case err != nil:
		// Without the store this instance goes on with what it has in memory.
		c.storeDown(err)
		next, err := c.obtain(ctx, state, f.need)
		c.finish(f, next, err)
		return
	case lease == nil:
		c.finish(f, state, nil) // another instance has fetched it
		return
	}
	leased := c.clock()
	next, err := c.obtain(ctx, state, f.need)
	if c.clock().Sub(leased).Abs() < fetchTimeout {
		timer := time.AfterFunc(saveGrace, func() { c.finish(f, next, err) })
		defer timer.Stop()
	} // else another instance may have fetched since, and only the store knows
	c.finish(f, c.settle(ctx, f, *lease, state, next, err), err)
}

// finish gives what a fetch brought to all who wait for it. Called once more, it
// only tells this instance of a token that is newer still.
func (c *Cache) finish(f *flight, state State, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	select {
	case <-f.done:
		if err == nil && state.supersedes(c.state, f.need.stale, now) {
			c.adopt(state.with(c.state, now), now)
		}
		return
	default:
	}
	f.token, f.err = state.Current, err
	close(f.done)
	if c.flight != f {
		return // it was given up, another has begun since
	}
	c.flight = nil
	c.failure, c.kept = failure{}, secret.Text{}
	if err == nil {
		c.adopt(state, now)
		return
	}
	c.state.Forced, c.state.Spent = state.Forced, state.Spent
	if errors.Is(err, ErrStale) {
		if !errors.Is(err, errGood) {
			c.kept, c.keptAt = f.need.stale, now
		}
		return
	}
	c.failure = failure{err: err, at: now}
	if !c.config.Function && !f.need.early { // a token function remembers failures itself
		c.failure.life = retryAfter(err)
	}
	c.lastFailure = c.failure
	c.config.Log.Warn("no new access_token", "error", err.Error(), "until_next_fetch", c.failure.life.String())
}

// settle brings the store up to date and gives the lease back. It returns what is
// to be used: next, or what stands in the store if that is newer. A store that
// does not answer is asked again for as long as the lease lives.
func (c *Cache) settle(ctx context.Context, f *flight, lease Lease, before, next State, err error) State {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	spent := !slices.Equal(next.Forced, before.Forced) || !next.Spent.Equal(before.Spent)
	for {
		var failed error
		if err == nil || spent { // what was spent is spent
			failed = c.config.Store.Save(ctx, lease, next)
		} else {
			failed = c.config.Store.Release(ctx, lease)
		}
		switch {
		case failed == nil:
			return next
		case errors.Is(failed, ErrOutrun):
			return c.newer(ctx, f, next)
		case !isTimeout(failed) || !pause(ctx, retryHung):
			c.storeDown(failed)
			return next
		}
	}
}

// newer returns what stands in the store if that is newer than next, or next.
func (c *Cache) newer(ctx context.Context, f *flight, next State) State {
	stored, err := c.config.Store.Load(ctx)
	c.storeDown(err)
	if now := c.clock(); err == nil && stored.supersedes(next, f.need.stale, now) {
		return stored.with(next, now)
	}
	return next
}

// lease waits until this instance may fetch, or until another one has. In the
// second case the Lease is nil and State has the token. With an error State is
// what is known all the same.
//
// An instance that starts finds a token there most often, and then writes nothing to
// the store.
//
// A store that does not answer is waited for: briefly, because the fetch is possible
// without it; for as long as a fetch may take if another instance is known to be
// fetching, because otherwise all of them would.
func (c *Cache) lease(ctx context.Context, known State, stale secret.Text) (*Lease, State, error) {
	answered, taken := c.clock(), time.Time{} // when the store last answered, when a lease was first seen
	patience := func() time.Duration {
		if !taken.IsZero() {
			return fetchTimeout - c.clock().Sub(taken).Abs()
		}
		return hangPatience - c.clock().Sub(answered).Abs()
	}
	cold := known.Current.Value.IsZero() && stale.IsZero()
	for polls := 0; ; {
		attempt, cancel := context.WithTimeout(ctx, max(retryHung, patience()))
		state, lease, err := c.config.Store.Acquire(attempt, fetchTimeout, cold)
		leased, fresh := errors.Is(err, ErrLeased), errors.Is(err, ErrFresh)
		if leased && taken.IsZero() {
			taken = c.clock()
		}
		var loadErr error
		if err != nil && !leased && !fresh {
			if loadErr = err; !isTimeout(err) { // a store that cannot be written to may still be read
				state, loadErr = c.config.Store.Load(attempt)
			}
		}
		cancel()
		spared := loadErr == nil && state.supersedes(known, stale, c.clock())
		if err == nil && spared {
			c.storeDown(c.config.Store.Release(ctx, lease))
		}
		state = state.with(known, c.clock())
		wait := retryHung
		switch {
		case spared:
			return nil, state, nil
		case fresh: // to the store, but what it holds cannot be used
			cold = false
			continue
		case loadErr != nil && (!isTimeout(loadErr) || patience() <= 0):
			return nil, known, loadErr
		case loadErr == nil && err == nil:
			return &lease, state, nil
		case loadErr == nil && !leased:
			return nil, state, err
		case loadErr == nil:
			answered = c.clock()
			wait = leasePause(polls)
			polls++
			if left := patience(); 0 < left && left < wait {
				wait = left // then it is over, whatever has become of who has it
			}
		}
		if !pause(ctx, wait) {
			return nil, known, ErrLeased
		}
	}
}

// leasePause is how long to wait before the store is asked once more whether the fetch
// of another instance is done: twice as long after the first time, and somewhat at
// random, so that not all who wait ask at once.
func leasePause(polls int) time.Duration {
	least := leasePauseLeast << min(polls, 1)
	return least + rand.N(least)
}

// isTimeout tells a store that does not answer from one that cannot be reached or
// refuses.
func isTimeout(err error) bool {
	var e net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &e) && e.Timeout()
}

// pause waits for d, and reports whether ctx has time left.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// errFetchTime says that a fetch has ended by its own deadline.
var errFetchTime = fmt.Errorf("the token endpoint did not answer within %s: %w", fetchTimeout, context.DeadlineExceeded)

// obtain asks the endpoint, and once more with force if it gives n.stale again.
// With an error the State is still the one to keep: it has what was spent.
func (c *Cache) obtain(ctx context.Context, state State, n need) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	state, err := c.obtainWithin(ctx, state, n)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w (%w)", errFetchTime, err)
	}
	return state, err
}

func (c *Cache) obtainWithin(ctx context.Context, state State, n need) (State, error) {
	stale := ErrStale
	if c.config.Classic && !n.stale.IsZero() {
		// The fetch itself retires the token before.
		if n.claimed && !c.confirms(ctx, n.stale) {
			n.onRequest, stale = true, errGood
		}
		var may bool
		if state, may = state.refetch(c.clock(), n.onRequest); !may {
			return state, stale
		}
	}
	token, err := c.ask(ctx, n.stale, false)
	if err != nil {
		return state, err
	}
	if token.Value.Equal(n.stale) {
		if c.config.Classic || n.doubt != "" {
			return state, stale
		}
		if n.claimed && !c.confirms(ctx, n.stale) {
			n.onRequest, stale = true, errGood
		}
		if !state.mayForce(c.clock(), n.forcedPerDay()) {
			return state, stale
		}
		state = state.forced(c.clock())
		token, err = c.ask(ctx, secret.Text{}, true)
		switch {
		case err != nil:
			return state, err
		case token.Value.Equal(n.stale):
			return state, ErrStale
		}
	}
	return state.without(n.stale).next(token, c.clock()), nil
}

func (n need) forcedPerDay() int {
	if n.onRequest {
		return forcedOnRequest
	}
	return forcedPerDay
}

func (c *Cache) ask(ctx context.Context, stale secret.Text, force bool) (Token, error) {
	asked := c.clock()
	journal.From(ctx).Count("token_fetches", 1)
	grant, err := c.config.Endpoint.Fetch(ctx, stale, force)
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
