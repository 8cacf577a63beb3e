package accesstoken

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
)

// refuse is an endpoint that answers with an errcode.
func refuse(code int) func(context.Context) (Grant, error) {
	return func(context.Context) (Grant, error) { return Grant{}, &Refusal{ErrCode: code, ErrMsg: "in words"} }
}

var outages = map[string]func(context.Context) (Grant, error){
	"-1":             refuse(-1),
	"45009":          refuse(45009),
	"45011":          refuse(45011),
	"40164":          refuse(40164),
	"HTML":           func(context.Context) (Grant, error) { return Grant{}, errors.New("the reply is not JSON") },
	"an empty token": func(context.Context) (Grant, error) { return Grant{ExpiresIn: time.Hour}, nil },
	"a dead token": func(context.Context) (Grant, error) {
		return Grant{Value: secret.New("dead"), ExpiresIn: 0}, nil
	},
	"nothing": func(ctx context.Context) (Grant, error) {
		<-ctx.Done()
		return Grant{}, ctx.Err()
	},
}

func TestCallsGoOnDuringAnOutageAsLongAsTheTokenLives(t *testing.T) {
	for name, outage := range outages {
		for _, classic := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, classic %t", name, classic), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					w, c, token := warm(t, func(w *wechat) { w.classic = classic })
					w.set(func() { w.outage = outage })
					time.Sleep(time.Until(token.Renew) - time.Minute)
					var waited time.Duration
					for time.Until(token.Expires) > time.Second+patience {
						began := time.Now()
						require.NoError(t, w.call(t.Context(), c))
						waited = max(waited, time.Since(began))
						time.Sleep(500 * time.Millisecond)
					}
					assert.LessOrEqual(t, waited, patience)
					normal, forced := w.fetches()
					assert.Positive(t, normal)
					assert.LessOrEqual(t, normal, int(maxMargin/retryRenewal)+1, "no fetch per call")
					assert.Zero(t, forced)

					time.Sleep(time.Until(token.Expires))
					require.Error(t, w.call(t.Context(), c), "without a token there is none to go on with")

					w.set(func() { w.outage = nil })
					time.Sleep(10 * time.Minute)
					require.NoError(t, w.call(t.Context(), c))
				})
			})
		}
	}
}

func TestOutageThatEndsInTheMarginIsNoticed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, token := warm(t, func(w *wechat) { w.classic = true })
		time.Sleep(time.Until(token.Renew))
		w.set(func() { w.outage = refuse(-1) })
		require.NoError(t, w.call(t.Context(), c))
		w.set(func() { w.outage = nil })
		time.Sleep(retryRenewal)
		again, err := c.Token(t.Context())
		require.NoError(t, err)
		assert.NotEqual(t, token, again)
	})
}

// A failed renewal is remembered while there is a token, not beyond its end.
func TestFailedRenewalDoesNotOutliveTheToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, token := warm(t, nil)
		time.Sleep(time.Until(token.Expires) - retryRenewal/2)
		w.set(func() { w.outage = refuse(-1) })
		require.NoError(t, w.call(t.Context(), c))
		w.requireFetches(t, 1, 0)
		w.set(func() { w.outage = nil })
		time.Sleep(time.Until(token.Expires))
		require.NoError(t, w.call(t.Context(), c))
		w.requireFetches(t, 1, 0)
	})
}

func TestFailureThatOnlyAPersonCanMendIsRememberedBriefly(t *testing.T) {
	for code, quiet := range map[int]time.Duration{
		40001: time.Minute, 40002: time.Minute, 40013: time.Minute, 40125: time.Minute, 40164: time.Minute,
		40243: time.Minute, 41002: time.Minute, 41004: time.Minute, 50007: time.Minute, 89503: time.Minute,
		89506: time.Minute, 89507: time.Minute, 45011: time.Minute, 45009: 10 * time.Minute,
	} {
		bubble(t, func(t *testing.T) {
			w := newWechat()
			c := w.cache(NewMemory(time.Now))
			w.set(func() { w.outage = refuse(code) })
			began := time.Now()
			for time.Since(began) < quiet {
				_, err := c.Token(t.Context())
				requireRefusal(t, code, err)
				_, err = c.Replace(t.Context(), secret.New("stale"), Refused)
				requireRefusal(t, code, err)
				_, err = owns(t.Context(), c, "presented")
				requireRefusal(t, code, err)
				time.Sleep(quiet / 100)
			}
			w.requireFetches(t, 1, 0)

			w.set(func() { w.outage = nil })
			require.NoError(t, w.call(t.Context(), c), "it is forgotten after %s", quiet)
			w.requireFetches(t, 1, 0)
		})
	}
}

func requireRefusal(t *testing.T, code int, err error) {
	t.Helper()
	var refusal *Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, code, refusal.ErrCode)
}

