package authkeys_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/authkeys/storetest"
	"sotercall/internal/redis"
	"sotercall/internal/redis/redistest"
)

func newStore() *storetest.Memory { return new(storetest.Memory) }

func openRedis(t testing.TB, server *redistest.Server) *redis.Store {
	store, err := redis.Open(server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	return store
}

// stores are all kinds of Store there are, and the one that other tests use.
var stores = map[string]storetest.Open{
	"Memory": func(*testing.T) authkeys.Store { return newStore() },
	"Redis":  func(t *testing.T) authkeys.Store { return authkeys.NewRedis(openRedis(t, redistest.Start(t))) },
}

func TestStoreKeepsToItsContract(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) { storetest.Run(t, open) })
	}
}

// forEachStore runs a test with a store of each kind that keeps nothing yet.
func forEachStore(t *testing.T, test func(t *testing.T, store authkeys.Store)) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}
