package accesstoken

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"sotercall/internal/secret"
)

const (
	// fetchTimeout bounds one fetch. It is the life of the lease too: a fetch that
	// is not done by then counts as lost.
	fetchTimeout = 5 * time.Second
	// joinTimeout bounds the fetch together with the wait for the right to it.
	joinTimeout = 8 * time.Second
	// saveGrace is for how long who waits for a token waits for it to be saved, too.
	// Saving takes a millisecond or two, and a function may be frozen as soon as it
	// has answered; but a store that hangs must not keep a token from who needs it.
	saveGrace = 100 * time.Millisecond
	// saveTimeout bounds saving.
	saveTimeout = fetchTimeout
	// patience is how long a renewal may make calls wait that have a token which
	// is still good, and a call that only asks whether a token is held.
	patience = time.Second
	// retryRenewal is how long after a failed renewal the next one is tried, while
	// there is a token that is still good.
	retryRenewal = 2 * time.Second
	// hangPatience is how long a store that does not answer is waited for before this
	// instance fetches for itself. With the fetch and the call, it must fit into the 3
	// seconds that a function often has.
	hangPatience = 1800 * time.Millisecond
	// leasePauseLeast is the shortest wait before the store is asked whether the fetch
	// of another instance is done: longer than most fetches take.
	leasePauseLeast = 200 * time.Millisecond
	// retryHung is the pause before a store that did not answer in time is asked again.
	retryHung = 25 * time.Millisecond
	// recheck is how often, at most, it is asked whether there is a next token: when
	// a token is presented or named that is not known, and when the current one is
	// refused and no refresh is left.
	recheck = 5 * time.Second
	// recheckDoubtful is the same for a token that WeChat may accept in a moment.
	recheckDoubtful = 500 * time.Millisecond
	// newFor is how long WeChat's front ends may take to learn of a token.
	newFor = 2500 * time.Millisecond
	// maxMargin bounds the margin before expiry. WeChat renews a stable token five
	// minutes before its end.
	maxMargin = 5 * time.Minute
)

// Cache is a [Source] that fetches from an [Endpoint]. Make it with [NewCache].
type Cache struct {
	config Config

	mu      sync.Mutex
	state   State         // guarded by mu, as all below: what this instance knows
	past    []secret.Text // the last tokens that were current, the newest last
	flight  *flight       // the one under way; nil if none
	failure failure       // of the last fetch; zero if it succeeded
	// lastFailure is failure, and is kept when a later fetch succeeds.
	lastFailure failure
	adopted     time.Time   // when the current token became known here
	kept        secret.Text // the token for which the last fetch came to ErrStale
	keptAt      time.Time   // when it did
	denied      time.Time   // when WeChat last accepted a token that a client claimed to be refused
	named       time.Time   // when a token that is not known was last named to Refresh
	looked      time.Time   // when it was last looked for a token that was presented
	doubted     time.Time   // when such a token was first presented; see look
}

var _ Source = (*Cache)(nil)

