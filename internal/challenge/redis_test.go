package challenge_test

import (
	"context"
	"strings"
	"testing"
	"time"

	redigo "github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/redis"
	"sotercall/internal/redis/redistest"
)

func do(t *testing.T, store *redis.Store, command string, args ...any) any {
	t.Helper()
	reply, err := store.Do(context.Background(), command, args...)
	require.NoError(t, err)
	return reply
}

func TestRedisKeepsWhatItsCommentSays(t *testing.T) {
	store := openStore(t, redistest.Start(t))
	device := challenge.DevicePseudonym(cpuID)
	u := use("AAAAAAAAAAAAAAAAAAAAAA", device, 123)
	require.True(t, consume(t, challenge.NewRedis(store), u).First)

	keys, err := redigo.Strings(do(t, store, "KEYS", "*"), nil)
	require.NoError(t, err)
	challengeKey, counterKey := "sotercall:challenge:{ledger}:"+u.Challenge, "sotercall:counter:{ledger}:"+device
	assert.ElementsMatch(t, []string{challengeKey, counterKey}, keys)
	assert.NotContains(t, strings.Join(keys, " "), cpuID)

	assert.Equal(t, []byte("00000000000000000123"), do(t, store, "GET", counterKey))
	assertLife(t, store, challengeKey, u.Keep)
	assertLife(t, store, counterKey, 400*24*time.Hour)
	for _, key := range keys {
		size, err := redigo.Int(do(t, store, "MEMORY", "USAGE", key), nil)
		require.NoError(t, err)
		assert.LessOrEqual(t, size, 250, key)
		t.Logf("%s: %d bytes", key, size)
	}
}

func assertLife(t *testing.T, store *redis.Store, key string, want time.Duration) {
	t.Helper()
	left, err := redigo.Int64(do(t, store, "PTTL", key), nil)
	require.NoError(t, err)
	got := time.Duration(left) * time.Millisecond
	assert.LessOrEqual(t, got, want, key)
	assert.Greater(t, got, want-10*time.Second, key)
}

func TestRedisForgetsADeviceLongAfterItsLastSignatureOnly(t *testing.T) {
	store := openStore(t, redistest.Start(t))
	ledger := challenge.NewRedis(store)
	consume(t, ledger, use("a", "phone", 5))
	do(t, store, "PEXPIRE", "sotercall:counter:{ledger}:phone", 60000)
	require.Equal(t, uint64(5), consume(t, ledger, use("b", "phone", 4)).Highest)
	assertLife(t, store, "sotercall:counter:{ledger}:phone", 400*24*time.Hour)
}

// Somebody else writes into our keys: it cannot be found out what is right.
func TestRedisWithAForeignValueIsAnError(t *testing.T) {
	for name, spoil := range map[string][]any{
		"not a number": {"SET", "sotercall:counter:{ledger}:phone", "much"},
		"not a text":   {"LPUSH", "sotercall:counter:{ledger}:phone", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			store := openStore(t, redistest.Start(t))
			ledger := challenge.NewRedis(store)
			require.True(t, consume(t, ledger, use("a", "phone", 5)).First)
			do(t, store, "DEL", "sotercall:counter:{ledger}:phone")
			do(t, store, spoil[0].(string), spoil[1:]...)
			outcome, err := ledger.Consume(context.Background(), use("b", "phone", 6))
			require.ErrorContains(t, err, "consuming a challenge: ")
			assert.Zero(t, outcome)
			assert.True(t, consume(t, ledger, use("c", "other phone", 6)).First)
		})
	}
}

func TestRedisThatCannotReadTheCounterConsumesNothing(t *testing.T) {
	store := openStore(t, redistest.Start(t))
	ledger := challenge.NewRedis(store)
	do(t, store, "LPUSH", "sotercall:counter:{ledger}:phone", "1")
	_, err := ledger.Consume(context.Background(), use("a", "phone", 5))
	require.ErrorContains(t, err, "WRONGTYPE")
	do(t, store, "DEL", "sotercall:counter:{ledger}:phone")
	assert.Equal(t, challenge.Outcome{First: true}, consume(t, ledger, use("a", "phone", 5)))
}

func TestRedisIsSharedByAllWhoReachIt(t *testing.T) {
	server := redistest.Start(t)
	one, other := challenge.NewRedis(openStore(t, server)), challenge.NewRedis(openStore(t, server))
	require.True(t, consume(t, one, use("a", "phone", 5)).First)
	assert.False(t, consume(t, other, use("a", "phone", 6)).First)
	assert.Equal(t, uint64(5), consume(t, other, use("b", "phone", 6)).Highest)
}
