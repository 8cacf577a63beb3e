package accesstoken

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/store/redis/redistest"
)

const longLife = time.Minute

// eachStore runs test on every kind of Store. open gives the Store as one more
// instance of the function sees it.
func eachStore(t *testing.T, test func(t *testing.T, open func() Store)) {
	t.Helper()
	t.Run("Memory", func(t *testing.T) {
		store := NewMemory(time.Now)
		test(t, func() Store { return store })
	})
	t.Run("Redis", func(t *testing.T) {
		server := redistest.Start(t)
		test(t, func() Store { return openRedis(t, server) })
	})
	t.Run("DynamoDB", func(t *testing.T) {
		table := dynalite.Start(t)
		test(t, func() Store { return openDynamoDB(t, table) })
	})
}

// OpenDynamoDB and OpenRedis are the Stores of their packages, which import this one: the
// tests of another package of the same binary set them.
var (
	OpenDynamoDB func(t testing.TB, table *dynalite.Table) Store
	OpenRedis    func(t testing.TB, server *redistest.Server) Store
)

func openDynamoDB(t testing.TB, table *dynalite.Table) Store {
	t.Helper()
	return OpenDynamoDB(t, table)
}

func openRedis(t testing.TB, server *redistest.Server) Store {
	t.Helper()
	return OpenRedis(t, server)
}

func lease(t testing.TB, store Store) Lease {
	t.Helper()
	_, lease, err := store.Acquire(t.Context(), longLife, false)
	require.NoError(t, err)
	return lease
}

// stateOf is a State with a token of that name.
func stateOf(name string) State {
	ends := time.Now().Round(0).Add(2 * time.Hour)
	return State{Current: Token{Value: secret.New(name), Renew: ends.Add(-maxMargin), Expires: ends}}
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
