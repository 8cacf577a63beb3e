package accesstoken

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"sotercall/internal/secret"
	"sotercall/internal/upstream"
)

const (
	// fetchTimeout bounds one fetch. It is also the life of the lease: an unfinished fetch
	// counts as lost then.
	fetchTimeout = 5 * time.Second
	// joinTimeout bounds the fetch together with the wait for the lease.
	joinTimeout = 8 * time.Second
	// saveGrace is how long a caller waits for a fetched token to reach the store. Saving
	// takes a millisecond or two, and a function may be frozen as soon as it has responded.
	// But a hanging store must not withhold the token from callers.
	saveGrace = 100 * time.Millisecond
	// saveTimeout bounds saving.
	saveTimeout = fetchTimeout
	// patience bounds how long a call with a valid token waits for its renewal. It also
	// bounds a call that only checks whether a presented token is ours.
	patience = time.Second
	// retryRenewal is the pause after a failed renewal while the token is still valid.
	retryRenewal = 2 * time.Second
	// hangPatience bounds the wait for a silent store. Then this instance fetches without
	// it. With the fetch and the call, it must fit into the 3 seconds that a function often
	// has.
	hangPatience = 1800 * time.Millisecond
	// leasePauseLeast is the shortest pause before the store is read again while another
	// instance fetches. Most fetches take less.
	leasePauseLeast = 200 * time.Millisecond
	// retryHung is the pause before a store that did not reply in time is read again.
	retryHung = 25 * time.Millisecond
	// recheck is the minimum time between checks for a newer token. They are due when an
	// unknown token is presented or named, and when the current one is refused and no
	// refresh is left.
	recheck = 5 * time.Second
	// recheckDoubtful is the same for a token that WeChat may accept in a moment.
	recheckDoubtful = 500 * time.Millisecond
	// maxMargin bounds the margin before expiry. WeChat renews a stable token five
	// minutes before its end.
	maxMargin = 5 * time.Minute
)

// Cache is a [Source] that fetches from an [Endpoint]. Make it with [NewCache].
type Cache struct {
	config   Config
	observer Observer // nil: none
	*tokenHealth

	mu     sync.Mutex
	memory memory    // guarded by mu, as all that follows
	flight *flight   // the one under way; nil if none
	denied time.Time // when WeChat last accepted a token that a client claimed to be refused
}

var _ Source = (*Cache)(nil)

// Config configures a [Cache].
type Config struct {
	Endpoint Endpoint
	// Store is shared by all caches that fetch for the same appid at the same Endpoint.
	Store Store
	// Classic says that every fetch retires the previous token (WeChat, getAccessToken). So
	// no fetch may be spent on a mere check.
	Classic bool
	// Function says that Endpoint is a token function. It caches failures itself, and
	// requests to it cost WeChat nothing.
	Function bool
	// Refuses reports whether WeChat refuses a token, as a client claims; nil: no claim can
	// be confirmed.
	Refuses func(ctx context.Context, token secret.Text) (bool, error)
	// Strangers is shared by all Caches of the process; nil: the Cache has its own.
	Strangers *Strangers
	// Now is the wall clock: the monotonic clock stands still while a function is frozen.
	Now func() time.Time
	Log *slog.Logger
	// Life bounds fetches, which outlive the call that began them; nil: as long as the
	// process.
	Life *upstream.Life
}

// NewCache returns a Cache. It fetches nothing before the first call.
func NewCache(config Config) *Cache {
	if config.Strangers == nil {
		config.Strangers = NewStrangers(config.Now)
	}
	return &Cache{
		config: config, tokenHealth: &tokenHealth{now: config.Now},
		memory: memory{classic: config.Classic, function: config.Function},
	}
}

// Token implements [Source]. A token within its margin is renewed. If that fails or is
// slow, the current token is returned as long as it lives.
func (c *Cache) Token(ctx context.Context) (Token, error) {
	return c.inUse(c.get(ctx, ask{why: anyToken}))
}

// Replace implements [Source]. If the endpoint returns the refused token again, it spends
// one forced refresh, if the budget allows it; otherwise the error is ErrStale.
//
// A token that this instance has never held may be newer than the current one. With a token
// function without a shared store, each instance fetches for itself. Then Replace checks,
// at most every few seconds, whether WeChat has a newer one.
//
// OnRequest may use a part of the budget only: the rest is reserved for tokens that WeChat
// has refused. If that part is used up, or the last forced refresh was a moment ago,
// Replace returns the current token, as WeChat does (getStableAccessToken).
func (c *Cache) Replace(ctx context.Context, token secret.Text, why Why) (Token, error) {
	if why == OnRequest {
		return c.force(ctx)
	}
	return c.inUse(c.get(ctx, ask{not: token, why: why}))
}

func (c *Cache) force(ctx context.Context) (Token, error) {
	current, err := c.Token(ctx)
	if err != nil {
		return Token{}, err
	}
	token, err := c.get(ctx, ask{not: current.Value, why: OnRequest})
	if errors.Is(err, ErrStale) {
		return current, nil
	}
	return token, err
}

// Warm fetches a token before a call needs one, if there is none. A concurrent call joins
// the fetch. Its failure is not cached: the next call fetches.
func (c *Cache) Warm(ctx context.Context) error {
	_, err := c.get(ctx, ask{why: beforeUse})
	return err
}

// get returns a token for q: from memory, or from a fetch that it begins or joins.
func (c *Cache) get(ctx context.Context, q ask) (Token, error) {
	for {
		c.mu.Lock()
		now, current := c.config.Now(), c.memory.Current
		decision, err := c.memory.decide(q, now)
		switch decision {
		case give:
			c.mu.Unlock()
			return current, nil
		case fail:
			c.mu.Unlock()
			return Token{}, err
		}
		f := c.join(ctx, now, q)
		c.mu.Unlock()

		if !current.alive(now) || current.Value.Equal(q.not) {
			current = Token{}
		}
		token, err := c.await(ctx, f, q, current)
		if !f.isToRepeat(ctx, q, token, err) {
			return token, err
		}
	}
}

// await returns the result of f, or the spare token if f fails. A call that takes any token
// waits for at most patience then.
func (c *Cache) await(ctx context.Context, f *flight, q ask, spare Token) (Token, error) {
	if spare.Value.IsZero() {
		return f.wait(ctx)
	}
	patient, cancel := ctx, context.CancelFunc(func() {})
	if q.why == anyToken {
		patient, cancel = context.WithTimeout(ctx, patience-c.config.Now().Sub(f.began))
	}
	defer cancel()
	token, err := f.wait(patient)
	switch {
	case err == nil:
		return token, nil
	case spare.alive(c.config.Now()):
		return spare, nil
	}
	return f.wait(ctx) // the spare token has expired meanwhile
}

// Inherit copies the tokens of before to c, which must be unused. c has another Endpoint
// for the same app, or another Store. A cached failure is copied if sameSecret says that
// the AppSecret is the same.
//
// before may still be in use: like two instances, the two share a Store and its lease. So c
// need not fetch if a fetch of before is under way.
func (c *Cache) Inherit(before *Cache, sameSecret bool) {
	before.mu.Lock()
	defer before.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.memory = before.memory
	c.memory.past = slices.Clone(before.memory.past)
	c.memory.classic, c.memory.function = c.config.Classic, c.config.Function
	if c.memory.last.hasFailed() && !sameSecret {
		c.memory.last = outcome{}
	}
	c.tokenHealth, c.denied = before.tokenHealth, before.denied
	c.config.Strangers = before.config.Strangers
}
