package accesstoken

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/store/redis/redistest"
)

// pausing is a Store that pauses as Redis does: a command that has been sent is executed
// when the pause ends, although its caller has given up. It is in memory, so that a
// bubble's time decides who is late, and not how busy the machine is; functions/token
// meets a Redis that pauses.
type pausing struct {
	*Memory
	until *atomic.Int64 // in Unix nanoseconds
}

func newPausing() pausing { return pausing{NewMemory(time.Now), new(atomic.Int64)} }

func (p pausing) pause(d time.Duration) { p.until.Store(time.Now().Add(d).UnixNano()) }

// afterPause runs command when the pause has ended, or in background if ctx ends first.
func (p pausing) afterPause(ctx context.Context, command func()) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		time.Sleep(time.Until(time.Unix(0, p.until.Load())))
		command()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p pausing) Load(ctx context.Context) (State, error) {
	var state State
	var failed error
	if err := p.afterPause(ctx, func() { state, failed = p.Memory.Load(ctx) }); err != nil {
		return State{}, err
	}
	return state, failed
}

func (p pausing) Acquire(ctx context.Context, life time.Duration, cold bool) (State, Lease, error) {
	var state State
	var lease Lease
	var failed error
	if err := p.afterPause(ctx, func() { state, lease, failed = p.Memory.Acquire(ctx, life, cold) }); err != nil {
		return State{}, Lease{}, err
	}
	return state, lease, failed
}

func (p pausing) Save(ctx context.Context, lease Lease, state State) error {
	var failed error
	if err := p.afterPause(ctx, func() { failed = p.Memory.Save(ctx, lease, state) }); err != nil {
		return err
	}
	return failed
}

func (p pausing) Release(ctx context.Context, lease Lease) error {
	var failed error
	if err := p.afterPause(ctx, func() { failed = p.Memory.Release(ctx, lease) }); err != nil {
		return err
	}
	return failed
}

// hangsDuring is an Endpoint that, while the first fetch is under way, calls begin.
type hangsDuring struct {
	*wechat
	begin func()
	once  sync.Once
}

func (e *hangsDuring) Fetch(ctx context.Context, r FetchRequest) (Grant, error) {
	grant, err := e.wechat.Fetch(ctx, r)
	e.once.Do(e.begin)
	return grant, err
}

func TestStoreThatPausesDuringAFetchMakesNotAllFetch(t *testing.T) {
	for _, pause := range []time.Duration{1200 * time.Millisecond, 3 * time.Second} {
		t.Run(pause.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				store := newPausing()
				w := newWechat()
				w.classic, w.latency = true, 200*time.Millisecond
				fleet := make([]*Cache, 16)
				e := &hangsDuring{wechat: w, begin: func() { store.pause(pause) }}
				for i := range fleet {
					fleet[i] = w.cache(store)
					fleet[i].config.Endpoint = e
				}
				assert.Zero(t, w.calls(t, 5, fleet...))
				normal, forced := w.fetches()
				assert.LessOrEqual(t, normal, 2)
				assert.Zero(t, forced)
				time.Sleep(pause + time.Second) // what was to be saved is saved
				stored, err := store.Load(t.Context())
				require.NoError(t, err)
				assert.True(t, w.accepts(stored.Current))
			})
		})
	}
}

// Instances that find the store pausing, and cannot know that another one fetches, wait
// a little; if it goes on, each fetches for itself.
func TestStoreThatPausesIsWaitedForBriefly(t *testing.T) {
	for _, c := range []struct {
		pause   time.Duration
		fetches int
	}{{1400 * time.Millisecond, 1}, {time.Minute, instances}} {
		t.Run(c.pause.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				store := newPausing()
				w := newWechat()
				all := fleet(w, func() Store { return store })
				store.pause(c.pause)
				assert.Zero(t, w.calls(t, 5, all...))
				normal, _ := w.fetches()
				assert.Equal(t, c.fetches, normal)
				time.Sleep(c.pause)
			})
		})
	}
}

