package docs_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/authkeys/storetest"
	"sotercall/internal/challenge"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/store/redis"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/documented"
	"sotercall/internal/test/need"
)

// people are the user who wants to be forgotten and another one.
var people = map[string]string{"oForget-Me_0000000000000001": "cpu+of/me", "oKeep-Me___0000000000000002": "cpu+of/another"}

const forgotten = "oForget-Me_0000000000000001"

// TestOneUserIsDeleted runs the commands of docs/personal-data.md for one user. What the
// store has of another user stays.
func TestOneUserIsDeleted(t *testing.T) {
	t.Run("Redis", func(t *testing.T) {
		need.Program(t, "redis-cli")
		server := redistest.Start(t)
		store, err := redis.Open(server.URL)
		require.NoError(t, err)
		t.Cleanup(func() { _ = store.Close() })
		forgets(t, redis.NewLedger(store), redis.NewAuthKeys(store), "aws ",
			map[string]string{"REDIS_URL": server.URL.Reveal()})
	})
	t.Run("DynamoDB", func(t *testing.T) {
		need.Program(t, "aws")
		server := dynalite.Start(t)
		table, err := dynamodb.Open(server.Name, server.Environment())
		require.NoError(t, err)
		t.Cleanup(table.Close)
		forgets(t, dynamodb.NewLedger(table), dynamodb.NewAuthKeys(table), "redis-cli ", server.Environment())
	})
}

// forgets fills a store with people, runs the commands but those that begin with another
// store's program, and looks whom the store knows.
func forgets(t *testing.T, ledger challenge.Ledger, keys authkeys.Store, other string, environment map[string]string) {
	t.Helper()
	need.Program(t, "openssl")
	reading := func(cpuID string, counter uint64, nonce string) challenge.Reading {
		return challenge.Reading{Device: challenge.DevicePseudonym(cpuID), Counter: counter, Nonce: nonce}
	}
	for openid, cpuID := range people {
		_, err := ledger.Raise(t.Context(), reading(cpuID, 7, strings.Repeat("n", 22)))
		require.NoError(t, err)
		require.NoError(t, keys.Put(t.Context(), storetest.Key(openid, cpuID, "10001", 7)))
	}

	script := slices.DeleteFunc(documented.Commands(t), func(command string) bool { return strings.HasPrefix(command, other) })
	require.Len(t, script, 5, "the user, the device, the server of Redis, and two keys")
	fill := strings.NewReplacer("the openid", forgotten, "the cpu_id", people[forgotten])
	command := exec.CommandContext(t.Context(), "sh", "-ec", fill.Replace(strings.Join(script, "\n")))
	command.Env = os.Environ()
	for name, value := range environment {
		command.Env = append(command.Env, name+"="+value)
	}
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)

	for openid, cpuID := range people {
		highest, err := ledger.Raise(t.Context(), reading(cpuID, 8, strings.Repeat("m", 22)))
		require.NoError(t, err)
		_, found := keys.Find(t.Context(), authkeys.ID{OpenID: openid, CPUID: cpuID, UID: "10001"})
		if openid == forgotten {
			assert.Zero(t, highest, "the counter is gone")
			assert.ErrorIs(t, found, authkeys.ErrNotEnrolled)
			continue
		}
		assert.EqualValues(t, 7, highest, "the twin: another user's stays")
		assert.NoError(t, found)
	}
}
