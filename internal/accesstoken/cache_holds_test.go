package accesstoken

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
)

// owns reports whether accessToken is one of the only app, which has c.
func owns(ctx context.Context, c *Cache, accessToken string) (bool, error) {
	appID, err := Apps{"wxONLY": c}.Owner(ctx, accessToken)
	return appID != "", err
}

func holds(t *testing.T, c *Cache, accessToken string) bool {
	t.Helper()
	held, err := owns(t.Context(), c, accessToken)
	require.NoError(t, err)
	return held
}

func TestHoldsTheCurrentTokenAndThePreviousDuringTheOverlap(t *testing.T) {
	for _, classic := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			w, c, _ := warm(t, func(w *wechat) { w.classic, w.life = classic, time.Hour })
			assert.True(t, holds(t, c, tokenName(1)))
			assert.False(t, holds(t, c, ""))
			assert.False(t, holds(t, c, tokenName(0)))
			token, err := c.Token(t.Context())
			require.NoError(t, err)

			// In stable mode, it is WeChat that goes on to the next token.
			time.Sleep(time.Until(token.Renew))
			w.set(func() { w.ends = w.now() })
			require.NoError(t, w.call(t.Context(), c))
			renewed := time.Now()
			assert.True(t, holds(t, c, tokenName(2)))
			assert.True(t, holds(t, c, tokenName(1)), "the overlap")
			time.Sleep(time.Until(token.Expires) - time.Millisecond)
			assert.LessOrEqual(t, time.Since(renewed), Overlap)
			assert.True(t, holds(t, c, tokenName(1)))
			time.Sleep(time.Millisecond)
			assert.False(t, holds(t, c, tokenName(1)), "its life has ended")
		})
	}
}

func TestOverlapIsFiveMinutesForATokenThatWouldLiveLonger(t *testing.T) {
	s := stateOf("a").next(stateOf("b").Current, time.Now())
	c := newWechat().cache(NewMemory(time.Now))
	c.memory.State = s
	assert.True(t, c.memory.owns(secret.DigestOf("a"), time.Now().Add(Overlap-time.Second)))
	assert.False(t, c.memory.owns(secret.DigestOf("a"), time.Now().Add(Overlap)))
	assert.True(t, c.memory.owns(secret.DigestOf("b"), time.Now().Add(Overlap)))
}

func TestTokenThatWeChatRefusedIsNotHeld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, old := warm(t, nil)
		w.revoke()
		require.NoError(t, w.call(t.Context(), c))
		assert.False(t, holds(t, c, old.Value.Reveal()))
		assert.True(t, holds(t, c, tokenName(2)))
	})
}

// Strangers present junk while the token endpoint takes long: nobody waits, and
// nothing is asked upstream.
func TestJunkIsAnsweredFromWhatIsKnown(t *testing.T) {
	for _, classic := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			w, c, _ := warm(t, func(w *wechat) { w.classic = classic })
			w.set(func() { w.latency = 5 * time.Second })
			began := time.Now()
			for range 200 {
				assert.False(t, holds(t, c, "junk"))
			}
			assert.Zero(t, time.Since(began))
			assert.True(t, holds(t, c, tokenName(1)), "the twin")
			time.Sleep(insist)
			assert.False(t, holds(t, c, "junk"))
			assert.Zero(t, time.Since(began)-insist)
			time.Sleep(joinTimeout)
			w.requireFetches(t, map[bool]int{true: 0, false: 1}[classic], 0)
		})
	}
}

// Junk all day long has WeChat asked twice a minute at most, and the store once in
// five seconds.
func TestJunkCausesOneLookInAWhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, _ := warm(t, nil)
		store := &counting{Memory: c.config.Store.(*Memory)}
		c.config.Store = store
		began := time.Now()
		for time.Since(began) < 10*insist {
			assert.False(t, holds(t, c, "junk"))
			time.Sleep(recheck / 50)
		}
		normal, forced := w.fetches()
		assert.LessOrEqual(t, normal, 10)
		assert.GreaterOrEqual(t, normal, 8)
		assert.Zero(t, forced)
		assert.LessOrEqual(t, int(store.loads.Load()), int(10*insist/recheck))
	})
}

// counting counts what is asked of a store.
type counting struct {
	*Memory
	loads atomic.Int64
}

func (s *counting) Load(ctx context.Context) (State, error) {
	s.loads.Add(1)
	return s.Memory.Load(ctx)
}

// Another instance has fetched: one look finds it, and nobody waits for that.
func TestTokenOfAnotherInstanceIsFoundByOneLook(t *testing.T) {
	for _, classic := range []bool{false, true} {
		eachStore(t, func(t *testing.T, open func() Store) {
			w := newWechat()
			w.classic = classic
			c, other := w.cache(open()), w.cache(open())
			require.True(t, holds(t, c, tokenName(1)))
			w.set(func() { w.rotate(); w.previous = w.now() })
			require.NoError(t, w.call(t.Context(), other))
			current, err := other.Token(t.Context())
			require.NoError(t, err)
			w.fetches()

			assert.Eventually(t, func() bool { return holds(t, c, current.Value.Reveal()) }, recheck, time.Millisecond)
			w.requireFetches(t, 0, 0)
		})
	}
}

