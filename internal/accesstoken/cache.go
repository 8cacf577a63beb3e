package accesstoken

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"sotercall/internal/journal"
	"sotercall/internal/secret"
)

const (
	// fetchTimeout bounds one fetch. It is the life of the lease too: a fetch that
	// is not done by then counts as lost.
	fetchTimeout = 5 * time.Second
	// flightTimeout bounds the fetch together with the wait for the right to it.
	flightTimeout = 8 * time.Second
	// patience is how long a renewal may make calls wait that have a token which
	// is still good.
	patience = time.Second
	// retryRenewal is how long after a failed renewal the next one is tried, while
	// there is a token that is still good.
	retryRenewal = 2 * time.Second
	// leasePoll is how often the store is asked whether the fetch of another
	// instance is done.
	leasePoll = 25 * time.Millisecond
	// recheck is how often, at most, a presented token that is not known makes
	// Holds ask where tokens come from whether it is the next one.
	recheck = 5 * time.Second
	// maxMargin bounds the margin before expiry. WeChat renews a stable token five
	// minutes before its end.
	maxMargin = 5 * time.Minute
)

// Cache is a [Source] that fetches from an [Endpoint]. Make it with [NewCache].
type Cache struct {
	config Config

	mu       sync.Mutex
	state    State       // guarded by mu, as all below: what this instance knows
	flight   *flight     // the fetch under way; nil if none
	failure  error       // of the last fetch
	quiet    time.Time   // until then nothing is fetched, failure is the answer
	hopeless secret.Text // the token for which the last Refresh came to ErrStale
	asked    time.Time   // when Holds last looked for a token it does not know
}

var _ Source = (*Cache)(nil)

