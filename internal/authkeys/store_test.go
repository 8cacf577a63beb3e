package authkeys_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/authkeys/storetest"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/store/redis"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/moto"
	"sotercall/internal/test/need"
)

func newStore() *storetest.Memory { return new(storetest.Memory) }

func openRedis(t testing.TB, server *redistest.Server) *redis.Server {
	store, err := redis.Open(server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	return store
}

func openTable(t testing.TB, server *dynalite.Table) *dynamodb.Table {
	table, err := dynamodb.Open(server.Name, server.Environment())
	require.NoError(t, err)
	t.Cleanup(table.Close)
	return table
}

// stores are all kinds of Store there are, and the one that other tests use.
var stores = map[string]storetest.Open{
	"Memory": func(*testing.T) authkeys.Store { return newStore() },
	"Redis":  func(t *testing.T) authkeys.Store { return redis.NewAuthKeys(openRedis(t, redistest.Start(t))) },
	"DynamoDB": func(t *testing.T) authkeys.Store {
		return dynamodb.NewAuthKeys(openTable(t, dynalite.Start(t)))
	},
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

// TestMotoKeepsToTheContract: another server that speaks DynamoDB's language. It takes
// milliseconds for a request, so that only scripts/test -long runs the model on it.
func TestMotoKeepsToTheContract(t *testing.T) {
	open := func(t *testing.T) authkeys.Store {
		return dynamodb.NewAuthKeys(openTable(t, dynalite.StartOn(t, moto.Start(t))))
	}
	t.Run("examples", func(t *testing.T) { storetest.Examples(t, open) })
	t.Run("all", func(t *testing.T) {
		need.Long(t)
		storetest.Run(t, open)
	})
}
