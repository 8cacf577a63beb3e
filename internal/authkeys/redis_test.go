package authkeys_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/authkeys/storetest"
	"sotercall/internal/soter"
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
	store := openRedis(t, redistest.Start(t))
	require.NoError(t, authkeys.Enroll(t.Context(), redis.NewAuthKeys(store), newPhone(t).enrolment(t)))
	const hash = "sotercall:authkeys:{" + user + "}"
	keys := do(t, store, "KEYS", "*")
	require.Equal(t, []any{hash}, keys)
	assert.Equal(t, int64(-1), do(t, store, "PTTL", hash), "never expires")

	fields, flat := map[any]string{}, do(t, store, "HGETALL", hash).([]any)
	for i := 0; i < len(flat); i += 2 {
		fields[flat[i]] = flat[i+1].(string)
	}
	require.Len(t, fields, 2)
	assert.Equal(t, "00000000000000000240", fields["counter "+cpuID])
	assert.JSONEq(t, `{"openid":"`+user+`","cpu_id":"`+cpuID+`","uid":"10115","counter":240,"rsa_pss_saltlen":20,"pub_key":`+
		quote(t, pemText(t, authKey()))+`}`, fields["key "+cpuID+" 10115"])
	size := do(t, store, "MEMORY", "USAGE", hash)
	assert.LessOrEqual(t, size, int64(1100))
	t.Log("bytes of a hash with one device:", size)
}

func TestRedisForgetsAtOnce(t *testing.T) {
	store := openRedis(t, redistest.Start(t))
	keys, p := redis.NewAuthKeys(store), newPhone(t)
	require.NoError(t, authkeys.Enroll(t.Context(), keys, p.enrolment(t)))
	v := authkeys.NewVerifier(keys)
	requireGenuine(t, v, p.answer(t, 241))
	do(t, store, "DEL", "sotercall:authkeys:{"+user+"}")
	requireWrong(t, v, p.answer(t, 242), "no AuthKey is enrolled")
}

func TestRedisAnswersNothingFromAnEntryThatIsNotOurs(t *testing.T) {
	store := openRedis(t, redistest.Start(t))
	keys := redis.NewAuthKeys(store)
	good := storetest.Key("u", "c", "1", 5)
	require.NoError(t, keys.Put(t.Context(), good))
	content := do(t, store, "HGET", "sotercall:authkeys:{u}", "key c 1")
	for name, set := range map[string][]any{
		"no JSON":         {"HSET", "sotercall:authkeys:{u}", "key c 1", "junk"},
		"incomplete":      {"HSET", "sotercall:authkeys:{u}", "key c 1", "{}"},
		"an unknown name": {"HSET", "sotercall:authkeys:{u}", "key c 1", content.(string)[:len(content.(string))-1] + `,"x":1}`},
		"another type":    {"SET", "sotercall:authkeys:{u}", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			do(t, store, set[0].(string), set[1:]...)
			got, err := keys.Find(t.Context(), good.ID)
			require.Error(t, err)
			require.NotErrorIs(t, err, authkeys.ErrNotEnrolled)
			require.Zero(t, got)

			do(t, store, "DEL", "sotercall:authkeys:{u}")
			do(t, store, "HSET", "sotercall:authkeys:{u}", "key c 1", content)
			storetest.RequireKept(t, keys, good)
		})
	}
}

func TestRedisReplacesNothingWhoseCounterItCannotRead(t *testing.T) {
	store := openRedis(t, redistest.Start(t))
	keys := redis.NewAuthKeys(store)
	for _, broken := range []string{"7", "x", "", "0000000000000000000x", "99999999999999999999"} {
		do(t, store, "HSET", "sotercall:authkeys:{u}", "counter c", broken)
		err := keys.Put(t.Context(), storetest.Key("u", "c", "1", 1<<63))
		require.ErrorContains(t, err, "the stored counter is not a counter", broken)
		require.NotErrorIs(t, err, soter.ErrMismatch)
	}
	do(t, store, "HSET", "sotercall:authkeys:{u}", "counter c", "00000000000000000007")
	require.NoError(t, keys.Put(t.Context(), storetest.Key("u", "c", "1", 8)), "the twin")
}

// Neither of the two steps is lost with a connection.
func TestRedisThatCutsConnectionsCostsNothing(t *testing.T) {
	server := redistest.Start(t)
	keys := redis.NewAuthKeys(openRedis(t, server))
	for counter := range uint64(10) {
		server.CutConnections()
		require.NoError(t, keys.Put(t.Context(), storetest.Key("u", "c", "1", counter+1)))
		server.CutConnections()
		storetest.RequireKept(t, keys, storetest.Key("u", "c", "1", counter+1))
	}
}
