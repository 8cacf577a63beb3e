package redis

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/accesstoken/storetest"
	"sotercall/internal/secret"
	"sotercall/internal/store/redis/redistest"
)

func doOn(t testing.TB, r *Tokens, command string, args ...any) any {
	t.Helper()
	reply, err := r.store.Do(t.Context(), command, args...)
	require.NoError(t, err)
	return reply
}

// Whatever stands where our data should be, the next lease is given and the next
// State saved.
func TestRedisContentThatIsNotOursCountsAsNone(t *testing.T) {
	r := openTokens(t, redistest.Start(t))
	for name, spoil := range map[string]func(){
		"state is not JSON":      func() { doOn(t, r, "HSET", r.state, "state", "not JSON") },
		"state is another JSON":  func() { doOn(t, r, "HSET", r.state, "state", `{"current":[1,2]}`) },
		"state is cut off":       func() { doOn(t, r, "HSET", r.state, "state", `{"current":{"access_token":"x`) },
		"state is not UTF-8":     func() { doOn(t, r, "HSET", r.state, "state", "{\"current\":{\"access_token\":\"\xff\"}}") },
		"state is gone":          func() { doOn(t, r, "HDEL", r.state, "state") },
		"numbers are words":      func() { doOn(t, r, "HSET", r.state, "saved", "many", "issued", "") },
		"numbers are NaN":        func() { doOn(t, r, "HSET", r.state, "saved", "nan", "issued", "nan") },
		"numbers are huge":       func() { doOn(t, r, "HSET", r.state, "saved", "1e300", "issued", "9223372036854775807") },
		"numbers are infinite":   func() { doOn(t, r, "HSET", r.state, "saved", "inf", "issued", "-inf") },
		"the hash is a text":     func() { doOn(t, r, "SET", r.state, "text") },
		"the hash is a list":     func() { doOn(t, r, "DEL", r.state); doOn(t, r, "RPUSH", r.state, "x") },
		"the lease is a hash":    func() { doOn(t, r, "DEL", r.lease); doOn(t, r, "HSET", r.lease, "a", "b") },
		"the lease has no end":   func() { doOn(t, r, "SET", r.lease, "1") },
		"everything is gone":     func() { doOn(t, r, "FLUSHALL") },
		"nothing (the twin)":     func() {},
		"the numbers are deeper": func() { doOn(t, r, "HSET", r.state, "saved", "1.5", "issued", "0x10") },
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, r.Save(t.Context(), storetest.Lease(t, r), storetest.StateOf("before")))
			spoil()
			state, err := r.Load(t.Context())
			require.NoError(t, err)
			if !state.Current.Value.IsZero() {
				require.True(t, state.Current.Value.Matches("before"))
			}
			next := storetest.Lease(t, r)
			require.Positive(t, next.Number)
			require.NoError(t, r.Save(t.Context(), next, storetest.StateOf("after")))
			state, err = r.Load(t.Context())
			require.NoError(t, err)
			require.True(t, state.Current.Value.Matches("after"))
			require.Greater(t, storetest.Lease(t, r).Number, next.Number)
			doOn(t, r, "FLUSHALL")
		})
	}
}

// A lease from before the loss is older than every lease after it.
func TestRedisThatHasLostItsDataStillFences(t *testing.T) {
	server := redistest.Start(t)
	r := openTokens(t, server)
	frozen := storetest.Lease(t, r)
	server.Kill()
	server.Run()
	r = openTokens(t, server)
	r.now = func() time.Time { return time.Now().Add(time.Millisecond) }

	require.NoError(t, r.Save(t.Context(), storetest.Lease(t, r), storetest.StateOf("newer")))
	require.ErrorIs(t, r.Save(t.Context(), frozen, storetest.StateOf("older")), accesstoken.ErrOutrun)
	require.NoError(t, r.Save(t.Context(), storetest.Lease(t, r), storetest.StateOf("newest")))
}

// An instance whose clock is ahead leaves high numbers behind.
func TestRedisNumbersGrowWhateverTheClocksSay(t *testing.T) {
	server := redistest.Start(t)
	ahead, behind := openTokens(t, server), openTokens(t, server)
	ahead.now = func() time.Time { return time.Now().AddDate(50, 0, 0) }
	behind.now = func() time.Time { return time.Time{} }
	var last accesstoken.Lease
	for _, r := range []*Tokens{behind, ahead, behind, ahead, behind} {
		next := storetest.Lease(t, r)
		require.Greater(t, next.Number, last.Number)
		require.NoError(t, r.Save(t.Context(), next, storetest.StateOf("token")))
		last = next
	}
	doOn(t, ahead, "HDEL", ahead.state, "issued")
	require.Greater(t, storetest.Lease(t, behind).Number, last.Number)
}

func TestRedisForgetsADayAfterTheToken(t *testing.T) {
	r := openTokens(t, redistest.Start(t))
	life := func(key string) time.Duration {
		return time.Duration(doOn(t, r, "PTTL", key).(int64)) * time.Millisecond
	}
	held := storetest.Lease(t, r)
	assert.InDelta(t, storetest.Life, life(r.lease), float64(10*time.Second))
	assert.InDelta(t, accesstoken.Keep, life(r.state), float64(10*time.Second), "the number of a lease is not kept for ever either")
	require.NoError(t, r.Save(t.Context(), held, storetest.StateOf("token")))
	assert.InDelta(t, 2*time.Hour+accesstoken.Keep, life(r.state), float64(10*time.Second))
	storetest.Lease(t, r)
	assert.InDelta(t, 2*time.Hour+accesstoken.Keep, life(r.state), float64(10*time.Second), "a lease does not shorten it")

	expired := accesstoken.State{Current: accesstoken.Token{Value: secret.New("x"), Expires: time.Now().AddDate(-1, 0, 0)}}
	doOn(t, r, "DEL", r.lease)
	require.NoError(t, r.Save(t.Context(), storetest.Lease(t, r), expired))
	assert.InDelta(t, accesstoken.Keep, life(r.state), float64(10*time.Second))
}

