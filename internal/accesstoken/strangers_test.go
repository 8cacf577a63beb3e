package accesstoken

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
	needs "sotercall/internal/test/need"
)

// manyApps are n apps at one WeChat, in one process.
func manyApps(w *wechat, n int, function bool) Apps {
	all, strangers := Apps{}, NewStrangers(time.Now)
	for i := range n {
		all[fmt.Sprintf("wx%03d", i)] = NewCache(Config{
			Endpoint: w, Store: NewMemory(time.Now), Function: function, Strangers: strangers, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
	}
	return all
}

// Strangers present junk all the time. However many apps there are, and whether WeChat
// is well or sick, they cause two requests a minute at most.
func TestStrangersCauseTwoRequestsAMinute(t *testing.T) {
	t.Parallel()
	minutes := time.Duration(needs.OrLong(2, 5))
	for name, outage := range outages {
		for _, n := range []int{1, 3, 100} {
			bubble(t, func(t *testing.T) {
				w := newWechat()
				all := manyApps(w, n, false)
				w.set(func() { w.outage = outage })
				for began := time.Now(); time.Since(began) < minutes*time.Minute; time.Sleep(500 * time.Millisecond) {
					_, err := all.Owner(t.Context(), "junk")
					require.Error(t, err, "it could not be found out")
				}
				normal, forced := w.fetches()
				assert.LessOrEqual(t, normal+forced, 2*int(minutes+1), "%s, %d apps", name, n)
				assert.Positive(t, normal, "the twin")
			})
		}
	}
	bubble(t, func(t *testing.T) {
		w := newWechat()
		all := manyApps(w, 100, false)
		for _, cache := range all {
			require.NoError(t, w.call(t.Context(), cache))
		}
		w.fetches()
		for began := time.Now(); time.Since(began) < minutes*time.Minute; time.Sleep(500 * time.Millisecond) {
			appID, err := all.Owner(t.Context(), "junk")
			require.NoError(t, err)
			require.Empty(t, appID)
		}
		normal, _ := w.fetches()
		assert.LessOrEqual(t, normal, 2*int(minutes+1), "all is well")
		assert.Positive(t, normal, "the twin")
	})
}

// A cold instance of 20 apps fetches all their tokens for whoever presents one: that
// brings tokens, and is not counted. One that is in trouble does not stop the others.
func TestStrangersDoNotKeepAColdInstanceFromItsTokens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		all := manyApps(w, 20, false)
		for _, id := range []string{"wx000", "wx001", "wx002"} {
			all[id].config.Endpoint = failing{}
		}
		for range 3 {
			_, _ = all.Owner(t.Context(), "junk")
			time.Sleep(strangersPeriod)
		}
		for id, cache := range all {
			assert.Equal(t, id > "wx002", cache.ownsNow(secret.DigestOf(tokenName(1))), id)
		}
	})
}

// Where strangers may cause no fetch any more, a token that another instance has stored
// is found all the same.
func TestStoredTokenIsFoundThoughStrangersHaveSpentTheirs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		all := manyApps(w, 3, false)
		w.set(func() { w.outage = refuse(-1) })
		for range 10 {
			_, err := all.Owner(t.Context(), tokenName(1))
			require.Error(t, err)
			time.Sleep(time.Second)
		}
		w.set(func() { w.outage = nil })
		require.NoError(t, w.call(t.Context(), w.cache(all["wx001"].config.Store)), "another instance")
		w.fetches()
		_, _ = all.Owner(t.Context(), tokenName(1))
		time.Sleep(recheck)
		_, _ = all.Owner(t.Context(), tokenName(1))
		time.Sleep(time.Second)
		appID, err := all.Owner(t.Context(), tokenName(1))
		require.NoError(t, err)
		assert.Equal(t, "wx001", appID)
		w.requireFetches(t, 0, 0)
	})
}

type failing struct{}

func (failing) Fetch(ctx context.Context, _ FetchRequest) (Grant, error) {
	return refuse(-1)(ctx)
}

// A fetch for a stranger is one request. A call that joins it makes it a usual one, and
// fetches again if it has failed already.
func TestFetchForAStrangerDelaysNoCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		c := w.cache(NewMemory(time.Now))
		w.set(func() {
			w.outage = func(ctx context.Context) (Grant, error) {
				w.set(func() { w.outage = nil })
				return refuse(-1)(ctx)
			}
		})
		var both sync.WaitGroup
		both.Go(func() {
			_, err := owns(t.Context(), c, "junk")
			assert.Error(t, err)
		})
		time.Sleep(w.latency / 2)
		both.Go(func() { assert.NoError(t, w.call(t.Context(), c)) })
		both.Wait()
		w.requireFetches(t, 2, 0)
		assert.Equal(t, []bool{false, false}, w.stranger, "a call has joined it, and fetches again")

		alone := w.cache(NewMemory(time.Now))
		w.set(func() { w.outage = refuse(-1) })
		_, err := owns(t.Context(), alone, "junk")
		require.Error(t, err)
		assert.Equal(t, []bool{false, false, true}, w.stranger, "the twin")
	})
}

// A fetch ends by its own deadline: who has time left joins the next one, who has no
// more time or none that ends does not.
func TestFetchThatTakesTooLongIsMadeAgain(t *testing.T) {
	for _, limit := range []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second} {
		bubble(t, func(t *testing.T) {
			w := newWechat()
			c := w.cache(NewMemory(time.Now))
			w.set(func() {
				w.outage = func(ctx context.Context) (Grant, error) {
					<-ctx.Done()
					w.set(func() { w.outage = nil })
					return Grant{}, ctx.Err()
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			began := time.Now()
			require.NoError(t, w.call(ctx, c))
			assert.Equal(t, fetchTimeout, time.Since(began).Truncate(time.Second))
			w.requireFetches(t, 2, 0)
		})
	}
	for _, limit := range []time.Duration{3 * time.Second, 0} {
		bubble(t, func(t *testing.T) {
			w := newWechat()
			c := w.cache(NewMemory(time.Now))
			w.set(func() { w.outage = outages["nothing"] })
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if limit > 0 {
				ctx, cancel = context.WithTimeout(ctx, limit)
			}
			defer cancel()
			require.ErrorIs(t, w.call(ctx, c), context.DeadlineExceeded)
			w.requireFetches(t, 1, 0)
		})
	}
}
