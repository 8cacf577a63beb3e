package challenge_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/challenge/ledgertest"
	"sotercall/internal/store/redis"
	"sotercall/internal/store/redis/redistest"
)

func do(t *testing.T, store *redis.Server, command string, args ...any) any {
	t.Helper()
	reply, err := store.Do(context.Background(), command, args...)
	require.NoError(t, err)
	return reply
}

func TestRedisKeepsWhatItsCommentSays(t *testing.T) {
	store := openStore(t, redistest.Start(t))
	ledger, device := redis.NewLedger(store), challenge.DevicePseudonym(cpuID)
	const id, nonce = "AAAAAAAAAAAAAAAAAAAAAA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	require.True(t, ledgertest.Consume(t, ledger, id, nonce))
	require.Zero(t, ledgertest.Raise(t, ledger, device, 123, nonce))

	keys := do(t, store, "KEYS", "*").([]any)
	challengeKey, counterKey := "sotercall:challenge:"+id, "sotercall:counter:"+device
	assert.ElementsMatch(t, []any{challengeKey, counterKey}, keys)
	assert.NotContains(t, fmt.Sprint(keys), cpuID)

	assert.Equal(t, nonce, do(t, store, "GET", challengeKey))
	assert.Equal(t, "0000000000000000012300000000000000000000"+nonce, do(t, store, "GET", counterKey))
	require.EqualValues(t, 123, ledgertest.Raise(t, ledger, device, math.MaxUint64, nonce[1:]))
	assert.Equal(t, "1844674407370955161500000000000000000123"+nonce[1:], do(t, store, "GET", counterKey))
	assertLife(t, store, challengeKey, time.Minute)
	assertLife(t, store, counterKey, 400*24*time.Hour)
	for _, key := range []string{challengeKey, counterKey} {
		size := do(t, store, "MEMORY", "USAGE", key)
		assert.LessOrEqual(t, size, int64(300), key)
		t.Logf("%s: %d bytes", key, size)
	}
}

func assertLife(t *testing.T, store *redis.Server, key string, want time.Duration) {
	t.Helper()
	left := do(t, store, "PTTL", key).(int64)
	got := time.Duration(left) * time.Millisecond
	assert.LessOrEqual(t, got, want, key)
	assert.Greater(t, got, want-10*time.Second, key)
}

func TestRedisForgetsADeviceLongAfterItsLastSignatureOnly(t *testing.T) {
	store := openStore(t, redistest.Start(t))
	ledger := redis.NewLedger(store)
	require.Zero(t, ledgertest.Raise(t, ledger, "phone", 5, "1"))
	do(t, store, "PEXPIRE", "sotercall:counter:phone", 60000)
	require.EqualValues(t, 5, ledgertest.Raise(t, ledger, "phone", 4, "2"))
	assertLife(t, store, "sotercall:counter:phone", 400*24*time.Hour)
}

// Somebody else writes into our keys: it cannot be found out what is right, and
// nothing is overwritten.
func TestRedisWithAForeignValueIsAnError(t *testing.T) {
	store := openStore(t, redistest.Start(t))
	ledger := redis.NewLedger(store)
	raise := func(nonce string) error {
		highest, err := ledger.Raise(t.Context(), challenge.Reading{Device: "phone", Counter: 6, Nonce: nonce})
		if err != nil {
			assert.Zero(t, highest)
		}
		return err
	}
	for _, value := range []string{"much", "", "7", "0000000000000000000x", "99999999999999999999", "-0000000000000000005"} {
		do(t, store, "SET", "sotercall:counter:phone", value)
		require.ErrorContains(t, raise("nonce"), "raising a counter: the stored value is not a counter", value)
		require.Equal(t, value, do(t, store, "GET", "sotercall:counter:phone"))
	}
	for _, key := range []string{"sotercall:counter:phone", "sotercall:challenge:a"} {
		do(t, store, "DEL", key)
		do(t, store, "LPUSH", key, "1")
	}
	require.ErrorContains(t, raise("nonce"), "WRONGTYPE")
	first, err := ledger.Consume(t.Context(), challenge.Use{Challenge: "a", Keep: time.Minute, Nonce: "nonce"})
	require.ErrorContains(t, err, "consuming a challenge: ")
	require.False(t, first)

	do(t, store, "DEL", "sotercall:counter:phone", "sotercall:challenge:a")
	require.NoError(t, raise("nonce"), "the twin")
	require.True(t, ledgertest.Consume(t, ledger, "a", "nonce"))
}
