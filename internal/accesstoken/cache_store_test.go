package accesstoken

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	testneed "sotercall/internal/need"
	"sotercall/internal/redis/redistest"
	"sotercall/internal/secret"
)

// hang makes a server answer nobody for so long.
func hang(t *testing.T, server *redistest.Server, d time.Duration) {
	t.Helper()
	do(t, openRedis(t, server), "CLIENT", "PAUSE", strconv.FormatInt(d.Milliseconds(), 10), "ALL")
}

// hangsDuring is an Endpoint that, while the first fetch is under way, calls begin.
type hangsDuring struct {
	*wechat
	begin func()
	once  sync.Once
}

func (e *hangsDuring) Fetch(ctx context.Context, stale secret.Text, force bool) (Grant, error) {
	grant, err := e.wechat.Fetch(ctx, stale, force)
	e.once.Do(e.begin)
	return grant, err
}

func TestRedisThatPausesDuringAFetchMakesNotAllFetch(t *testing.T) {
	testneed.Time(t)
	for _, pause := range []time.Duration{1200 * time.Millisecond, 3 * time.Second} {
		t.Run(pause.String(), func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			w := newWechat()
			w.classic, w.latency = true, 200*time.Millisecond
			fleet := make([]*Cache, 16)
			e := &hangsDuring{wechat: w, begin: func() { hang(t, server, pause) }}
			for i := range fleet {
				fleet[i] = w.cache(openRedis(t, server))
				fleet[i].config.Endpoint = e
			}
			assert.Zero(t, w.calls(t, 5, fleet...))
			normal, forced := w.fetches()
			assert.LessOrEqual(t, normal, 2)
			assert.Zero(t, forced)
			time.Sleep(pause) // what was to be saved is saved
			assert.Eventually(t, func() bool {
				stored, err := openRedis(t, server).Load(t.Context())
				return err == nil && w.accepts(stored.Current)
			}, 5*time.Second, 50*time.Millisecond)
		})
	}
}

// Those that find Redis pausing, and cannot know that another instance fetches, wait
// a little; if it goes on, each fetches for itself.
func TestRedisThatPausesIsWaitedForBriefly(t *testing.T) {
	testneed.Time(t)
	for _, c := range []struct {
		pause   time.Duration
		fetches int
	}{{1400 * time.Millisecond, 1}, {time.Minute, instances}} {
		t.Run(c.pause.String(), func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			w := newWechat()
			all := fleet(w, func() Store { return openRedis(t, server) })
			hang(t, server, c.pause)
			assert.Zero(t, w.calls(t, 5, all...))
			normal, _ := w.fetches()
			assert.Equal(t, c.fetches, normal)
		})
	}
}

// A server that takes no writes may still be read: the token that stands there is
// used.
func TestStoredTokenIsUsedThoughNothingCanBeWritten(t *testing.T) {
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
				admin := openRedis(t, server)
				do(t, admin, spoil[0].(string), spoil[1:]...)
				_, _, err := admin.Acquire(t.Context(), longLife, false)
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
	testneed.Time(t)
	t.Parallel()
	server := redistest.Start(t)
	w := newWechat()
	c := w.cache(openRedis(t, server))
	c.config.Endpoint = &hangsDuring{wechat: w, begin: func() { hang(t, server, 2500*time.Millisecond) }}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.NoError(t, w.call(ctx, c), "the token is in hand")
	require.NoError(t, w.call(ctx, c))
	w.requireFetches(t, 1, 0)
	assert.Eventually(t, func() bool {
		stored, err := openRedis(t, server).Load(t.Context())
		return err == nil && w.accepts(stored.Current)
	}, 10*time.Second, 50*time.Millisecond, "it is saved as soon as Redis answers")
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
			store := slowStore{new(Memory), takes}
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
		store := new(Memory)
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
