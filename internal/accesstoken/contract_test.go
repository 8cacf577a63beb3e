package accesstoken_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/accesstoken/storetest"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/store/redis"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/moto"
	"sotercall/internal/test/need"
)

const appID = "wx0123456789abcdef"

func init() {
	accesstoken.OpenRedis = func(t testing.TB, server *redistest.Server) accesstoken.Store {
		store, err := redis.Open(server.URL)
		require.NoError(t, err)
		t.Cleanup(func() { _ = store.Close() })
		return redis.NewTokens(store, appID, time.Now)
	}
	accesstoken.OpenDynamoDB = func(t testing.TB, server *dynalite.Table) accesstoken.Store {
		table, err := dynamodb.Open(server.Name, server.Environment())
		require.NoError(t, err)
		t.Cleanup(table.Close)
		return dynamodb.NewTokens(table, appID, time.Now)
	}
}

func TestStoreKeepsToItsContract(t *testing.T) {
	for name, open := range map[string]storetest.Open{
		"Memory": func(*testing.T) func(string) accesstoken.Store {
			stores := map[string]*accesstoken.Memory{}
			return func(appid string) accesstoken.Store {
				if stores[appid] == nil {
					stores[appid] = accesstoken.NewMemory(time.Now)
				}
				return stores[appid]
			}
		},
		"Redis": func(t *testing.T) func(string) accesstoken.Store {
			server := redistest.Start(t)
			return func(appid string) accesstoken.Store {
				store, err := redis.Open(server.URL)
				require.NoError(t, err)
				t.Cleanup(func() { _ = store.Close() })
				return redis.NewTokens(store, appid, time.Now)
			}
		},
		"DynamoDB": func(t *testing.T) func(string) accesstoken.Store { return openTable(t, dynalite.Start(t)) },
	} {
		t.Run(name, func(t *testing.T) { storetest.Run(t, open) })
	}
}

func openTable(t *testing.T, server *dynalite.Table) func(appid string) accesstoken.Store {
	return func(appid string) accesstoken.Store {
		table, err := dynamodb.Open(server.Name, server.Environment())
		require.NoError(t, err)
		t.Cleanup(table.Close)
		return dynamodb.NewTokens(table, appid, time.Now)
	}
}

// TestMotoKeepsToTheContract: another server that speaks DynamoDB's language. It takes
// milliseconds for a request, so that only scripts/test -long runs the model on it.
func TestMotoKeepsToTheContract(t *testing.T) {
	open := func(t *testing.T) func(string) accesstoken.Store {
		return openTable(t, dynalite.StartOn(t, moto.Start(t)))
	}
	t.Run("examples", func(t *testing.T) { storetest.Examples(t, open) })
	t.Run("all", func(t *testing.T) {
		need.Long(t)
		storetest.Run(t, open)
	})
}