// A server that takes no writes may still be read: the token that stands there is
// used.
func TestStoredTokenIsUsedThoughNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string][]any{
		"read-only":     {"REPLICAOF", "127.0.0.1", "1"},
		"out of memory": {"CONFIG", "SET", "maxmemory", "1"},
		"":              nil,
	} {
		t.Run("Redis is "+name, func(t *testing.T) {
			server := redistest.Start(t)
			w := newWechat()
			require.NoError(t, w.call(t.Context(), w.cache(openRedis(t, server))))
			w.requireFetches(t, 1, 0)
			if spoil != nil {
				server.Do(spoil[0].(string), spoil[1:]...)
				_, _, err := openRedis(t, server).Acquire(t.Context(), longLife, false)
				require.Error(t, err)
			}
			assert.Zero(t, w.calls(t, 10, fleet(w, func() Store { return openRedis(t, server) })...))
			w.requireFetches(t, 0, 0)
			// Its life over, each fetches for itself.
			w.revoke()
			assert.Zero(t, w.calls(t, 10, fleet(w, func() Store { return openRedis(t, server) })...))
		})
	}
}

func TestTokenIsUsedBeforeItIsSaved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := newPausing()
		w := newWechat()
		c := w.cache(store)
		const pause = 2500 * time.Millisecond
		c.config.Endpoint = &hangsDuring{wechat: w, begin: func() { store.pause(pause) }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.NoError(t, w.call(ctx, c), "the token is in hand")
		require.NoError(t, w.call(ctx, c))
		w.requireFetches(t, 1, 0)
		time.Sleep(pause)
		stored, err := store.Load(t.Context())
		require.NoError(t, err)
		assert.True(t, w.accepts(stored.Current), "it is saved as soon as the store answers")
	})
}

// slowStore takes long to save.
type slowStore struct {
	*Memory
	takes time.Duration
}

func (s slowStore) Save(ctx context.Context, lease Lease, state State) error {
	if err := sleep(ctx, s.takes); err != nil {
		return err
	}
	return s.Memory.Save(ctx, lease, state)
}

// A function may be frozen as soon as it has answered, so a store that works is
// waited for; one that does not is not.
func TestSavingIsWaitedForBriefly(t *testing.T) {
	for takes, waits := range map[time.Duration]time.Duration{
		5 * time.Millisecond: 5 * time.Millisecond,
		time.Second:          saveGrace,
		time.Hour:            saveGrace,
	} {
		bubble(t, func(t *testing.T) {
			w := newWechat()
			store := slowStore{NewMemory(time.Now), takes}
			c := w.cache(store)
			began := time.Now()
			require.NoError(t, w.call(t.Context(), c))
			assert.Equal(t, w.latency+waits, time.Since(began))
			time.Sleep(saveTimeout)
			stored, err := store.Load(t.Context())
			require.NoError(t, err)
			assert.Equal(t, takes < saveTimeout, w.accepts(stored.Current))
			lease(t, store)
		})
	}
}

// A function that is frozen while it saves goes on hours later: what another has saved
// since stays.
func TestSavingThatThawsLateOverwritesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		w.classic = true
		store := NewMemory(time.Now)
		frozen := w.cache(slowStore{store, 2 * time.Second})
		require.NoError(t, w.call(t.Context(), frozen))
		store.mu.Lock()
		store.given = store.given.Add(-time.Hour) // its lease has ended meanwhile
		store.mu.Unlock()
		other := w.cache(store)
		require.NoError(t, w.call(t.Context(), other))
		time.Sleep(2 * time.Second)
		stored, err := store.Load(t.Context())
		require.NoError(t, err)
		assert.True(t, stored.Current.Value.Matches(tokenName(2)))
		token, err := frozen.Token(t.Context())
		require.NoError(t, err)
		assert.True(t, token.Value.Matches(tokenName(2)), "and it has learned of it")
		w.requireFetches(t, 2, 0)
	})
}