func TestPassingFailureIsNotRememberedWithoutAToken(t *testing.T) {
	for _, name := range []string{"-1", "HTML", "an empty token", "a dead token", "nothing"} {
		bubble(t, func(t *testing.T) {
			w := newWechat()
			c := w.cache(NewMemory(time.Now))
			w.set(func() { w.outage = outages[name] })
			assert.Equal(t, 1000, w.calls(t, 1000, c), name)
			w.requireFetches(t, 1, 0)
			w.set(func() { w.outage = nil })
			require.NoError(t, w.call(t.Context(), c), name)
		})
	}
}

// A refused token and a fetch that fails come together: each round of calls tries
// again, and the first round after the outage gets a new token.
func TestRefusedTokenIsReplacedAsSoonAsAFetchWorks(t *testing.T) {
	for _, classic := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			w, c, _ := warm(t, func(w *wechat) { w.classic = classic })
			w.revoke()
			for rounds := range 5 {
				w.set(func() { w.outage = refuse(-1) })
				for range rounds {
					assert.Equal(t, 100, w.calls(t, 100, c))
				}
				w.requireFetches(t, rounds, 0)
				w.set(func() { w.outage = nil })
				assert.Zero(t, w.calls(t, 100, c), "at once")
				w.fetches()
				time.Sleep(forcedSpacing)
				w.revoke()
			}
		})
	}
}

// A renewal has failed while the token was good; then it is refused.
func TestFailedRenewalDoesNotKeepARefusedToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, token := warm(t, func(w *wechat) { w.classic = true })
		time.Sleep(time.Until(token.Renew))
		w.set(func() { w.outage = refuse(-1) })
		require.NoError(t, w.call(t.Context(), c))
		w.set(func() { w.outage = nil })
		w.revoke()
		require.NoError(t, w.call(t.Context(), c))
	})
}

// The clock goes back while a failure is remembered: calls fail no longer than it is
// remembered.
func TestClockThatGoesBackProlongsNoFailure(t *testing.T) {
	for _, back := range []time.Duration{time.Hour, time.Minute, 30 * time.Second, time.Second} {
		bubble(t, func(t *testing.T) {
			w := newWechat()
			var behind atomic.Int64
			w.now = func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }
			c := w.cache(NewMemory(w.now))
			w.set(func() { w.outage = refuse(40164) })
			require.Error(t, w.call(t.Context(), c))
			w.set(func() { w.outage = nil })
			require.Error(t, w.call(t.Context(), c), "the twin: it is remembered")
			failed := time.Now()
			behind.Store(int64(back))
			for w.call(t.Context(), c) != nil {
				time.Sleep(time.Second)
			}
			assert.LessOrEqual(t, time.Since(failed), time.Minute, back)
		})
	}
}

// Neither does a failure that is not remembered keep strangers' questions from being
// answered for longer.
func TestClockThatGoesBackProlongsNoPause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		var behind atomic.Int64
		w.now = func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }
		c := w.cache(NewMemory(w.now))
		w.set(func() { w.outage = refuse(-1) })
		_, err := owns(t.Context(), c, tokenName(1))
		requireRefusal(t, -1, err)
		w.set(func() { w.outage = nil })
		_, err = owns(t.Context(), c, tokenName(1))
		requireRefusal(t, -1, err)
		behind.Store(int64(time.Hour))
		assert.True(t, holds(t, c, tokenName(1)))
	})
}

// The lease of an instance that is gone does not live longer either.
func TestClockThatGoesBackProlongsNoLease(t *testing.T) {
	now := noon
	store := NewMemory(func() time.Time { return now })
	_, _, err := store.Acquire(t.Context(), fetchTimeout, false)
	require.NoError(t, err)
	_, _, err = store.Acquire(t.Context(), fetchTimeout, false)
	require.ErrorIs(t, err, ErrLeased, "the twin")
	now = now.Add(-time.Hour)
	_, _, err = store.Acquire(t.Context(), fetchTimeout, false)
	require.NoError(t, err)
}

// A token function remembers failures itself. Remembered here too, they would last
// twice as long.
func TestFailureOfATokenFunctionIsNotRememberedAgain(t *testing.T) {
	for _, code := range []int{45009, 40164} {
		bubble(t, func(t *testing.T) {
			w := newWechat()
			function := w.cache(NewMemory(time.Now))
			c := behind(function)
			w.set(func() { w.outage = refuse(code) })
			began, life := time.Now(), retryAfter(&Refusal{ErrCode: code})
			_, err := function.Token(t.Context())
			requireRefusal(t, code, err)
			w.set(func() { w.outage = nil })
			time.Sleep(life / 2)
			for time.Since(began) < life {
				_, err := c.Token(t.Context())
				requireRefusal(t, code, err)
				time.Sleep(life / 10)
			}
			w.requireFetches(t, 1, 0)
			require.NoError(t, w.call(t.Context(), c))
		})
	}
}