func TestRedisKeepsAppidsApartAndTheirKeysTogether(t *testing.T) {
	one := openTokens(t, redistest.Start(t))
	other := NewTokens(one.store, "wxother", time.Now)
	require.NoError(t, one.Save(t.Context(), storetest.Lease(t, one), storetest.StateOf("one")))
	held := storetest.Lease(t, one)
	storetest.RequireKept(t, accesstoken.State{}, other)
	require.NoError(t, other.Save(t.Context(), storetest.Lease(t, other), storetest.StateOf("other")))
	require.NoError(t, one.Release(t.Context(), held))
	for _, key := range []string{one.state, one.lease} {
		assert.True(t, strings.HasPrefix(key, "sotercall:token:{wx0123456789abcdef}"), key)
	}
}

func TestRedisErrorsSayWhatFailedAndHoldNoSecret(t *testing.T) {
	server := redistest.Start(t)
	r := openTokens(t, server)
	held := storetest.Lease(t, r)
	check := func(err error, what string) {
		t.Helper()
		require.ErrorContains(t, err, what)
		require.NotErrorIs(t, err, accesstoken.ErrLeased)
		require.NotErrorIs(t, err, accesstoken.ErrOutrun)
		assert.NotContains(t, err.Error(), "s3cret-token")
		assert.NotContains(t, err.Error(), redistest.Password)
	}
	state := storetest.StateOf("s3cret-token")
	doOn(t, r, "ACL", "SETUSER", "default", "-evalsha", "-eval")
	check(r.Save(t.Context(), held, state), "save the token: redis: EVALSHA: the server refuses: NOPERM")
	_, err := r.Load(t.Context())
	check(err, "load the token: redis: EVALSHA: the server refuses: NOPERM")

	server.Kill()
	check(r.Save(t.Context(), held, state), "save the token: redis: ")
	_, err = r.Load(t.Context())
	check(err, "load the token: redis: EVALSHA: dial tcp ")
	_, _, err = r.Acquire(t.Context(), storetest.Life, false)
	check(err, "lease the token: redis: EVALSHA: dial tcp ")
	check(r.Release(t.Context(), held), "release the token: redis: EVALSHA: dial tcp ")

	state.Current.Value = secret.New("s3cret-token\xff")
	check(r.Save(t.Context(), held, state), "save the token: the state has no JSON form")
}

// The reply to the first was lost: the same request gets the same lease, and no other
// does.
func TestRedisGivesALeaseAgainToTheSameRequest(t *testing.T) {
	r := openTokens(t, redistest.Start(t))
	acquire := func(nonce string) any {
		reply, err := r.store.Run(t.Context(), acquireScript, r.state, r.lease, 5, storetest.Life.Milliseconds(), accesstoken.Keep.Milliseconds(), nonce, 0)
		require.NoError(t, err)
		return reply.([]any)[0]
	}
	require.EqualValues(t, 5, acquire("MINE"))
	require.EqualValues(t, 5, acquire("MINE"))
	require.EqualValues(t, 0, acquire("OTHER"))
	require.EqualValues(t, 0, acquire(""))
	require.NoError(t, r.Release(t.Context(), accesstoken.Lease{Number: 5}))
	require.EqualValues(t, 6, acquire("MINE"), "given back, it is another one")
}

// Instances of an earlier version write neither a nonce nor when a token is due.
func TestRedisReadsWhatEarlierVersionsWrite(t *testing.T) {
	r := openTokens(t, redistest.Start(t))
	doOn(t, r, "SET", r.lease, "7", "PX", 60000)
	_, _, err := r.Acquire(t.Context(), storetest.Life, true)
	require.ErrorIs(t, err, accesstoken.ErrLeased)
	require.NoError(t, r.Release(t.Context(), accesstoken.Lease{Number: 8}))
	_, _, err = r.Acquire(t.Context(), storetest.Life, true)
	require.ErrorIs(t, err, accesstoken.ErrLeased, "it is another one's")
	require.NoError(t, r.Release(t.Context(), accesstoken.Lease{Number: 7}))

	state := storetest.StateOf("token")
	require.NoError(t, r.Save(t.Context(), storetest.Lease(t, r), state))
	_, _, err = r.Acquire(t.Context(), storetest.Life, true)
	require.ErrorIs(t, err, accesstoken.ErrFresh, "the twin")
	doOn(t, r, "HSET", r.state, "saved", doOn(t, r, "HGET", r.state, "saved").(string)+"0")
	found, held, err := r.Acquire(t.Context(), storetest.Life, true)
	require.NoError(t, err, "when that state is due is not known")
	storetest.RequireSame(t, state, found)
	require.NoError(t, r.Release(t.Context(), held))
	// They compare a lease with its number, and have none of ours.
	held = storetest.Lease(t, r)
	require.NotEqual(t, strconv.FormatInt(held.Number, 10), doOn(t, r, "GET", r.lease))
}
