package accesstoken

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
)

// warm makes a Cache that holds a token, and a wechat that has counted nothing.
func warm(t *testing.T, change func(*wechat)) (*wechat, *Cache, Token) {
	t.Helper()
	w := newWechat()
	if change != nil {
		change(w)
	}
	c := w.cache(NewMemory(time.Now))
	token, err := c.Token(t.Context())
	require.NoError(t, err)
	w.requireFetches(t, 1, 0)
	return w, c, token
}

func TestThousandCallsWithARefusedTokenMakeOneFetch(t *testing.T) {
	for _, classic := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			w, c, _ := warm(t, func(w *wechat) { w.classic = classic })
			// Somebody else has got the next token, and the overlap is over.
			w.set(func() { w.rotate(); w.previous = w.now() })
			assert.Zero(t, w.calls(t, 1000, c))
			w.requireFetches(t, 1, 0)
		})
	}
}

// The same-token trap: the endpoint goes on giving the token that is refused.
func TestThousandCallsInTheSameTokenTrapMakeOneNormalAndOneForcedFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, _ := warm(t, nil)
		w.revoke()
		assert.Zero(t, w.calls(t, 1000, c))
		w.requireFetches(t, 1, 1)
		assert.Zero(t, w.calls(t, 1000, c))
		w.requireFetches(t, 0, 0)
	})
}

func TestWhoComesLateWithARefusedTokenMakesNoFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, old := warm(t, nil)
		w.revoke()
		token, err := c.Replace(t.Context(), old.Value, Refused)
		require.NoError(t, err)
		w.requireFetches(t, 1, 1)
		again, err := c.Replace(t.Context(), old.Value, Refused)
		require.NoError(t, err)
		assert.Equal(t, token, again)
		w.requireFetches(t, 0, 0)
	})
}

func TestRefreshOfAColdCacheFetches(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		token, err := w.cache(NewMemory(time.Now)).Replace(t.Context(), secret.New("from another life"), Refused)
		require.NoError(t, err)
		assert.True(t, w.accepts(token))
		w.requireFetches(t, 1, 0)
	})
}

func TestRefreshThatJoinsARenewalDoesNotTakeTheRefusedTokenFromIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, old := warm(t, nil)
		time.Sleep(time.Until(old.Renew))
		w.revoke()
		var both sync.WaitGroup
		both.Go(func() {
			_, err := c.Token(t.Context())
			assert.NoError(t, err)
		})
		time.Sleep(w.latency / 2)
		both.Go(func() {
			token, err := c.Replace(t.Context(), old.Value, Refused)
			assert.NoError(t, err)
			assert.True(t, w.accepts(token))
		})
		both.Wait()
		w.requireFetches(t, 2, 1)
	})
}

func TestForcedRefreshesAreThirtySecondsApart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, _ := warm(t, nil)
		w.revoke()
		require.NoError(t, w.call(t.Context(), c))
		w.requireFetches(t, 1, 1)
		forced := time.Now()

		w.revoke()
		for time.Since(forced) < forcedSpacing-time.Second {
			require.ErrorIs(t, w.call(t.Context(), c), ErrStale)
			time.Sleep(100 * time.Millisecond)
		}
		w.requireFetches(t, int(forcedSpacing/recheck), 0)

		time.Sleep(time.Until(forced.Add(forcedSpacing)))
		require.NoError(t, w.call(t.Context(), c))
		w.requireFetches(t, 1, 1)
	})
}

func TestTwentyForcedRefreshesADay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, _ := warm(t, func(w *wechat) { w.life = 30 * time.Hour })
		first := time.Now()
		for i := range forcedPerDay {
			w.revoke()
			require.NoError(t, w.call(t.Context(), c), i)
			w.requireFetches(t, 1, 1)
			time.Sleep(forcedSpacing)
		}
		w.revoke()
		lastForced := time.Now()
		for time.Since(first) < 23*time.Hour {
			require.ErrorIs(t, w.call(t.Context(), c), ErrStale)
			time.Sleep(2 * time.Second)
		}
		normal, forced := w.fetches()
		assert.Zero(t, forced, "the budget is used up")
		assert.LessOrEqual(t, normal, int(time.Since(lastForced)/recheck)+1, "no fetch per call")

		time.Sleep(time.Until(first.Add(24*time.Hour + time.Minute)))
		require.NoError(t, w.call(t.Context(), c))
		_, forced = w.fetches()
		assert.Equal(t, 1, forced)
	})
}

// With no forced refresh left, somebody else may still make WeChat go on.
func TestTokenThatSomebodyElseForcesIsFound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, _ := warm(t, nil)
		c.mu.Lock()
		for i := range forcedPerDay {
			c.memory.Forced = append(c.memory.Forced, time.Now().Add(-time.Hour-time.Duration(i)*time.Minute))
		}
		c.mu.Unlock()
		w.revoke()
		require.ErrorIs(t, w.call(t.Context(), c), ErrStale)
		w.set(func() { w.rotate() })
		require.ErrorIs(t, w.call(t.Context(), c), ErrStale, "it is not asked again at once")
		w.requireFetches(t, 1, 0)
		time.Sleep(recheck)
		require.NoError(t, w.call(t.Context(), c))
		w.requireFetches(t, 1, 0)
	})
}

func TestForcedRefreshThatChangesNothingIsSpent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, _ := warm(t, func(w *wechat) { w.stubborn = true })
		w.revoke()
		assert.Equal(t, 1000, w.calls(t, 1000, c))
		w.requireFetches(t, 1, 1)
		stored, err := c.config.Store.Load(t.Context())
		require.NoError(t, err)
		assert.Len(t, stored.Forced, 1, "all instances know")

		other := w.cache(c.config.Store)
		require.ErrorIs(t, w.call(t.Context(), other), ErrStale)
		_, forced := w.fetches()
		assert.Zero(t, forced)
	})
}

// Behind the classic path may stand a token server that gives the token it has.
func TestClassicModeForcesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		c := w.cache(NewMemory(time.Now))
		c.memory.classic, c.config.Classic = true, true
		require.NoError(t, w.call(t.Context(), c))
		w.fetches()
		w.revoke()
		require.ErrorIs(t, w.call(t.Context(), c), ErrStale)
		w.requireFetches(t, 1, 0)
	})
}

// inTime is a Store that, like Redis, does nothing once the context has ended.
type inTime struct{ *Memory }

func (s inTime) Save(ctx context.Context, lease Lease, state State) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.Memory.Save(ctx, lease, state)
}

// A fetch may use up all the time that it has; what it has spent is stored all
// the same, and the lease given back.
func TestForcedRefreshThatTakesTooLongIsSpent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, old := warm(t, nil)
		store := inTime{NewMemory(time.Now)}
		c.config.Store = store
		_, _, err := store.Acquire(t.Context(), fetchTimeout, false) // of an instance that is lost
		require.NoError(t, err)

		w.revoke()
		w.latency = 2 * time.Second
		_, err = c.Replace(t.Context(), old.Value, Refused)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		w.requireFetches(t, 1, 1)
		stored, err := store.Load(t.Context())
		require.NoError(t, err)
		assert.Len(t, stored.Forced, 1)
		lease(t, store)
	})
}
