package authkeys_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/redis"
	"sotercall/internal/redis/redistest"
	"sotercall/internal/soter"
)

func newFile(t testing.TB) *authkeys.File {
	return authkeys.NewFile(filepath.Join(t.TempDir(), "authkeys.json"))
}

func openRedis(t testing.TB, server *redistest.Server) *redis.Store {
	store, err := redis.Open(server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	return store
}

// forEachStore runs a test of the contract with a store that keeps nothing yet.
func forEachStore(t *testing.T, test func(t *testing.T, store authkeys.Store)) {
	t.Run("File", func(t *testing.T) { test(t, newFile(t)) })
	t.Run("Redis", func(t *testing.T) {
		test(t, authkeys.NewRedis(openRedis(t, redistest.Start(t))))
	})
}

// key is an AuthKey as a store sees it: pub_key is any text.
func key(openid, cpuID, uid string, counter uint64) authkeys.AuthKey {
	return authkeys.AuthKey{
		ID:      authkeys.ID{OpenID: openid, CPUID: cpuID, UID: uid},
		PubKey:  fmt.Sprint("the key of ", openid, cpuID, uid, counter),
		Counter: counter, Salt: soter.Salt32,
	}
}

func requireKept(t *testing.T, store authkeys.Store, want authkeys.AuthKey) {
	t.Helper()
	got, err := store.Find(context.Background(), want.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func requireNotNewer(t *testing.T, store authkeys.Store, older authkeys.AuthKey, enrolled uint64) {
	t.Helper()
	err := store.Put(context.Background(), older)
	require.ErrorIs(t, err, soter.ErrMismatch)
	var notNewer *authkeys.NotNewerError
	require.ErrorAs(t, err, &notNewer)
	require.Equal(t, authkeys.NotNewerError{Counter: older.Counter, Enrolled: enrolled}, *notNewer)
}

func TestStoreFindsAnAuthKeyByUserDeviceAndApp(t *testing.T) {
	forEachStore(t, func(t *testing.T, store authkeys.Store) {
		enrolled := key("u", "c", "10115", 240)
		require.NoError(t, store.Put(t.Context(), enrolled))
		requireKept(t, store, enrolled)
		for _, other := range []authkeys.ID{
			{OpenID: "v", CPUID: "c", UID: "10115"},
			{OpenID: "u", CPUID: "d", UID: "10115"},
			{OpenID: "u", CPUID: "c", UID: "10116"},
			{OpenID: "U", CPUID: "c", UID: "10115"},
			{},
		} {
			got, err := store.Find(t.Context(), other)
			require.ErrorIs(t, err, authkeys.ErrNotEnrolled, other)
			require.Zero(t, got)
		}
	})
}

func TestStoreReplacesAnAuthKeyOnlyByANewerOne(t *testing.T) {
	forEachStore(t, func(t *testing.T, store authkeys.Store) {
		require.NoError(t, store.Put(t.Context(), key("u", "c", "1", 240)))
		newer := key("u", "c", "1", 1000)
		require.NoError(t, store.Put(t.Context(), newer))
		requireKept(t, store, newer)

		requireNotNewer(t, store, key("u", "c", "1", 1000), 1000)
		requireNotNewer(t, store, key("u", "c", "1", 999), 1000)
		requireNotNewer(t, store, key("u", "c", "1", 240), 1000)
		requireKept(t, store, newer)
	})
}

func TestStoreCountsForEachUserAndDevice(t *testing.T) {
	forEachStore(t, func(t *testing.T, store authkeys.Store) {
		first := key("u", "c", "1", 240)
		require.NoError(t, store.Put(t.Context(), first))
		requireNotNewer(t, store, key("u", "c", "2", 240), 240)
		for _, another := range []authkeys.AuthKey{key("u", "c", "2", 241), key("u", "d", "1", 5), key("v", "c", "1", 5)} {
			require.NoError(t, store.Put(t.Context(), another))
			requireKept(t, store, another)
		}
		requireKept(t, store, first)
		requireNotNewer(t, store, key("u", "c", "1", 241), 241)
	})
}

func TestStoreKeepsCountersExact(t *testing.T) {
	forEachStore(t, func(t *testing.T, store authkeys.Store) {
		for _, counter := range []uint64{1, 9, 10, 1<<53 - 1, 1 << 53, 1<<53 + 1, math.MaxUint64 - 1, math.MaxUint64} {
			require.NoError(t, store.Put(t.Context(), key("u", "c", "1", counter)))
			requireKept(t, store, key("u", "c", "1", counter))
			requireNotNewer(t, store, key("u", "c", "1", counter), counter)
		}
	})
}

func TestStoreTellsIDsApartWhateverTheyHold(t *testing.T) {
	forEachStore(t, func(t *testing.T, store authkeys.Store) {
		keys := []authkeys.AuthKey{
			key("u", "a b", "c", 1), key("u", "a", "b c", 1), key("u", "a+b", "c", 1), key("u", "a%20b", "c", 1),
			key("u}", "c", "1", 1), key("{u}", "c", "1", 1), key("u} c", "c", "1", 1), key(`u"\`, "c\x00", "\n", 1),
			key("用户", "设备", "😀", 1), key("u", "c", "", 1),
		}
		keys[len(keys)-1].UID = "*"
		for _, k := range keys {
			require.NoError(t, store.Put(t.Context(), k), k.ID)
		}
		for _, k := range keys {
			requireKept(t, store, k)
		}
	})
}

func TestStoreRefusesWhatIsIncomplete(t *testing.T) {
	forEachStore(t, func(t *testing.T, store authkeys.Store) {
		for what, breakIt := range map[string]func(*authkeys.AuthKey){
			"openid":          func(k *authkeys.AuthKey) { k.OpenID = "" },
			"cpu_id":          func(k *authkeys.AuthKey) { k.CPUID = "" },
			"uid":             func(k *authkeys.AuthKey) { k.UID = "" },
			"pub_key":         func(k *authkeys.AuthKey) { k.PubKey = "" },
			"counter":         func(k *authkeys.AuthKey) { k.Counter = 0 },
			"rsa_pss_saltlen": func(k *authkeys.AuthKey) { k.Salt = 16 },
		} {
			k := key("u", "c", "1", 7)
			breakIt(&k)
			require.ErrorContains(t, store.Put(t.Context(), k), what)
		}
		require.NoError(t, store.Put(t.Context(), key("u", "c", "1", 7)), "the twin")
	})
}

// Any sequence of steps must leave what a plain map would hold.
func TestStoreBehavesAsItsModel(t *testing.T) {
	forEachStore(t, func(t *testing.T, store authkeys.Store) {
		seed := rand.Uint64()
		t.Log("seed", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		one := func(from ...string) string { return from[random.IntN(len(from))] }
		model := map[authkeys.ID]authkeys.AuthKey{}
		for range 150 {
			k := key(one("u", "v"), one("c", "d"), one("1", "2"), 1+random.Uint64N(60))
			var highest uint64
			for id, kept := range model {
				if id.OpenID == k.OpenID && id.CPUID == k.CPUID {
					highest = max(highest, kept.Counter)
				}
			}
			if k.Counter > highest {
				require.NoError(t, store.Put(t.Context(), k))
				model[k.ID] = k
			} else {
				requireNotNewer(t, store, k, highest)
			}
			for _, kept := range model {
				requireKept(t, store, kept)
			}
		}
	})
}

func TestStoreKeepsTheNewestOfManyAtOnce(t *testing.T) {
	forEachStore(t, func(t *testing.T, store authkeys.Store) {
		const many = 24
		var wg sync.WaitGroup
		for i := range many {
			wg.Go(func() {
				err := store.Put(t.Context(), key("u", "c", "1", uint64(i+1)))
				if err != nil && !errors.Is(err, soter.ErrMismatch) {
					t.Error(err)
				}
				for counter := range uint64(3) {
					mine := key(fmt.Sprint("u", i), "c", "1", counter+1)
					assert.NoError(t, store.Put(t.Context(), mine))
					got, err := store.Find(t.Context(), mine.ID)
					assert.NoError(t, err)
					assert.Equal(t, mine, got, "who has put a key finds it")
				}
			})
		}
		wg.Wait()
		requireKept(t, store, key("u", "c", "1", many))
		for i := range many {
			requireKept(t, store, key(fmt.Sprint("u", i), "c", "1", 3))
		}
	})
}