// Somebody else has made WeChat go on. Who insists is heard.
func TestTokenFromElsewhereIsFoundAfterAWhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, _ := warm(t, nil)
		w.set(func() { w.rotate() })
		began := time.Now()
		for !holds(t, c, tokenName(2)) {
			time.Sleep(time.Second)
		}
		assert.LessOrEqual(t, time.Since(began), insist+recheck+time.Second)
		w.requireFetches(t, 1, 0)
		assert.True(t, holds(t, c, tokenName(1)))
	})
	bubble(t, func(t *testing.T) { // presented now and then, they are no reason to ask
		w, c, _ := warm(t, nil)
		for range 10 {
			assert.False(t, holds(t, c, "junk"))
			time.Sleep(2*insist + time.Second)
		}
		w.requireFetches(t, 0, 0)
	})
}

// What stands before a token function asks it at once: that costs WeChat nothing.
func TestTokenOfATokenFunctionIsFoundByOneLook(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, function, old := warm(t, nil)
		c := behind(function)
		require.True(t, holds(t, c, tokenName(1)))
		w.set(func() { w.rotate(); w.previous = w.now() })
		_, err := function.Replace(t.Context(), old.Value, Refused)
		require.NoError(t, err)
		w.requireFetches(t, 1, 0)
		assert.False(t, holds(t, c, tokenName(2)))
		synctest.Wait()
		assert.True(t, holds(t, c, tokenName(2)))
		w.requireFetches(t, 0, 0)
	})
}

// A renewal that is due is waited for: WeChat's next token is presented as soon as
// there is one.
func TestNextTokenIsHeldAsSoonAsTheCurrentOneIsDue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, old := warm(t, nil)
		time.Sleep(time.Until(old.Renew))
		w.set(func() { w.rotate() })
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { assert.True(t, holds(t, c, tokenName(2)), "nobody is turned away while one looks") })
		}
		all.Wait()
		w.requireFetches(t, 1, 0)
		assert.True(t, holds(t, c, tokenName(1)))
	})
	bubble(t, func(t *testing.T) { // but not for long
		w, c, old := warm(t, nil)
		time.Sleep(time.Until(old.Renew))
		w.set(func() { w.latency = 5 * time.Second })
		began := time.Now()
		for range 200 {
			assert.False(t, holds(t, c, "junk"))
		}
		assert.Equal(t, patience, time.Since(began))
	})
}

func TestClassicModeLooksInTheStoreAndSpendsNoFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, old := warm(t, func(w *wechat) { w.classic = true })
		other := w.cache(c.config.Store)
		require.True(t, holds(t, other, tokenName(1)))
		_, err := other.Replace(t.Context(), old.Value, Refused)
		require.NoError(t, err)
		w.requireFetches(t, 1, 0)

		assert.False(t, holds(t, c, tokenName(2)))
		synctest.Wait()
		assert.True(t, holds(t, c, tokenName(2)))
		assert.False(t, holds(t, c, "made up"))
		w.requireFetches(t, 0, 0)
	})
}

// brokenStore fails as a Redis that is away does.
type brokenStore struct{ Store }

var errAway = errors.New("connection refused")

func (brokenStore) Load(context.Context) (State, error) { return State{}, errAway }
func (brokenStore) Acquire(context.Context, time.Duration, bool) (State, Lease, error) {
	return State{}, Lease{}, errAway
}
func (brokenStore) Save(context.Context, Lease, State) error { return errAway }
func (brokenStore) Release(context.Context, Lease) error     { return errAway }

// "Not held" and "could not find out" are different answers: an instance that has no
// token does not know which ones are in force.
func TestHoldsSaysThatItCouldNotFindOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		c := w.cache(NewMemory(time.Now))
		w.set(func() { w.outage = refuse(-1) })
		for range 10 {
			_, err := owns(t.Context(), c, tokenName(1))
			requireRefusal(t, -1, err)
			time.Sleep(100 * time.Millisecond)
		}
		w.requireFetches(t, 1, 0)
		w.set(func() { w.outage = nil })
		time.Sleep(retryRenewal)
		assert.True(t, holds(t, c, tokenName(1)))
	})
	bubble(t, func(t *testing.T) {
		w := newWechat()
		w.latency = 4 * time.Second
		c := w.cache(NewMemory(time.Now))
		began := time.Now()
		for range 200 {
			_, err := owns(t.Context(), c, tokenName(1))
			require.ErrorIs(t, err, errNotYet)
		}
		assert.Equal(t, patience, time.Since(began), "all of them together")
		time.Sleep(w.latency)
		assert.True(t, holds(t, c, tokenName(1)))
		w.requireFetches(t, 1, 0)
	})
}

func TestStoreThatIsAwayMakesNoTokenUnknown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, c, _ := warm(t, func(w *wechat) { w.classic = true })
		c.config.Store = brokenStore{}
		assert.False(t, holds(t, c, tokenName(2)))
		assert.True(t, holds(t, c, tokenName(1)))
	})
}
