package accesstoken

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sotercall/internal/secret"
)

const (
	// fetchTimeout bounds one fetch. It is the life of the lease too: a fetch that
	// is not done by then counts as lost.
	fetchTimeout = 5 * time.Second
	// flightTimeout bounds the fetch together with the wait for the right to it.
	flightTimeout = 8 * time.Second
	// settleTimeout bounds what is left to do with the store after a fetch, however
	// much time the fetch took.
	settleTimeout = time.Second
	// patience is how long a renewal may make calls wait that have a token which
	// is still good.
	patience = time.Second
	// retryRenewal is how long after a failed renewal the next one is tried, while
	// there is a token that is still good.
	retryRenewal = 2 * time.Second
	// leasePoll is how often the store is asked whether the fetch of another
	// instance is done.
	leasePoll = 25 * time.Millisecond
	// recheck is how often, at most, it is asked whether there is a next token: when
	// Holds is presented one that is not known, and when the current one is refused
	// and no forced refresh is left.
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
	gaveUp   time.Time   // when it did
	looked   time.Time   // when Holds last looked for a token it does not know
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

// Token implements [Source]. A token within its margin is renewed; while that
// fails, or takes long, the token that is there is given as long as it lives.
func (c *Cache) Token(ctx context.Context) (Token, error) {
	c.mu.Lock()
	now := c.clock()
	current := c.state.Current
	failure := c.remembered(now)
	switch {
	case current.alive(now) && (now.Before(current.Renew) || failure != nil):
		c.mu.Unlock()
		return current, nil
	case failure != nil:
		c.mu.Unlock()
		return Token{}, failure
	}
	f := c.board(ctx, now, secret.Text{})
	c.mu.Unlock()

	if !current.alive(now) {
		return f.wait(ctx)
	}
	patient, cancel := context.WithTimeout(ctx, patience-now.Sub(f.began))
	defer cancel()
	token, err := f.wait(patient)
	switch {
	case err == nil:
		return token, nil
	case current.alive(c.clock()):
		return current, nil
	default: // its life has ended meanwhile
		return f.wait(ctx)
	}
}

// Refresh implements [Source]. When the endpoint gives the very token that was
// refused, one forced refresh is spent on it, if the budget allows it; otherwise
// the error is ErrStale.
func (c *Cache) Refresh(ctx context.Context, stale secret.Text) (Token, error) {
	for {
		c.mu.Lock()
		now := c.clock()
		current, failure := c.state.Current, c.remembered(now)
		switch {
		case current.alive(now) && !current.Value.Equal(stale):
			c.mu.Unlock()
			return current, nil
		case failure != nil:
			c.mu.Unlock()
			return Token{}, failure
		case c.isHopeless(stale, now):
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

// remembered returns the failure of the last fetch while it is too early for the
// next one. c.mu is held.
func (c *Cache) remembered(now time.Time) error {
	if now.Before(c.quiet) {
		return c.failure
	}
	return nil
}

// isHopeless reports whether a fetch has just failed to replace stale, and nothing
// has changed since: there is no forced refresh left, and a normal fetch, which
// would see it if somebody else had forced one, is not due again. c.mu is held.
func (c *Cache) isHopeless(stale secret.Text, now time.Time) bool {
	return c.hopeless.Equal(stale) && !c.state.mayForce(now) && now.Sub(c.gaveUp).Abs() < recheck
}

// Holds implements [Source]. For a token that it does not know, it finds out at
// most every few seconds whether another instance, or WeChat, has gone on to the
// next one.
func (c *Cache) Holds(ctx context.Context, accessToken string) (bool, error) {
	if _, err := c.Token(ctx); err != nil {
		return false, err
	}
	c.mu.Lock()
	now := c.clock()
	known, looked := c.knows(accessToken, now), now.Sub(c.looked).Abs() < recheck
	c.mu.Unlock()
	if known || looked {
		return known, nil
	}
	if err := c.look(ctx); err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = c.clock()
	return c.knows(accessToken, c.looked), nil
}

// look brings what this instance knows up to date.
func (c *Cache) look(ctx context.Context) error {
	if c.config.Classic {
		return c.lookInStore(ctx)
	}
	c.mu.Lock()
	now := c.clock()
	if err := c.remembered(now); err != nil {
		c.mu.Unlock()
		return err
	}
	f := c.board(ctx, now, secret.Text{})
	c.mu.Unlock()
	_, err := f.wait(ctx)
	return err
}

func (c *Cache) lookInStore(ctx context.Context) error {
	state, err := c.config.Store.Load(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if state.supersedes(c.state, secret.Text{}, c.clock()) {
		c.state = state.with(c.state, c.clock())
	}
	return nil
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
