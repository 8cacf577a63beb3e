package accesstoken

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sotercall/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wechat is a token endpoint, and the API that accepts its tokens. It counts what
// it is asked for.
type wechat struct {
	now     func() time.Time
	life    time.Duration // of a token
	latency time.Duration // of a fetch
	classic bool          // each fetch makes a new token

	mu         sync.Mutex
	outage     func(ctx context.Context) (Grant, error) // guarded by mu, as all below; nil if there is none
	stubborn   bool                                     // force changes nothing
	made       int                                      // number of tokens made
	ends       time.Time                                // when the current token does
	previous   time.Time                                // when the one before does
	revoked    bool                                     // the current token is refused
	lastForced time.Time                                // when force last changed something: sooner than 30 s after, it does not
	normal     int                                      // fetches
	forced     int                                      // forced fetches
	stranger   []bool                                   // of each fetch, whether it was for a stranger when it ended
}

func newWechat() *wechat {
	return &wechat{now: time.Now, life: 2 * time.Hour, latency: 20 * time.Millisecond}
}

// Fetch implements Endpoint.
func (w *wechat) Fetch(ctx context.Context, r FetchRequest) (Grant, error) {
	w.mu.Lock()
	if r.Force {
		w.forced++
	} else {
		w.normal++
	}
	outage := w.outage
	w.mu.Unlock()
	if err := sleep(ctx, w.latency); err != nil {
		return Grant{}, err
	}
	w.mu.Lock()
	w.stranger = append(w.stranger, r.IsForStranger != nil && r.IsForStranger())
	w.mu.Unlock()
	if outage != nil {
		return outage(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	force := r.Force && !w.stubborn && w.now().Sub(w.lastForced) >= forcedSpacing
	if force {
		w.lastForced = w.now()
	}
	// The wire has whole seconds.
	if force || w.classic || w.ends.Sub(w.now()) < time.Second {
		w.rotate()
	}
	return Grant{Value: secret.New(tokenName(w.made)), ExpiresIn: w.ends.Sub(w.now()).Truncate(time.Second)}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func tokenName(n int) string { return fmt.Sprintf("token-%d", n) }

// rotate makes a new token. w.mu is held.
func (w *wechat) rotate() {
	now := w.now()
	w.previous = now.Add(Overlap)
	if w.ends.Before(w.previous) {
		w.previous = w.ends
	}
	if w.revoked {
		w.previous = now
	}
	w.made, w.ends, w.revoked = w.made+1, now.Add(w.life), false
}

// set changes what the endpoint does.
func (w *wechat) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *wechat) revoke() { w.set(func() { w.revoked = true }) }

func (w *wechat) accepts(token Token) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case token.Value.Matches(tokenName(w.made)):
		return !w.revoked && w.now().Before(w.ends)
	case token.Value.Matches(tokenName(w.made - 1)):
		return w.now().Before(w.previous)
	}
	return false
}

// fetches returns the counts and begins anew.
func (w *wechat) fetches() (normal, forced int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	normal, forced = w.normal, w.forced
	w.normal, w.forced = 0, 0
	return normal, forced
}

func (w *wechat) requireFetches(t testing.TB, normal, forced int) {
	t.Helper()
	n, f := w.fetches()
	require.Equal(t, [2]int{normal, forced}, [2]int{n, f}, "normal and forced fetches")
}

// call is a call to WeChat's API: a token that is refused is replaced, once.
func (w *wechat) call(ctx context.Context, source *Cache) error {
	token, err := source.Token(ctx)
	if err != nil || w.accepts(token) {
		return err
	}
	if token, err = source.Replace(ctx, token.Value, Refused); err != nil {
		return err
	}
	if !w.accepts(token) {
		return errors.New("40001")
	}
	return nil
}

// calls makes n concurrent calls to each source, and returns how many failed.
func (w *wechat) calls(t testing.TB, n int, sources ...*Cache) (failed int) {
	t.Helper()
	var count atomic.Int64
	var all sync.WaitGroup
	for _, source := range sources {
		for range n {
			all.Go(func() {
				if err := w.call(t.Context(), source); err != nil && count.Add(1) == 1 {
					t.Log("the first failure:", err)
				}
			})
		}
	}
	all.Wait()
	return int(count.Load())
}

func (w *wechat) cache(store Store) *Cache {
	return NewCache(Config{
		Endpoint: w, Store: store, Classic: w.classic, Now: w.now, Log: slog.New(slog.DiscardHandler),
	})
}

// bubble runs test by a clock that moves when all wait, and lets the fetches that
// nobody waits for come to their end.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t)
		time.Sleep(joinTimeout + saveTimeout)
	})
}

func TestThousandColdCallsMakeOneFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		c := w.cache(NewMemory(time.Now))
		assert.Zero(t, w.calls(t, 1000, c))
		w.requireFetches(t, 1, 0)
		assert.Zero(t, w.calls(t, 1000, c))
		w.requireFetches(t, 0, 0)
	})
}

func TestMarginIsATenthOfTheLifeAndFiveMinutesAtMost(t *testing.T) {
	for life, margin := range map[time.Duration]time.Duration{
		2 * time.Hour:    5 * time.Minute,
		50 * time.Minute: 5 * time.Minute,
		60 * time.Second: 6 * time.Second,
		7 * time.Second:  700 * time.Millisecond,
		time.Second:      100 * time.Millisecond,
	} {
		bubble(t, func(t *testing.T) {
			w := newWechat()
			w.life = life
			asked := time.Now()
			token, err := w.cache(NewMemory(time.Now)).Token(t.Context())
			require.NoError(t, err)
			assert.True(t, token.Expires.Equal(asked.Add(life)), "counted from the question, not from the answer")
			assert.Equal(t, margin, token.Expires.Sub(token.Renew))
		})
	}
}

