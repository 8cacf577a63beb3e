package accesstoken

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func holds(t *testing.T, c *Cache, accessToken string) bool {
	t.Helper()
	held, err := c.Holds(t.Context(), accessToken)
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
	c := newWechat().cache(new(Memory))
	c.state = s
	assert.True(t, c.knows("a", time.Now().Add(Overlap-time.Second)))
	assert.False(t, c.knows("a", time.Now().Add(Overlap)))
	assert.True(t, c.knows("b", time.Now().Add(Overlap)))
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

func TestUnknownTokensCauseOneLookInAWhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, _ := warm(t, nil)
		began := time.Now()
		for time.Since(began) < 10*recheck {
			assert.False(t, holds(t, c, "made up"))
			time.Sleep(recheck / 50)
		}
		normal, forced := w.fetches()
		assert.LessOrEqual(t, normal, 10)
		assert.GreaterOrEqual(t, normal, 9)
		assert.Zero(t, forced)

		var all sync.WaitGroup
		time.Sleep(recheck)
		for range 1000 {
			all.Go(func() { assert.False(t, holds(t, c, "made up")) })
		}
		all.Wait()
		w.requireFetches(t, 1, 0)
	})
}

func TestNextTokenIsHeldAsSoonAsItIsPresented(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, _ := warm(t, nil)
		w.set(func() { w.rotate() })
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { assert.True(t, holds(t, c, tokenName(2)), "nobody is turned away while one looks") })
		}
		all.Wait()
		w.requireFetches(t, 1, 0)
		assert.True(t, holds(t, c, tokenName(1)))
	})
}

func TestClassicModeLooksInTheStoreAndSpendsNoFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, old := warm(t, func(w *wechat) { w.classic = true })
		other := w.cache(c.config.Store)
		require.True(t, holds(t, other, tokenName(1)))
		_, err := other.Refresh(t.Context(), old.Value)
		require.NoError(t, err)
		w.requireFetches(t, 1, 0)

		assert.True(t, holds(t, c, tokenName(2)))
		assert.False(t, holds(t, c, "made up"))
		w.requireFetches(t, 0, 0)
	})
}

// brokenStore fails as a Redis that is away does.
type brokenStore struct{ Store }

var errAway = errors.New("connection refused")

func (brokenStore) Load(context.Context) (State, error)                 { return State{}, errAway }
func (brokenStore) Lease(context.Context, time.Duration) (Lease, error) { return Lease{}, errAway }
func (brokenStore) Save(context.Context, Lease, State) error            { return errAway }
func (brokenStore) Release(context.Context, Lease) error                { return errAway }

// "Not held" and "could not find out" are different answers, the second time too.
func TestHoldsSaysThatItCouldNotFindOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, _ := warm(t, nil)
		w.set(func() { w.outage = refuse(-1) })
		for range 10 {
			_, err := c.Holds(t.Context(), tokenName(2))
			requireRefusal(t, -1, err)
			time.Sleep(100 * time.Millisecond)
		}
		w.requireFetches(t, 1, 0)
		assert.True(t, holds(t, c, tokenName(1)), "what is known is known")
		w.set(func() { w.outage = nil; w.rotate() })
		time.Sleep(retryRenewal)
		assert.True(t, holds(t, c, tokenName(2)))
	})
	bubble(t, func(t *testing.T) {
		_, c, _ := warm(t, func(w *wechat) { w.classic = true })
		c.config.Store = brokenStore{}
		for range 2 {
			_, err := c.Holds(t.Context(), tokenName(2))
			require.ErrorIs(t, err, errAway)
		}
		assert.True(t, holds(t, c, tokenName(1)))
	})
}
