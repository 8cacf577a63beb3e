package accesstoken

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// countingStore counts the requests to a store.
type countingStore struct {
	Store
	requests atomic.Int32
}

func (s *countingStore) Load(ctx context.Context) (State, error) {
	s.requests.Add(1)
	return s.Store.Load(ctx)
}

func (s *countingStore) Acquire(ctx context.Context, life time.Duration, cold bool) (State, Lease, error) {
	s.requests.Add(1)
	return s.Store.Acquire(ctx, life, cold)
}

func (s *countingStore) Save(ctx context.Context, lease Lease, state State) error {
	s.requests.Add(1)
	return s.Store.Save(ctx, lease, state)
}

func (s *countingStore) Release(ctx context.Context, lease Lease) error {
	s.requests.Add(1)
	return s.Store.Release(ctx, lease)
}

// 200 apps, 16 instances that all start at once: few requests reach the store. While the
// fetch takes no longer than leasePauseLeast, who waits for it asks once more, whatever
// the random pauses are: 16 ask, one saves, 15 ask again.
func TestColdFleetAsksTheStoreLittle(t *testing.T) {
	const apps, fleet = 200, 16
	for _, c := range []struct {
		fetch      time.Duration
		most, mean int
	}{
		{50 * time.Millisecond, 2 * fleet, 2 * fleet},
		{leasePauseLeast - 1, 2 * fleet, 2 * fleet},
		{250 * time.Millisecond, 3*fleet - 1, 40},
	} {
		bubble(t, func(t *testing.T) {
			var running sync.WaitGroup
			stores := make([]*countingStore, apps)
			for i := range stores {
				w := newWechat()
				w.latency = c.fetch
				stores[i] = &countingStore{Store: NewMemory(time.Now)}
				for range fleet {
					cache := w.cache(stores[i])
					running.Go(func() {
						_, err := cache.Token(t.Context())
						assert.NoError(t, err)
					})
				}
				t.Cleanup(func() { w.requireFetches(t, 1, 0) })
			}
			running.Wait()
			sum := 0
			for _, store := range stores {
				assert.LessOrEqual(t, int(store.requests.Load()), c.most)
				sum += int(store.requests.Load())
			}
			assert.LessOrEqual(t, sum, apps*c.mean)
			t.Logf("a fetch of %v: %.1f requests for each app", c.fetch, float64(sum)/apps)
		})
	}
}

// An instance that starts while there is a fresh token makes one request.
func TestInstanceThatStartsAsksTheStoreOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, store := newWechat(), &countingStore{Store: NewMemory(time.Now)}
		require.NoError(t, w.call(t.Context(), w.cache(store)))
		store.requests.Store(0)
		require.NoError(t, w.call(t.Context(), w.cache(store)))
		assert.EqualValues(t, 1, store.requests.Load())
	})
}

func TestPausesGrow(t *testing.T) {
	for range 100 {
		for polls := range 20 {
			pause, least := leasePause(polls), leasePauseLeast
			if polls > 0 {
				least *= 2
			}
			require.GreaterOrEqual(t, pause, least)
			require.Less(t, pause, 2*least)
		}
	}
}