// Config says where a [Cache] gets its tokens.
type Config struct {
	Endpoint Endpoint
	// Store is shared by all that fetch for the same appid at the same Endpoint.
	Store Store
	// Classic says that every fetch retires the token before (WeChat,
	// getAccessToken), so that one must not be spent on a mere look.
	Classic bool
	// Function says that Endpoint is a token function. It remembers failures
	// itself, and asking it costs WeChat nothing.
	Function bool
	// Refuses asks WeChat whether it refuses a token, as a client claims; nil: no claim
	// can be confirmed.
	Refuses func(ctx context.Context, token secret.Text) (bool, error)
	// Strangers is shared by all Caches of the process; nil: the Cache has its own.
	Strangers *Strangers
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// NewCache makes a Cache. Nothing is fetched before it is needed.
func NewCache(config Config) *Cache {
	if config.Strangers == nil {
		config.Strangers = NewStrangers(config.Now)
	}
	return &Cache{config: config}
}

// Token implements [Source]. A token within its margin is renewed; while that
// fails, or takes long, the token that is there is given as long as it lives.
func (c *Cache) Token(ctx context.Context) (Token, error) {
	for {
		token, f, err := c.tokenOnce(ctx)
		if f == nil || !f.mayRepeat(ctx, err) {
			return token, err
		}
	}
}

// tokenOnce is Token with one fetch at most, which is returned if the token is its.
func (c *Cache) tokenOnce(ctx context.Context) (Token, *flight, error) {
	c.mu.Lock()
	now := c.clock()
	current := c.state.Current
	failure := c.failure.remembered(now)
	switch {
	case current.alive(now) && (now.Before(current.Renew) || failure != nil || c.failure.recent(now)):
		c.mu.Unlock()
		return current, nil, nil
	case failure != nil:
		c.mu.Unlock()
		return Token{}, nil, failure
	}
	f := c.join(ctx, now, need{})
	c.mu.Unlock()

	if !current.alive(now) {
		token, err := f.wait(ctx)
		return token, f, err
	}
	patient, cancel := context.WithTimeout(ctx, patience-now.Sub(f.began))
	defer cancel()
	token, err := f.wait(patient)
	switch {
	case err == nil:
		return token, f, nil
	case current.alive(c.clock()):
		return current, nil, nil
	default: // its life has ended meanwhile
		token, err = f.wait(ctx)
		return token, f, err
	}
}

// Refresh implements [Source]. When the endpoint gives the very token that was
// refused, one forced refresh is spent on it, if the budget allows it; otherwise
// the error is ErrStale.
//
// A token that this instance has never held may be newer than the current one:
// of a token function without a shared store, each instance fetches for itself.
// Then it is asked, at most every few seconds, whether WeChat has gone on.
func (c *Cache) Refresh(ctx context.Context, stale secret.Text) (Token, error) {
	return c.replace(ctx, need{stale: stale})
}

// Renew implements [Source]. In classic mode, where every fetch makes a token, a new
// one is kept: front ends that do not know it yet would not know the next one either.
func (c *Cache) Renew(ctx context.Context, refused secret.Text, doubt Doubt) (Token, error) {
	return c.replace(ctx, need{stale: refused, doubt: doubt})
}

// Force replaces the current token on request, as force_refresh asks, within a
// part of the budget of forced refreshes: the rest is kept for Refresh. Where the
// part is used up, or the last one was a moment ago, nothing is refreshed and the
// current token is the answer, as at WeChat (getStableAccessToken).
func (c *Cache) Force(ctx context.Context) (Token, error) {
	current, err := c.Token(ctx)
	if err != nil {
		return Token{}, err
	}
	c.mu.Lock()
	may := c.state.mayForce(c.clock(), forcedOnRequest)
	c.mu.Unlock()
	if !may {
		return current, nil
	}
	token, err := c.replace(ctx, need{stale: current.Value, onRequest: true})
	if errors.Is(err, ErrStale) {
		return current, nil
	}
	return token, err
}

// replace brings a token that is not n.stale.
func (c *Cache) replace(ctx context.Context, n need) (Token, error) {
	for {
		c.mu.Lock()
		now := c.clock()
		current, failure := c.state.Current, c.failure.remembered(now)
		another := current.alive(now) && !current.Value.Equal(n.stale)
		switch {
		case another && (failure != nil || !c.mayBeNewer(n.stale, now)):
			c.mu.Unlock()
			return current, nil
		case failure != nil:
			c.mu.Unlock()
			return Token{}, failure
		case !another && c.isKept(n, now):
			c.mu.Unlock()
			return Token{}, ErrStale
		}
		f := c.join(ctx, now, n)
		c.mu.Unlock()

		token, err := f.wait(ctx)
		switch {
		case err == nil && token.Value.Equal(n.stale):
			// A fetch that others began for want of any token may bring the refused
			// one: then it is our turn.
			continue
		case errors.Is(err, ErrStale) && f.need.hasLess(n):
			continue // its budget was smaller
		case err != nil && another && ctx.Err() == nil:
			return current, nil
		case f.mayRepeat(ctx, err):
			continue
		}
		return token, err
	}
}

// mayBeNewer reports whether it is to be found out that WeChat has gone on to
// stale, and beyond. c.mu is held.
func (c *Cache) mayBeNewer(stale secret.Text, now time.Time) bool {
	if c.config.Classic || now.Sub(c.named).Abs() < recheck {
		return false
	}
	for _, old := range c.past {
		if old.Equal(stale) {
			return false
		}
	}
	c.named = now
	return true
}

// isKept reports whether a fetch has just failed to replace n.stale, and nothing
// has changed since: there is no refresh left, and a normal fetch, which would see
// it if somebody else had forced one, is not due again. c.mu is held.
func (c *Cache) isKept(n need, now time.Time) bool {
	if n.doubt == New && c.config.Classic && now.Sub(c.adopted).Abs() < newFor {
		return true
	}
	since := now.Sub(c.keptAt).Abs()
	if n.doubt != "" {
		return c.kept.Equal(n.stale) && since < recheckDoubtful
	}
	left := !c.config.Classic && c.state.mayForce(now, forcedPerDay)
	return c.kept.Equal(n.stale) && !left && since < recheck
}

// adopt makes state what this instance knows. c.mu is held.
func (c *Cache) adopt(state State, now time.Time) {
	if value := state.Current.Value; !value.IsZero() && !value.Equal(c.state.Current.Value) {
		c.past = append(c.past, value)
		c.past = c.past[max(0, len(c.past)-maxPast):]
		c.adopted = now
	}
	c.state = state
}

// maxPast is how many tokens are recognised as ones that were current: those of
// half a day, or of eight rotations.
const maxPast = 8

// clock reads the time without its monotonic part, which stands still while the
// function is frozen.
func (c *Cache) clock() time.Time { return c.config.Now().Round(0) }
