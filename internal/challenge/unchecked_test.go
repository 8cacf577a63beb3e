package challenge_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/challenge/ledgertest"
	"sotercall/internal/openapi"
	"sotercall/internal/store/redis"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/need"
)

// uncheckedOf has the reasons of a desk collected.
func uncheckedOf(d desk) *[]string {
	var mu sync.Mutex
	reasons := new([]string)
	d.OnUnchecked = func(_ context.Context, reason string) {
		mu.Lock()
		defer mu.Unlock()
		*reasons = append(*reasons, reason)
	}
	return reasons
}

// WeChat judges the signature: a result that does not tell its counter is as genuine
// as WeChat says, unless somebody insists on counters.
func TestResultThatDoesNotTellItsCounter(t *testing.T) {
	for name, c := range map[string]struct{ result, reason string }{
		"no counter":        {`{"raw":"$","cpu_id":"c0ffee","uid":"21"}`, "counter is missing"},
		"counter 0":         {`{"raw":"$","counter":0,"cpu_id":"c0ffee","uid":"21"}`, `"counter" is 0`},
		"counter nested":    {`{"raw":"$","counter":{},"cpu_id":"c0ffee","uid":"21"}`, `"counter" is nested`},
		"no cpu_id":         {`{"raw":"$","counter":1,"uid":"21"}`, "cpu_id is missing"},
		"cpu_id of zeros":   {`{"raw":"$","counter":1,"cpu_id":"0000","uid":"21"}`, "all zeros"},
		"nothing but a raw": {`{"raw":"$"}`, "cpu_id is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, nil)
			reasons := uncheckedOf(d)
			text := issue(t, d.Issuer, alice)
			r := question(alice, replaceDollar(c.result, text))
			assert.Equal(t, openapi.Genuine(), d.verify(t, r))
			require.Len(t, *reasons, 1)
			assert.Contains(t, (*reasons)[0], c.reason)
			assert.Equal(t, openapi.Wrong("the challenge was used before"), d.verify(t, r), "the challenge counts all the same")
			assert.Len(t, *reasons, 1)

			d.Policy = challenge.EnforceCounter
			asked := d.next.asked
			text = issue(t, d.Issuer, alice)
			verdict := d.verify(t, question(alice, replaceDollar(c.result, text)))
			assert.False(t, verdict.IsGenuine())
			assert.Contains(t, verdict.Reason(), "the counter cannot be checked: ")
			assert.Contains(t, verdict.Reason(), c.reason)
			assert.Equal(t, asked, d.next.asked, "no quota is spent on it")
			d.assertFresh(t, text)
		})
	}
}

// Without challenges a text need not even be readable.
func TestTextThatCannotBeReadIsCountedOnlyByWhoInsists(t *testing.T) {
	for _, text := range []string{"", "no JSON", `{"raw":"a","raw":"b"}`, `{"counter":1,"cpu_id":"c"}`} {
		d := newDesk(t, nil)
		d.Issuer = nil
		reasons := uncheckedOf(d)
		assert.Equal(t, openapi.Genuine(), d.verify(t, question(alice, text)), text)
		assert.Len(t, *reasons, 1, text)
		d.next.verdict = openapi.Wrong("WeChat says so")
		assert.Equal(t, d.next.verdict, d.verify(t, question(alice, text)), text)
		assert.Len(t, *reasons, 1, "only a genuine answer goes unchecked")

		d.Policy = challenge.EnforceCounter
		assert.Contains(t, d.verify(t, question(alice, text)).Reason(), "the counter cannot be checked")
	}
}

func replaceDollar(text, with string) string {
	for i, c := range text {
		if c == '$' {
			return text[:i] + with + text[i+1:]
		}
	}
	return text
}

// Whatever becomes of the store: without challenges, and with counters that are
// logged, each genuine call is answered. With counters enforced none is.
func TestStoreThatFailsCostsNoAnswerWhereCountersAreLogged(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, server *redistest.Server)
		says  string
	}{
		"down": {func(_ *testing.T, s *redistest.Server) { s.Kill() }, "refused"},
		"full": {func(_ *testing.T, s *redistest.Server) { s.Do("CONFIG", "SET", "maxmemory", "1") }, "OOM"},
		"read-only": {func(_ *testing.T, s *redistest.Server) {
			s.Do("REPLICAOF", "127.0.0.1", "1")
		}, "READONLY"},
		"hung":           {func(t *testing.T, s *redistest.Server) { t.Cleanup(s.Pause()) }, ""},
		"wrong password": {func(_ *testing.T, s *redistest.Server) { s.ChangePassword("another") }, "WRONGPASS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			logged, enforced := newDesk(t, redis.NewLedger(openStore(t, server))), newDesk(t, redis.NewLedger(openStore(t, server)))
			logged.Issuer, enforced.Issuer, enforced.Policy = nil, nil, challenge.EnforceCounter
			reasons := uncheckedOf(logged)
			for n, d := range []desk{logged, enforced} {
				require.Equal(t, openapi.Genuine(), d.verify(t, question(alice, resultJSON("c", uint64(n+1)))))
			}
			require.Empty(t, *reasons, "the twin")

			c.spoil(t, server)
			const calls = 20
			for n := range calls {
				assert.Equal(t, openapi.Genuine(), logged.verify(t, question(alice, resultJSON("c", uint64(n+10)))))
			}
			require.Len(t, *reasons, calls)
			assert.Contains(t, (*reasons)[0], c.says)
			for _, reason := range (*reasons)[1:] { // the first waits, the others do not: the clock of the desk stands still
				assert.Contains(t, reason, "not tried, it failed less than 5s ago")
			}
			assert.NotContains(t, fmt.Sprint(*reasons), redistest.Password)

			verdict, err := enforced.Verify(t.Context(), question(alice, resultJSON("c", 10)))
			var failure *openapi.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, openapi.CodeSystem, failure.Code)
			assert.Zero(t, verdict)
		})
	}
}

