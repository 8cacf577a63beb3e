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
	memory memory    // guarded by mu, as all below
	flight *flight   // the one under way; nil if none
	denied time.Time // when WeChat last accepted a token that a client claimed to be refused
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
	// Now is the clock on the wall: a function is frozen between calls, and the monotonic
	// clock stands still meanwhile.
	Now func() time.Time
	Log *slog.Logger
	// Life bounds fetches, which go on when the call that began them has ended; nil: the
	// process does.
	Life *upstream.Life
}

// NewCache makes a Cache. Nothing is fetched before it is needed.
func NewCache(config Config) *Cache {
	if config.Strangers == nil {
		config.Strangers = NewStrangers(config.Now)
	}
	return &Cache{
		config: config, tokenHealth: &tokenHealth{now: config.Now},
		memory: memory{classic: config.Classic, function: config.Function},
	}
}

// Token implements [Source]. A token within its margin is renewed; while that
// fails, or takes long, the token that is there is given as long as it lives.
func (c *Cache) Token(ctx context.Context) (Token, error) {
	return c.inUse(c.get(ctx, ask{why: anyToken}))
}

// Replace implements [Source]. When the endpoint gives the very token that was
// refused, one forced refresh is spent on it, if the budget allows it; otherwise
// the error is ErrStale.
//
// A token that this instance has never held may be newer than the current one:
// of a token function without a shared store, each instance fetches for itself.
// Then it is asked, at most every few seconds, whether WeChat has gone on.
//
// OnRequest is subject to a part of the budget: the rest is kept for tokens that WeChat
// has refused. Where the part is used up, or the last forced refresh was a moment ago, the
// current token is returned, as at WeChat (getStableAccessToken).
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

// Warm fetches a token before a call needs one, if there is none. A call that comes
// meanwhile joins the fetch. If it fails, that is not remembered: the next call fetches.
func (c *Cache) Warm(ctx context.Context) { _, _ = c.get(ctx, ask{why: beforeUse}) }

// get returns a token for q: from memory, or from the fetch that it begins or joins.
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

// await returns what f brings, or the spare token if that is in vain. A call that takes any
// token waits with patience then.
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
	return f.wait(ctx) // its life has ended meanwhile
}

// Inherit makes c, which has not been used yet, know the tokens that before knows. c
// has another Endpoint for the same app, or another Store. A failure is remembered on
// if sameSecret says that the AppSecret is the same.
//
// before may still be in use: like two instances, the two share a Store and its lease,
// so that a fetch of before that is under way spares c one.
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