// Config says where a [Cache] gets its tokens.
type Config struct {
	Endpoint Endpoint
	// Store is shared by all that fetch for the same appid.
	Store Store
	// Classic says that every fetch retires the token before (WeChat,
	// getAccessToken), so that one must not be spent on a mere look.
	Classic bool
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// NewCache makes a Cache. Nothing is fetched before it is needed.
func NewCache(config Config) *Cache { return &Cache{config: config} }

// flight is one fetch, and what all who wait for it get.
type flight struct {
	began time.Time
	done  chan struct{} // closed when token and err are set
	token Token
	err   error
}

// Token implements [Source]. A token within its margin is renewed; while that
// fails, or takes long, the token that is there is given as long as it lives.
func (c *Cache) Token(ctx context.Context) (Token, error) {
	c.mu.Lock()
	now := c.clock()
	current := c.state.Current
	switch {
	case current.alive(now) && now.Before(current.Renew):
		c.mu.Unlock()
		return current, nil
	case c.failure != nil && now.Before(c.quiet):
		err := c.failure
		c.mu.Unlock()
		if current.alive(now) {
			return current, nil
		}
		return Token{}, err
	}
	f := c.board(ctx, now, secret.Text{})
	c.mu.Unlock()

	if !current.alive(now) {
		return f.wait(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, patience-now.Sub(f.began))
	defer cancel()
	if token, err := f.wait(ctx); err == nil {
		return token, nil
	}
	return current, nil
}

// Refresh implements [Source]. When the endpoint gives the very token that was
// refused, one forced refresh is spent on it, if the budget allows it; otherwise
// the error is ErrStale.
func (c *Cache) Refresh(ctx context.Context, stale secret.Text) (Token, error) {
	for {
		c.mu.Lock()
		now := c.clock()
		current := c.state.Current
		switch {
		case current.alive(now) && !current.Value.Equal(stale):
			c.mu.Unlock()
			return current, nil
		case c.failure != nil && now.Before(c.quiet):
			err := c.failure
			c.mu.Unlock()
			return Token{}, err
		case c.hopeless.Equal(stale) && !c.state.mayForce(now):
			c.mu.Unlock()
			return Token{}, ErrStale
		}
		f := c.board(ctx, now, stale)
		c.mu.Unlock()

		token, err := f.wait(ctx)
		// A flight that others started for want of any token may bring the refused
		// one: then it is our turn.
		if err == nil && token.Value.Equal(stale) {
			continue
		}
		return token, err
	}
}

// Holds implements [Source].
func (c *Cache) Holds(ctx context.Context, accessToken string) (bool, error) {
	if _, err := c.Token(ctx); err != nil {
		return false, err
	}
	c.mu.Lock()
	now := c.clock()
	known := c.knows(accessToken, now)
	if known || now.Sub(c.asked) < recheck {
		c.mu.Unlock()
		return known, nil
	}
	c.asked = now
	c.mu.Unlock()
	if err := c.look(ctx); err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.knows(accessToken, c.clock()), nil
}

// look finds out whether another instance, or WeChat, has gone on to the next
// token.
func (c *Cache) look(ctx context.Context) error {
	if c.config.Classic {
		state, err := c.config.Store.Load(ctx)
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if state.Current.alive(c.clock()) {
			c.state = state
		}
		return nil
	}
	c.mu.Lock()
	f := c.board(ctx, c.clock(), secret.Text{})
	c.mu.Unlock()
	_, err := f.wait(ctx)
	return err
}

func (c *Cache) knows(accessToken string, now time.Time) bool {
	for _, token := range []Token{c.state.Current, c.state.Previous} {
		if token.alive(now) && token.Value.Matches(accessToken) {
			return true
		}
	}
	return false
}

// clock reads the time without its monotonic part, which stands still while the
// function is frozen.
func (c *Cache) clock() time.Time { return c.config.Now().Round(0) }

// wait returns what the flight brings, or earlier if ctx ends.
func (f *flight) wait(ctx context.Context) (Token, error) {
	select {
	case <-f.done:
		return f.token, f.err
	default:
	}
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
		c.hopeless = stale
		return
	}
	quiet := memory(err)
	if quiet == 0 && c.state.Current.alive(now) {
		quiet = retryRenewal
	}
	c.failure, c.quiet = err, now.Add(quiet)
	c.config.Log.Warn("no new access_token", "error", err.Error(), "until_next_fetch", quiet.String())
}

// fly brings a token that is not stale: the store's, if another instance has
// been faster, or one from the endpoint.
func (c *Cache) fly(ctx context.Context, stale secret.Text) (State, error) {
	c.mu.Lock()
	known := c.state
	c.mu.Unlock()

	lease, state, err := c.lease(ctx, known, stale)
	switch {
	case err == nil && lease == nil:
		return state, nil // another instance has fetched it
	case err != nil:
		// Without the store this instance goes on with what it has in memory.
		c.storeDown(err)
		return c.fetch(ctx, known, stale)
	}
	next, err := c.fetch(ctx, state, stale)
	switch {
	case err == nil:
		return c.save(ctx, *lease, next), nil
	case !slices.Equal(next.Forced, state.Forced):
		c.storeDown(c.config.Store.Save(ctx, *lease, next)) // what was spent is spent
	default:
		c.storeDown(c.config.Store.Release(ctx, *lease))
	}
	return next, err
}

// save puts what was fetched into the store, and returns what stands there.
func (c *Cache) save(ctx context.Context, lease Lease, next State) State {
	err := c.config.Store.Save(ctx, lease, next)
	if !errors.Is(err, ErrOutrun) {
		c.storeDown(err)
		return next
	}
	newer, err := c.config.Store.Load(ctx)
	if err == nil && newer.Current.alive(c.clock()) {
		return newer
	}
	c.storeDown(err)
	return next
}

func (c *Cache) storeDown(err error) {
	if err != nil {
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
		if loadErr != nil {
			return nil, State{}, loadErr
		}
		if state.supersedes(known, stale, c.clock()) {
			if err == nil {
				c.storeDown(c.config.Store.Release(ctx, lease))
			}
			return nil, state, nil
		}
		if err == nil {
			return &lease, state, nil
		}
		select {
		case <-time.After(leasePoll):
		case <-ctx.Done():
			return nil, State{}, ErrLeased
		}
	}
}

// fetch asks the endpoint, and once more with force if it gives stale again.
func (c *Cache) fetch(ctx context.Context, state State, stale secret.Text) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	token, err := c.ask(ctx, false)
	if err != nil {
		return state, err
	}
	if !token.Value.Equal(stale) {
		return state.next(token, c.clock()), nil
	}
	if !state.mayForce(c.clock()) {
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
	return state.next(token, c.clock()), nil
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
