package accesstoken

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sotercall/internal/redis"
	"sotercall/internal/redis/redistest"
	"sotercall/internal/secret"
)

const longLife = time.Minute

// eachStore runs test on every kind of Store. open gives the Store as one more
// instance of the function sees it.
func eachStore(t *testing.T, test func(t *testing.T, open func() Store)) {
	t.Helper()
	t.Run("Memory", func(t *testing.T) {
		store := new(Memory)
		test(t, func() Store { return store })
	})
	t.Run("Redis", func(t *testing.T) {
		server := redistest.Start(t)
		test(t, func() Store { return openRedis(t, server) })
	})
}

func openRedis(t testing.TB, server *redistest.Server) *Redis {
	t.Helper()
	store, err := redis.Open(server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return NewRedis(store, "wx0123456789abcdef")
}

func lease(t testing.TB, store Store) Lease {
	t.Helper()
	lease, err := store.Lease(t.Context(), longLife)
	require.NoError(t, err)
	return lease
}

// stateOf is a State with a token of that name.
func stateOf(name string) State {
	ends := time.Now().Round(0).Add(2 * time.Hour)
	return State{Current: Token{Value: secret.New(name), Renew: ends.Add(-maxMargin), Expires: ends}}
}

func requireStored(t testing.TB, want State, store Store) {
	t.Helper()
	got, err := store.Load(t.Context())
	require.NoError(t, err)
	requireSame(t, want, got)
}

// requireSame compares what States mean, not how their times are represented.
func requireSame(t require.TestingT, want, got State) {
	plain := func(s State) string {
		utc := func(token Token) tokenRecord {
			r := record(token)
			r.Renew, r.Expires = r.Renew.UTC(), r.Expires.UTC()
			return r
		}
		forced := []time.Time{}
		for _, at := range s.Forced {
			forced = append(forced, at.UTC())
		}
		return fmt.Sprintf("%+v", stateRecord{utc(s.Current), utc(s.Previous), forced, s.Spent.UTC()})
	}
	require.Equal(t, plain(want), plain(got))
}

func TestStoreKeepsTheState(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		one, other := open(), open()
		requireStored(t, State{}, one)
		now := time.Now()
		state := stateOf("tokenñ</\\\"")
		state.Current.CloudBase = true
		state.Previous = Token{Value: secret.New("previous"), Expires: now.Add(Overlap)}
		state.Forced = []time.Time{now.Add(-time.Hour), now}
		require.NoError(t, one.Save(t.Context(), lease(t, one), state))
		requireStored(t, state, one)
		requireStored(t, state, other)

		require.NoError(t, other.Save(t.Context(), lease(t, other), State{}))
		requireStored(t, State{}, one)
	})
}

func TestLeaseIsForOneAtATime(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		one, other := open(), open()
		first := lease(t, one)
		_, err := other.Lease(t.Context(), longLife)
		require.ErrorIs(t, err, ErrLeased)
		_, err = one.Lease(t.Context(), longLife)
		require.ErrorIs(t, err, ErrLeased)

		require.NoError(t, one.Release(t.Context(), first))
		second := lease(t, other)
		require.Greater(t, second.Number, first.Number)

		require.NoError(t, one.Release(t.Context(), first), "given back before")
		_, err = one.Lease(t.Context(), longLife)
		require.ErrorIs(t, err, ErrLeased, "another one's lease stays in force")

		require.NoError(t, other.Save(t.Context(), second, stateOf("token")))
		require.Greater(t, lease(t, one).Number, second.Number, "Save gives the lease back")
	})
}

func TestLeaseGoesToOneOfMany(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		var won, refused atomic.Int32
		var all sync.WaitGroup
		for range 4 {
			store := open()
			for range 16 {
				all.Go(func() {
					switch _, err := store.Lease(t.Context(), longLife); {
					case err == nil:
						won.Add(1)
					case assert.ErrorIs(t, err, ErrLeased):
						refused.Add(1)
					}
				})
			}
		}
		all.Wait()
		assert.EqualValues(t, 1, won.Load())
		assert.EqualValues(t, 63, refused.Load())
	})
}

func TestLeaseEndsWithItsLife(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		one, other := open(), open()
		dead, err := one.Lease(t.Context(), 20*time.Millisecond)
		require.NoError(t, err)
		var next Lease
		require.Eventually(t, func() bool {
			next, err = other.Lease(t.Context(), longLife)
			return err == nil
		}, 5*time.Second, time.Millisecond)
		assert.Greater(t, next.Number, dead.Number)
	})
}

// The holder of a lease was frozen for longer than its life.
func TestFrozenHolderOverwritesNothing(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		one, other := open(), open()
		frozen := lease(t, one)
		require.NoError(t, other.Release(t.Context(), frozen), "as if its life had ended")
		require.NoError(t, other.Save(t.Context(), lease(t, other), stateOf("newer")))
		third := lease(t, other)

		require.ErrorIs(t, one.Save(t.Context(), frozen, stateOf("older")), ErrOutrun)
		state, err := other.Load(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "newer", state.Current.Value.Reveal())
		_, err = one.Lease(t.Context(), longLife)
		require.ErrorIs(t, err, ErrLeased, "the third holder's lease stays in force")
		require.NoError(t, other.Save(t.Context(), third, stateOf("newest")), "the twin: the holder may save")
	})
}

func TestFrozenHolderSavesIfNobodyElseHas(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		one, other := open(), open()
		frozen := lease(t, one)
		require.NoError(t, other.Release(t.Context(), frozen), "as if its life had ended")
		second := lease(t, other)
		require.NoError(t, one.Save(t.Context(), frozen, stateOf("first")))
		_, err := one.Lease(t.Context(), longLife)
		require.ErrorIs(t, err, ErrLeased)
		require.NoError(t, other.Save(t.Context(), second, stateOf("second")))
	})
}

// Whatever is done, Redis does what Memory does.
func TestStoresBehaveAlike(t *testing.T) {
	server := redistest.Start(t)
	store := openRedis(t, server)
	appids := 0
	rapid.Check(t, func(t *rapid.T) {
		appids++
		memory, shared := new(Memory), NewRedis(store.store, fmt.Sprint("wx", appids))
		ctx := t.Context()
		var given [][2]Lease // the same lease in memory and in shared
		pick := func() [2]Lease {
			if len(given) == 0 {
				t.Skip("no lease yet")
			}
			return rapid.SampledFrom(given).Draw(t, "lease")
		}
		t.Repeat(map[string]func(*rapid.T){
			"Lease": func(t *rapid.T) {
				a, errA := memory.Lease(ctx, longLife)
				b, errB := shared.Lease(ctx, longLife)
				require.Equal(t, errA, errB)
				if errA == nil {
					if len(given) > 0 {
						last := given[len(given)-1]
						require.Greater(t, a.Number, last[0].Number)
						require.Greater(t, b.Number, last[1].Number)
					}
					given = append(given, [2]Lease{a, b})
				}
			},
			"Save": func(t *rapid.T) {
				lease, state := pick(), drawState(t)
				require.Equal(t, memory.Save(ctx, lease[0], state), shared.Save(ctx, lease[1], state))
			},
			"Release": func(t *rapid.T) {
				lease := pick()
				require.NoError(t, memory.Release(ctx, lease[0]))
				require.NoError(t, shared.Release(ctx, lease[1]))
			},
			"": func(t *rapid.T) {
				want, err := memory.Load(ctx)
				require.NoError(t, err)
				got, err := shared.Load(ctx)
				require.NoError(t, err)
				requireSame(t, want, got)
			},
		})
	})
}