// Real tokens live for two hours; a short life must make neither a storm nor a
// failure.
func TestShortLivesMakeNoStorm(t *testing.T) {
	for life, most := range map[time.Duration]int{60 * time.Second: 3, 7 * time.Second: 3, time.Second: 2} {
		for _, classic := range []bool{false, true} {
			bubble(t, func(t *testing.T) {
				w := newWechat()
				w.life, w.classic = life, classic
				c := w.cache(NewMemory(time.Now))
				const lives, callsPerLife = 10, 200
				for range lives * callsPerLife {
					require.NoError(t, w.call(t.Context(), c))
					time.Sleep(life / callsPerLife)
				}
				normal, forced := w.fetches()
				assert.LessOrEqual(t, normal, most*lives+1, life)
				assert.GreaterOrEqual(t, normal, lives, life)
				assert.Zero(t, forced)
			})
		}
	}
}

func TestImpatientWaiterLeavesAndTheFetchGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		w.latency = time.Second
		c := w.cache(NewMemory(time.Now))
		var others sync.WaitGroup
		began := time.Now()

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		others.Go(func() { // the one who started the fetch
			_, err := c.Token(ctx)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 10*time.Millisecond, time.Since(began))
		})
		synctest.Wait()
		others.Go(func() { // one who joined
			_, err := c.Replace(ctx, secret.New("stale"), Refused)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 10*time.Millisecond, time.Since(began))
		})
		others.Go(func() {
			_, err := c.Token(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, time.Second, time.Since(began))
		})
		others.Wait()
		w.requireFetches(t, 1, 0)
	})
}

func TestCancelledCallEndsWithItsOwnReason(t *testing.T) {
	bubble(t, func(t *testing.T) {
		reason := errors.New("the platform takes the function away")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(reason)
		_, err := newWechat().cache(NewMemory(time.Now)).Token(ctx)
		assert.ErrorIs(t, err, reason)
	})
}

func TestFetchHasADeadlineOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		w.latency = time.Hour
		began := time.Now()
		_, err := w.cache(NewMemory(time.Now)).Token(t.Context())
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, fetchTimeout, time.Since(began))
	})
}

func TestRenewalKeepsNobodyWaitingForLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		w.classic = true
		c := w.cache(NewMemory(time.Now))
		old, err := c.Token(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Until(old.Renew))

		w.latency = 4 * time.Second
		began := time.Now()
		token, err := c.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, old, token, "the last good token is given")
		assert.Equal(t, patience, time.Since(began))
		token, err = c.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, old, token)
		assert.Equal(t, patience, time.Since(began), "the next call does not wait again")

		time.Sleep(4 * time.Second)
		token, err = c.Token(t.Context())
		require.NoError(t, err)
		assert.NotEqual(t, old, token)
		w.requireFetches(t, 2, 0)
	})
}

func TestTokenThatEndsDuringItsRenewalIsNotGiven(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		c := w.cache(NewMemory(time.Now))
		old, err := c.Token(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Until(old.Expires) - patience/2)
		w.latency = 4 * time.Second
		token, err := c.Token(t.Context())
		require.NoError(t, err)
		assert.True(t, w.accepts(token), "the call waits for the new one")
		w.requireFetches(t, 2, 0)
	})
}

// A frozen function thaws hours later: its timers have not moved, the clock on the
// wall has.
func TestFetchOfAFrozenFunctionDoesNotBlock(t *testing.T) {
	for name, store := range map[string]func(now func() time.Time) Store{
		"a store":  func(now func() time.Time) Store { return NewMemory(now) },
		"no store": func(func() time.Time) Store { return brokenStore{} },
	} {
		t.Run(name, func(t *testing.T) { bubble(t, func(t *testing.T) { freeze(t, store) }) })
	}
}

func freeze(t *testing.T, store func(now func() time.Time) Store) {
	var frozen atomic.Int64
	w := newWechat()
	w.now = func() time.Time { return time.Now().Add(time.Duration(frozen.Load())) }
	w.classic = true
	c := w.cache(store(w.now))

	thaw := make(chan struct{})
	w.set(func() {
		w.outage = func(context.Context) (Grant, error) {
			<-thaw
			return Grant{Value: secret.New("from before"), ExpiresIn: time.Hour}, nil
		}
	})
	var first sync.WaitGroup
	first.Go(func() {
		_, err := c.Token(t.Context())
		assert.NoError(t, err, "who waits for it still gets a token")
	})
	time.Sleep(w.latency)
	w.set(func() { w.outage = nil })

	frozen.Store(int64(joinTimeout - 2*w.latency))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	_, err := c.Token(ctx)
	cancel()
	require.ErrorIs(t, err, context.DeadlineExceeded, "the twin: up to its time, it is the fetch to wait for")

	frozen.Store(int64(joinTimeout))
	token, err := c.Token(t.Context())
	require.NoError(t, err)
	require.True(t, w.accepts(token))

	close(thaw)
	first.Wait()
	synctest.Wait()
	again, err := c.Token(t.Context())
	require.NoError(t, err)
	assert.Equal(t, token, again, "what comes late replaces nothing")
	if memory, ok := c.config.Store.(*Memory); ok {
		stored, err := memory.Load(t.Context())
		require.NoError(t, err)
		assert.Equal(t, token, stored.Current, "nor in the store")
	}
}
