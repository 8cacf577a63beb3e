package accesstoken

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
)

// functionEndpoint is how a token function that has the Cache answers.
type functionEndpoint struct{ *Cache }

func (e functionEndpoint) Fetch(ctx context.Context, r FetchRequest) (Grant, error) {
	var token Token
	var err error
	switch {
	case !r.Stale.IsZero():
		token, err = e.Replace(ctx, r.Stale, Refused)
	case r.Force:
		token, err = e.Replace(ctx, secret.Text{}, OnRequest)
	default:
		token, err = e.Token(ctx)
	}
	return Grant{Value: token.Value, ExpiresIn: token.Expires.Sub(e.config.Now())}, err
}

// behind is the Cache of a function that gets its tokens from a token function.
func behind(function *Cache) *Cache {
	return NewCache(Config{
		Endpoint: functionEndpoint{function}, Store: NewMemory(time.Now), Function: true,
		Now: function.config.Now, Log: slog.New(slog.DiscardHandler),
	})
}

// Tokens are taken away at WeChat again and again, more often than the budget of
// forced refreshes is large: it is not needed.
func TestRotationsBehindATokenFunctionFailNoCall(t *testing.T) {
	for _, classic := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			w, function, _ := warm(t, func(w *wechat) { w.classic = classic })
			fronts := []*Cache{behind(function), behind(function), behind(function)}
			require.Zero(t, w.calls(t, 10, fronts...))
			rotate := func(times int, apart time.Duration) {
				for range times {
					w.set(func() { w.rotate(); w.previous = w.now() })
					require.Zero(t, w.calls(t, 100, fronts...))
					w.requireFetches(t, 1, 0)
					time.Sleep(apart)
				}
			}
			rotate(2, 10*time.Second)
			rotate(20, time.Second)
			rotate(24, 31*time.Second)
		})
	}
}

// One rotation, 16 instances: whoever comes late gets the token that the first one
// made the function fetch, and forces nothing.
func TestLateRefreshesRetireNoFreshToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, function, _ := warm(t, nil)
		fronts := make([]*Cache, 16)
		for i := range fronts {
			fronts[i] = behind(function)
		}
		require.Zero(t, w.calls(t, 1, fronts...))
		for range 12 {
			var made int
			w.set(func() { w.rotate(); w.previous = w.now(); made = w.made })
			for i, front := range fronts {
				if i > 0 {
					time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				}
				require.Zero(t, w.calls(t, 3, front))
			}
			w.set(func() { assert.Equal(t, made, w.made) })
			w.requireFetches(t, 1, 0)
			time.Sleep(time.Minute)
		}
	})
}

// The token that WeChat keeps giving, although it refuses it, costs one forced
// refresh, made by the function.
func TestSameTokenTrapBehindATokenFunction(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, function, _ := warm(t, nil)
		fronts := []*Cache{behind(function), behind(function)}
		require.Zero(t, w.calls(t, 1, fronts...))
		w.revoke()
		assert.Zero(t, w.calls(t, 100, fronts...))
		w.requireFetches(t, 1, 1)
	})
}

// Without a shared store each instance of a token function has its own memory. One
// that is behind is told so by the name of a token that it does not know.
func TestTokenFunctionThatIsBehindAsksAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, late, _ := warm(t, nil)
		w.set(func() { w.rotate(); w.previous = w.now() })
		quick := w.cache(NewMemory(time.Now))
		newer, err := quick.Token(t.Context())
		require.NoError(t, err)
		w.set(func() { w.rotate(); w.previous = w.now() })
		w.fetches()

		token, err := late.Replace(t.Context(), newer.Value, Refused)
		require.NoError(t, err)
		assert.True(t, w.accepts(token))
		w.requireFetches(t, 1, 0)
		for range 100 {
			again, err := late.Replace(t.Context(), secret.New("junk"), Refused)
			require.NoError(t, err)
			assert.Equal(t, token, again)
			again, err = late.Replace(t.Context(), secret.New(tokenName(1)), Refused)
			require.NoError(t, err)
			assert.Equal(t, token, again)
		}
		w.requireFetches(t, 0, 0)
		time.Sleep(recheck)
		w.set(func() { w.outage = refuse(-1) })
		again, err := late.Replace(t.Context(), secret.New("junk"), Refused)
		require.NoError(t, err, "the current token is still the answer")
		assert.Equal(t, token, again)
		w.requireFetches(t, 1, 0)
	})
}

// A client that asks for a new token all day long leaves half of the budget to those
// whose token is refused, whichever instance it asks.
func TestForcingClientLeavesHalfOfTheBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, _ := warm(t, func(w *wechat) { w.life = 30 * time.Hour })
		instances := []*Cache{c, w.cache(c.config.Store), w.cache(c.config.Store)}
		for i := range 100 {
			_, err := instances[i%len(instances)].Replace(t.Context(), secret.Text{}, OnRequest)
			require.NoError(t, err)
			time.Sleep(forcedSpacing)
		}
		_, forced := w.fetches()
		assert.Equal(t, forcedOnRequest, forced)
		for i := range forcedPerDay - forcedOnRequest {
			w.revoke()
			require.Zero(t, w.calls(t, 10, instances...), i)
			time.Sleep(forcedSpacing)
		}
		_, forced = w.fetches()
		assert.Equal(t, forcedPerDay-forcedOnRequest, forced)
	})
}

// A refresh joins the fetch that a client has asked for, which may not force: it is
// then made again with the larger budget.
func TestRefreshThatJoinsARequestHasTheWholeBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, token := warm(t, func(w *wechat) { w.life = 30 * time.Hour })
		spent, err := c.config.Store.Load(t.Context())
		require.NoError(t, err)
		for i := range forcedOnRequest { // by another instance, as the store knows
			spent.Forced = append(spent.Forced, w.now().Add(time.Duration(i)*time.Minute-time.Hour))
		}
		require.NoError(t, c.config.Store.Save(t.Context(), lease(t, c.config.Store), spent))
		w.revoke()
		var both sync.WaitGroup
		both.Go(func() {
			forced, err := c.Replace(t.Context(), secret.Text{}, OnRequest)
			assert.NoError(t, err)
			assert.Equal(t, token, forced, "nothing is left for it")
		})
		time.Sleep(w.latency / 2)
		both.Go(func() { assert.NoError(t, w.call(t.Context(), c)) })
		both.Wait()
		w.requireFetches(t, 2, 1)
	})
}

// Two deployments in classic mode take each other's tokens away, and WeChat lets no
// token live beside the newest. They do not use up the day's 2,000 fetches.
func TestTwoClassicDeploymentsLeaveTheQuota(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		w.classic, w.latency = true, 0
		one, two := w.cache(NewMemory(time.Now)), w.cache(NewMemory(time.Now))
		strict := func() { w.set(func() { w.previous = w.now() }) }
		began, lastHour := time.Now(), 0
		for time.Since(began) < 24*time.Hour {
			_ = w.call(t.Context(), one)
			strict()
			_ = w.call(t.Context(), two)
			strict()
			time.Sleep(10 * time.Second)
			if time.Since(began) == 23*time.Hour {
				w.mu.Lock()
				lastHour = w.normal
				w.mu.Unlock()
			}
		}
		normal, _ := w.fetches()
		assert.Less(t, normal, 1200)
		assert.Greater(t, normal, lastHour, "the twin: they go on, more slowly")
	})
}