func TestStoreThatWorksAgainIsAskedAfterAWhile(t *testing.T) {
	server := redistest.Start(t)
	d := newDesk(t, redis.NewLedger(openStore(t, server)))
	d.Issuer = nil
	reasons := uncheckedOf(d)
	verify := func(counter uint64) {
		t.Helper()
		require.Equal(t, openapi.Genuine(), d.verify(t, question(alice, resultJSON("c", counter))))
	}
	server.Kill()
	verify(1)
	server.Run()
	d.clock.pass(5*time.Second - 1)
	verify(2)
	require.Len(t, *reasons, 2, "left alone still")
	d.clock.pass(1)
	verify(3)
	verify(4)
	require.Len(t, *reasons, 2, "it is asked again, by everybody")

	server.Kill()
	verify(5)
	server.Run()
	d.clock.pass(-time.Hour)
	verify(6)
	require.Len(t, *reasons, 3, "a clock that was set back ends the pause")
}

// slowLedger answers when it is told to, or when nobody waits any longer.
type slowLedger struct {
	challenge.Ledger
	mu    sync.Mutex
	tried int // guarded by mu
}

func (l *slowLedger) Raise(ctx context.Context, _ challenge.Reading) (uint64, error) {
	l.mu.Lock()
	l.tried++
	l.mu.Unlock()
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestHungLedgerCostsHalfASecondOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &slowLedger{}
		v := &challenge.Verifier{Next: &next{verdict: openapi.Genuine()}, Ledger: ledger}
		cost := func() time.Duration {
			began := time.Now()
			verdict, err := v.Verify(t.Context(), question(alice, resultJSON("c", 1)))
			require.NoError(t, err)
			require.True(t, verdict.IsGenuine())
			return time.Since(began)
		}
		assert.Equal(t, 500*time.Millisecond, cost())
		assert.Zero(t, cost())
		time.Sleep(5 * time.Second)

		// Of many at once, one tries.
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() { cost() })
		}
		all.Wait()
		assert.Equal(t, 2, ledger.tried)
	})
}

// Whoever hangs up, or has no time left, says nothing about the store.
func TestEndOfTheInvocationIsAnsweredToo(t *testing.T) {
	ledger := &slowLedger{}
	v := &challenge.Verifier{Next: &next{verdict: openapi.Genuine()}, Ledger: ledger}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		verdict, err := v.Verify(gone, question(alice, resultJSON("c", 1)))
		require.NoError(t, err)
		require.True(t, verdict.IsGenuine())
	}
	assert.Equal(t, 2, ledger.tried, "each tried")

	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for range 2 {
		verdict, err := v.Verify(late, question(alice, resultJSON("c", 1)))
		require.NoError(t, err)
		require.True(t, verdict.IsGenuine())
	}
	assert.Equal(t, 3, ledger.tried)
}

// The challenge is consumed, then the store fails: nobody is refused for a counter
// that is only logged, and nobody gets in twice.
func TestCounterThatFailsAfterTheChallengeWasConsumed(t *testing.T) {
	d := newDesk(t, halfLedger{new(challenge.Memory)})
	reasons := uncheckedOf(d)
	r := question(alice, resultJSON(issue(t, d.Issuer, alice), 1))
	assert.Equal(t, openapi.Genuine(), d.verify(t, r))
	assert.Len(t, *reasons, 1)
	assert.Equal(t, openapi.Wrong("the challenge was used before"), d.verify(t, r))

	d.Policy = challenge.EnforceCounter
	r = question(alice, resultJSON(issue(t, d.Issuer, alice), 1))
	_, err := d.Verify(t.Context(), r)
	require.ErrorContains(t, err, "the counter could not be checked")
	assert.Equal(t, openapi.Wrong("the challenge was used before"), d.verify(t, r), "refuses, and never lets in")
}

// halfLedger crashes between its two steps.
type halfLedger struct{ challenge.Ledger }

func (halfLedger) Raise(context.Context, challenge.Reading) (uint64, error) {
	return 0, errors.New("crashed")
}

// A server that cuts its connections over and over costs no call and no challenge.
func TestConnectionsThatAreCutCostNothing(t *testing.T) {
	const workers, between = 4, 550
	cut := need.OrLong(8, 30) // times
	calls := cut * between / workers
	server := redistest.Start(t)
	d := newDesk(t, redis.NewLedger(openStore(t, server)))
	d.Policy = challenge.EnforceCounter
	var all sync.WaitGroup
	var answered, cuts atomic.Int64
	for worker := range workers {
		all.Go(func() {
			for n := range calls {
				text := fmt.Sprintf(`{"raw":%q,"counter":%d,"cpu_id":"phone %d"}`, issue(t, d.Issuer, alice), n+1, worker)
				verdict, err := d.Verify(t.Context(), question(alice, text))
				if assert.NoError(t, err) {
					assert.Equal(t, openapi.Genuine(), verdict, "%d", n)
				}
				if answered.Add(1)%between == 0 { // while the others are on their way
					server.CutConnections()
					cuts.Add(1)
				}
			}
			device := challenge.DevicePseudonym(fmt.Sprint("phone ", worker))
			assert.EqualValues(t, calls, ledgertest.Raise(t, d.Ledger, device, 1, "end"))
		})
	}
	all.Wait()
	assert.EqualValues(t, cut, cuts.Load())
}
