package dynamodb

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/accesstoken/storetest"
	"sotercall/internal/secret"
	"sotercall/internal/store/dynamodb/dynalite"
)

const tokenItem = "sotercall:token:wx0123456789abcdef"

func text(s string) map[string]any  { return map[string]any{"S": s} }
func number(n int64) map[string]any { return map[string]any{"N": strconv.FormatInt(n, 10)} }
func numberOf(item map[string]any, name string) int64 {
	n, _ := strconv.ParseInt(item[name].(map[string]any)["N"].(string), 10, 64)
	return n
}

// Whatever stands where our item should be, the next lease is given and the next
// State saved.
func TestDynamoDBContentThatIsNotOursCountsAsNone(t *testing.T) {
	server := dynalite.Start(t)
	d := openTokens(t, server)
	far := number(time.Now().AddDate(50, 0, 0).Unix())
	for name, item := range map[string]map[string]any{
		"nothing":                 nil,
		"an item of others":       {"x": text("y")},
		"content is not JSON":     {"content": text("not JSON"), "expires": far, "revision": text("x")},
		"content is a list":       {"content": map[string]any{"L": []any{}}, "expires": far, "revision": text("x")},
		"content is cut off":      {"content": text(`{"current":{"access_token":"x`), "expires": far, "revision": text("x")},
		"numbers are texts":       {"saved": text("many"), "issued": text(""), "holder": text("1"), "expires": text("0"), "revision": text("x")},
		"numbers are huge":        {"saved": map[string]any{"N": "1e30"}, "issued": map[string]any{"N": "99999999999999999999"}, "revision": text("x")},
		"numbers are broken":      {"saved": map[string]any{"N": "1.5"}, "issued": map[string]any{"N": "-0.5"}, "revision": text("x")},
		"no revision":             {"saved": number(5), "issued": number(5)},
		"a revision of others":    {"revision": number(7)},
		"a lease from the future": {"holder": number(1), "given": number(time.Now().AddDate(50, 0, 0).UnixMilli()), "life": number(5000), "revision": text("x")},
		"a lease that never ends": {"holder": number(1), "given": number(0), "life": number(time.Now().UnixMilli() - 1), "revision": text("x")},
	} {
		t.Run(name, func(t *testing.T) {
			server.Delete(tokenItem)
			if item != nil {
				server.Put(tokenItem, item)
			}
			storetest.RequireKept(t, accesstoken.State{}, d)
			next := storetest.Lease(t, d)
			require.Positive(t, next.Number)
			require.NoError(t, d.Save(t.Context(), next, storetest.StateOf("after")))
			state, err := d.Load(t.Context())
			require.NoError(t, err)
			require.True(t, state.Current.Value.Matches("after"))
			require.Greater(t, storetest.Lease(t, d).Number, next.Number)
		})
	}
}

// A lease from before the loss is older than every lease after it.
func TestDynamoDBThatHasLostItsItemStillFences(t *testing.T) {
	server := dynalite.Start(t)
	d := openTokens(t, server)
	frozen := storetest.Lease(t, d)
	server.Delete(tokenItem)
	d.now = func() time.Time { return time.Now().Add(time.Millisecond) }
	require.NoError(t, d.Save(t.Context(), storetest.Lease(t, d), storetest.StateOf("newer")))
	require.ErrorIs(t, d.Save(t.Context(), frozen, storetest.StateOf("older")), accesstoken.ErrOutrun)
	require.NoError(t, d.Save(t.Context(), storetest.Lease(t, d), storetest.StateOf("newest")))
}

// An instance whose clock is ahead leaves high numbers behind, and blocks nobody.
func TestDynamoDBNumbersGrowWhateverTheClocksSay(t *testing.T) {
	server := dynalite.Start(t)
	ahead, behind := openTokens(t, server), openTokens(t, server)
	ahead.now = func() time.Time { return time.Now().AddDate(50, 0, 0) }
	behind.now = func() time.Time { return time.Time{} }
	var last accesstoken.Lease
	for n, d := range []*Tokens{behind, ahead, behind, ahead, behind} {
		next := storetest.Lease(t, d)
		require.Greater(t, next.Number, last.Number)
		if n < 3 { // of the others nobody has given the lease back
			require.NoError(t, d.Save(t.Context(), next, storetest.StateOf("token")))
		}
		last = next
	}
}

