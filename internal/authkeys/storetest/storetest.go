// Package storetest tests the contract of authkeys.Store. Every Store's own tests run it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sotercall/internal/authkeys"
	"sotercall/internal/soter"
)

// Open makes a new, empty Store.
type Open func(t *testing.T) authkeys.Store

// Run tests the contract of authkeys.Store.
func Run(t *testing.T, open Open) {
	Examples(t, open)
	t.Run("it behaves as its model", func(t *testing.T) { model(t, open(t)) })
}

// Examples is Run without the thousands of requests of the model, for a slow server.
func Examples(t *testing.T, open Open) {
	for name, test := range map[string]func(t *testing.T, store authkeys.Store){
		"an AuthKey is found by user, device and app": found,
		"an AuthKey is replaced only by a newer one":  replaced,
		"what is put twice is kept once":              putTwice,
		"counters are those of a user and a device":   counters,
		"counters are exact":                          exact,
		"IDs are told apart whatever they hold":       apart,
		"what is incomplete is refused":               incomplete,
		"the newest of many at once is kept":          simultaneous,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Key returns an AuthKey as a Store sees it: pub_key is any text.
func Key(openid, cpuID, uid string, counter uint64) authkeys.AuthKey {
	return authkeys.AuthKey{
		ID:      authkeys.ID{OpenID: openid, CPUID: cpuID, UID: uid},
		PubKey:  fmt.Sprint("the key of ", openid, cpuID, uid, counter),
		Counter: counter, Salt: soter.Salt32,
	}
}

// RequireKept asserts that an AuthKey is found unchanged.
func RequireKept(t require.TestingT, keys authkeys.Finder, want authkeys.AuthKey) {
	got, err := keys.Find(context.Background(), want.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func put(t require.TestingT, store authkeys.Store, key authkeys.AuthKey) {
	require.NoError(t, store.Put(context.Background(), key), key.ID)
}

func requireNotNewer(t require.TestingT, store authkeys.Store, older authkeys.AuthKey, enrolled uint64) {
	err := store.Put(context.Background(), older)
	require.ErrorIs(t, err, soter.ErrMismatch)
	var notNewer *authkeys.NotNewerError
	require.ErrorAs(t, err, &notNewer)
	require.Equal(t, authkeys.NotNewerError{Counter: older.Counter, Enrolled: enrolled}, *notNewer)
}

// another returns an AuthKey with the ID and the counter of key, and another pub_key.
func another(key authkeys.AuthKey) authkeys.AuthKey {
	key.PubKey += " made anew"
	return key
}

func found(t *testing.T, store authkeys.Store) {
	enrolled := Key("u", "c", "10115", 240)
	put(t, store, enrolled)
	RequireKept(t, store, enrolled)
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
}

func replaced(t *testing.T, store authkeys.Store) {
	put(t, store, Key("u", "c", "1", 240))
	newer := Key("u", "c", "1", 1000)
	put(t, store, newer)
	RequireKept(t, store, newer)

	requireNotNewer(t, store, another(Key("u", "c", "1", 1000)), 1000)
	requireNotNewer(t, store, Key("u", "c", "1", 999), 1000)
	requireNotNewer(t, store, Key("u", "c", "1", 240), 1000)
	RequireKept(t, store, newer)
}

// The reply to the first was lost.
func putTwice(t *testing.T, store authkeys.Store) {
	first, second := Key("u", "c", "1", 240), Key("u", "c", "2", 241)
	for range 2 {
		put(t, store, first)
	}
	put(t, store, second)
	put(t, store, first)
	RequireKept(t, store, first)
	requireNotNewer(t, store, Key("u", "c", "3", 241), 241)
	requireNotNewer(t, store, another(first), 241)
	otherSalt := first
	otherSalt.Salt = soter.Salt20
	requireNotNewer(t, store, otherSalt, 241)
}

func counters(t *testing.T, store authkeys.Store) {
	first := Key("u", "c", "1", 240)
	put(t, store, first)
	requireNotNewer(t, store, Key("u", "c", "2", 240), 240)
	for _, other := range []authkeys.AuthKey{Key("u", "c", "2", 241), Key("u", "d", "1", 5), Key("v", "c", "1", 5)} {
		put(t, store, other)
		RequireKept(t, store, other)
	}
	RequireKept(t, store, first)
	requireNotNewer(t, store, Key("u", "c", "1", 241), 241)
}

func exact(t *testing.T, store authkeys.Store) {
	for _, counter := range []uint64{1, 9, 10, 1<<53 - 1, 1 << 53, 1<<53 + 1, math.MaxUint64 - 1, math.MaxUint64} {
		put(t, store, Key("u", "c", "1", counter))
		RequireKept(t, store, Key("u", "c", "1", counter))
		requireNotNewer(t, store, another(Key("u", "c", "1", counter)), counter)
	}
}

func apart(t *testing.T, store authkeys.Store) {
	keys := []authkeys.AuthKey{
		Key("u", "a b", "c", 1), Key("u", "a", "b c", 1), Key("u", "a+b", "c", 1), Key("u", "a%20b", "c", 1),
		Key("u}", "c", "1", 1), Key("{u}", "c", "1", 1), Key("u} c", "c", "1", 1), Key(`u"\`, "c\x00", "\n", 1),
		Key("用户", "设备", "😀", 1), Key("u", "c", "*", 1),
	}
	for _, k := range keys {
		put(t, store, k)
	}
	for _, k := range keys {
		RequireKept(t, store, k)
	}
}

func incomplete(t *testing.T, store authkeys.Store) {
	for what, spoil := range map[string]func(*authkeys.AuthKey){
		"openid":          func(k *authkeys.AuthKey) { k.OpenID = "" },
		"cpu_id":          func(k *authkeys.AuthKey) { k.CPUID = "" },
		"uid":             func(k *authkeys.AuthKey) { k.UID = "" },
		"pub_key":         func(k *authkeys.AuthKey) { k.PubKey = "" },
		"counter":         func(k *authkeys.AuthKey) { k.Counter = 0 },
		"rsa_pss_saltlen": func(k *authkeys.AuthKey) { k.Salt = 16 },
	} {
		k := Key("u", "c", "1", 7)
		spoil(&k)
		require.ErrorContains(t, store.Put(t.Context(), k), what)
	}
	put(t, store, Key("u", "c", "1", 7)) // the twin
}

// model: after any sequence of steps, a Store equals a plain map.
func model(t *testing.T, store authkeys.Store) {
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		kept := map[authkeys.ID]authkeys.AuthKey{}
		for range rapid.IntRange(1, 15).Draw(t, "steps") {
			k := Key(fmt.Sprint(run, rapid.SampledFrom([]string{"u", "v"}).Draw(t, "openid")),
				rapid.SampledFrom([]string{"c", "d"}).Draw(t, "cpu_id"), rapid.SampledFrom([]string{"1", "2"}).Draw(t, "uid"),
				rapid.Uint64Range(1, 20).Draw(t, "counter"))
			var highest uint64
			for id, other := range kept {
				if id.OpenID == k.OpenID && id.CPUID == k.CPUID {
					highest = max(highest, other.Counter)
				}
			}
			if k.Counter > highest || kept[k.ID] == k {
				put(t, store, k)
				kept[k.ID] = k
			} else {
				requireNotNewer(t, store, k, highest)
			}
			for _, other := range kept {
				RequireKept(t, store, other)
			}
		}
	})
}

func simultaneous(t *testing.T, store authkeys.Store) {
	const many = 24
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			err := store.Put(t.Context(), Key("u", "c", "1", uint64(i+1)))
			if err != nil && !errors.Is(err, soter.ErrMismatch) {
				t.Error(err)
			}
			for counter := range uint64(3) {
				mine := Key(fmt.Sprint("u", i), "c", "1", counter+1)
				assert.NoError(t, store.Put(t.Context(), mine))
				got, err := store.Find(t.Context(), mine.ID)
				assert.NoError(t, err)
				assert.Equal(t, mine, got, "who has put a key finds it")
			}
		})
	}
	all.Wait()
	RequireKept(t, store, Key("u", "c", "1", many))
	for i := range many {
		RequireKept(t, store, Key(fmt.Sprint("u", i), "c", "1", 3))
	}
}