// DynamoDB deletes late: time has passed when the clock says so.
func TestDynamoDBForgetsADayAfterTheToken(t *testing.T) {
	server, clock := dynalite.Start(t), new(clock)
	d := openTokens(t, server)
	d.now = clock.now
	expires := func() time.Duration {
		return time.Unix(numberOf(server.Items()[tokenItem], "expires"), 0).Sub(clock.now())
	}
	held := storetest.Lease(t, d)
	assert.InDelta(t, accesstoken.Keep, expires(), float64(10*time.Second), "the number of a lease is not kept for ever either")
	require.NoError(t, d.Save(t.Context(), held, storetest.StateOf("token")))
	assert.InDelta(t, 2*time.Hour+accesstoken.Keep, expires(), float64(10*time.Second))
	storetest.Lease(t, d)
	assert.InDelta(t, 2*time.Hour+accesstoken.Keep, expires(), float64(10*time.Second), "a lease does not shorten it")

	clock.forward(2*time.Hour + accesstoken.Keep - time.Minute)
	state, err := d.Load(t.Context())
	require.NoError(t, err)
	assert.False(t, state.Current.Value.IsZero(), "the twin: not yet")
	clock.forward(2 * time.Minute)
	assert.Contains(t, server.Items(), tokenItem, "it is still there")
	storetest.RequireKept(t, accesstoken.State{}, d)
	require.NoError(t, d.Release(t.Context(), storetest.Lease(t, d)))
	storetest.RequireKept(t, accesstoken.State{}, d) // a lease brings nothing back

	expired := accesstoken.State{Current: accesstoken.Token{Value: secret.New("x"), Expires: time.Now().AddDate(-1, 0, 0)}}
	require.NoError(t, d.Save(t.Context(), storetest.Lease(t, d), expired))
	assert.InDelta(t, accesstoken.Keep, expires(), float64(10*time.Second))
}

func TestDynamoDBLeaseIsTwoRequestsAndLoadIsOne(t *testing.T) {
	server := dynalite.Start(t)
	d := openTokens(t, server)
	server.Requests()
	held := storetest.Lease(t, d)
	assert.Equal(t, []string{"GetItem", "PutItem"}, server.Requests())
	_, _, err := d.Acquire(t.Context(), storetest.Life, false)
	require.ErrorIs(t, err, accesstoken.ErrLeased)
	assert.Equal(t, []string{"GetItem"}, server.Requests(), "who waits for another's lease writes nothing")
	storetest.RequireKept(t, accesstoken.State{}, d)
	assert.Equal(t, []string{"GetItem"}, server.Requests())
	require.NoError(t, d.Save(t.Context(), held, storetest.StateOf("token")))
	assert.Equal(t, []string{"GetItem", "PutItem"}, server.Requests())
}

// The write is done, and its reply is lost: what is sent again recognizes it.
func TestDynamoDBThatLosesRepliesCostsNothing(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]dynalite.Fault{
		"cut": {Done: true, Cut: true}, "timeout": {Done: true}, "500": {Done: true, Code: "InternalServerError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := dynalite.Start(t)
			d := openTokens(t, server)
			fault.Action, fault.Times = "PutItem", 1
			server.Break(fault)
			first := storetest.Lease(t, d)
			_, _, err := d.Acquire(t.Context(), storetest.Life, false)
			require.ErrorIs(t, err, accesstoken.ErrLeased)
			state := storetest.StateOf("token")
			server.Break(fault)
			require.NoError(t, d.Save(t.Context(), first, state))
			storetest.RequireKept(t, state, d)
			second := storetest.Lease(t, d)
			require.Greater(t, second.Number, first.Number)
			server.Break(fault)
			require.NoError(t, d.Release(t.Context(), second))
			storetest.Lease(t, d)
		})
	}
}

func TestDynamoDBErrorsSayWhatFailedAndHoldNoSecret(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, err error, what, why string) {
		t.Helper()
		if !assert.ErrorContains(t, err, what+" the token: dynamodb: ") {
			return
		}
		assert.ErrorContains(t, err, why)
		assert.NotErrorIs(t, err, accesstoken.ErrLeased)
		assert.NotErrorIs(t, err, accesstoken.ErrOutrun)
		assert.NotContains(t, err.Error(), "s3cret-token")
		assert.Equal(t, why == "no answer in time", isTimeout(err))
	}
	for why, fault := range map[string]dynalite.Fault{
		"access denied":     {Code: "AccessDeniedException"},
		"there is no table": {Code: "ResourceNotFoundException"}, "throttled": {Code: "ThrottlingException"},
		"cannot be reached": {Cut: true}, "no answer in time": {},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			server := dynalite.Start(t)
			d := openTokens(t, server)
			held, state := storetest.Lease(t, d), storetest.StateOf("s3cret-token")
			server.Break(fault)
			var calls sync.WaitGroup // side by side: a server that is silent takes its time
			calls.Go(func() {
				_, err := d.Load(t.Context())
				check(t, err, "load", why)
			})
			calls.Go(func() {
				_, _, err := d.Acquire(t.Context(), storetest.Life, false)
				check(t, err, "lease", why)
			})
			calls.Go(func() { check(t, d.Save(t.Context(), held, state), "save", why) })
			calls.Go(func() { check(t, d.Release(t.Context(), held), "release", why) })
			calls.Wait()
			fault.Action = "PutItem" // may be read
			if fault.Code != "" {
				fault.Message = `may not put {"access_token":"s3cret-token"}`
			}
			server.Break(fault)
			check(t, d.Save(t.Context(), held, state), "save", why)
			storetest.RequireKept(t, accesstoken.State{}, d)
		})
	}
	server := dynalite.Start(t)
	d := openTokens(t, server)
	held, state := storetest.Lease(t, d), storetest.StateOf("s3cret-token")
	require.NoError(t, d.Save(t.Context(), held, state), "the twin")
	state.Current.Value = secret.New("s3cret-token\xff")
	err := d.Save(t.Context(), held, state)
	require.EqualError(t, err, "save the token: the state has no JSON form")
}
