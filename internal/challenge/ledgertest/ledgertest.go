// Package ledgertest tests the contract of challenge.Ledger. Every Ledger's own tests run
// it.
package ledgertest

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sotercall/internal/challenge"
	"sotercall/internal/test/need"
)

// Open makes a new, empty Ledger and returns the given number of instances that share it,
// each with connections of its own.
type Open func(t *testing.T, instances int) []challenge.Ledger

// Run tests the contract of challenge.Ledger.
func Run(t *testing.T, open Open) {
	Examples(t, open)
	run(t, open, map[string]func(t *testing.T, open Open){
		"it behaves as its model":                         model,
		"of many simultaneous uses one is the first":      simultaneousUses,
		"of many simultaneous readings the highest stays": simultaneousReadings,
		"of many simultaneous failures all count":         simultaneousFailures,
	})
}

// Examples is Run without the thousands of requests of the model, and without hundreds at
// the same moment, for a slow server.
func Examples(t *testing.T, open Open) {
	run(t, open, map[string]func(t *testing.T, open Open){
		"a challenge is consumed once":                  consumedOnce,
		"a use asked twice is one":                      useAskedTwice,
		"the highest counter is told and never lowered": highestCounter,
		"a reading asked twice is one":                  readingAskedTwice,
		"a reading asked twice, after a higher one":     readingAskedLate,
		"challenges and counters are apart":             apart,
		"failures are counted across instances":         failuresCounted,
		"a failure added twice is one":                  failureAddedTwice,
		"what is incomplete is refused":                 incomplete,
		"an ended context is an error":                  ended,
	})
}

func run(t *testing.T, open Open, tests map[string]func(t *testing.T, open Open)) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// Consume consumes a challenge for a minute, or fails the test.
func Consume(t require.TestingT, ledger challenge.Ledger, id, nonce string) (first bool) {
	first, err := ledger.Consume(context.Background(), challenge.Use{Challenge: id, Keep: time.Minute, Nonce: nonce})
	require.NoError(t, err)
	return first
}

// Raise raises a counter, or fails the test.
func Raise(t require.TestingT, ledger challenge.Ledger, device string, counter uint64, nonce string) (highest uint64) {
	highest, err := ledger.Raise(context.Background(), challenge.Reading{Device: device, Counter: counter, Nonce: nonce})
	require.NoError(t, err)
	return highest
}

func consumedOnce(t *testing.T, open Open) {
	all := open(t, 2)
	assert.True(t, Consume(t, all[0], "a", "1"))
	assert.False(t, Consume(t, all[0], "a", "2"), "again")
	assert.False(t, Consume(t, all[1], "a", "3"), "at another instance")
	assert.True(t, Consume(t, all[1], "b", "4"), "another challenge")
	assert.True(t, Consume(t, all[0], "A", "5"), "names are told apart by case")
}

// The reply to the first was lost.
func useAskedTwice(t *testing.T, open Open) {
	all := open(t, 2)
	for range 3 {
		assert.True(t, Consume(t, all[0], "a", "mine"))
		assert.True(t, Consume(t, all[1], "a", "mine"))
		assert.False(t, Consume(t, all[0], "a", "other"))
		assert.False(t, Consume(t, all[0], "a", "MINE"))
	}
}

func highestCounter(t *testing.T, open Open) {
	all := open(t, 2)
	for n, step := range []struct {
		device           string
		counter, highest uint64
	}{
		{"phone", 9, 0},
		{"phone", 10, 9}, // as texts, 9 is the larger one
		{"phone", 10, 10},
		{"phone", 3, 10},
		{"phone", 11, 10},
		{"other phone", 1, 0},
		{"phone", 1 << 53, 11},
		{"phone", 1<<53 + 1, 1 << 53}, // as doubles, they are equal
		{"phone", 1 << 53, 1<<53 + 1},
		{"phone", math.MaxUint64 - 1, 1<<53 + 1},
		{"phone", math.MaxUint64, math.MaxUint64 - 1},
		{"phone", math.MaxUint64, math.MaxUint64},
		{"phone", 1, math.MaxUint64}, // wrapped
		{"phone", 2, math.MaxUint64},
		{"other phone", 2, 1},
	} {
		require.Equal(t, step.highest, Raise(t, all[n%2], step.device, step.counter, fmt.Sprint("nonce ", n)), "step %d", n)
	}
}

// The reply to the first was lost: the counter has grown by this very reading.
func readingAskedTwice(t *testing.T, open Open) {
	all := open(t, 2)
	for range 3 {
		require.EqualValues(t, 0, Raise(t, all[0], "phone", 5, "first"))
		require.EqualValues(t, 0, Raise(t, all[1], "phone", 5, "first"))
	}
	for range 3 {
		require.EqualValues(t, 5, Raise(t, all[0], "phone", 6, "second"))
	}
	require.EqualValues(t, 6, Raise(t, all[0], "phone", 6, "third"), "the twin: another's")
	require.EqualValues(t, 5, Raise(t, all[0], "phone", 6, "second"), "a reading that raised nothing leaves it alone")
}

func readingAskedLate(t *testing.T, open Open) {
	ledger := open(t, 1)[0]
	require.EqualValues(t, 0, Raise(t, ledger, "phone", 5, "first"))
	require.EqualValues(t, 5, Raise(t, ledger, "phone", 6, "second"))
	require.EqualValues(t, 6, Raise(t, ledger, "phone", 5, "first"))
	require.EqualValues(t, 6, Raise(t, ledger, "phone", 7, "third"), "and has changed nothing")
}

func apart(t *testing.T, open Open) {
	ledger := open(t, 1)[0]
	require.True(t, Consume(t, ledger, "x", "1"))
	require.EqualValues(t, 0, Raise(t, ledger, "x", 5, "1"))
	require.False(t, Consume(t, ledger, "x", "2"))
	require.EqualValues(t, 5, Raise(t, ledger, "x", 6, "2"))
}

// model: two maps and the last nonces have the right results.
func model(t *testing.T, open Open) {
	type counter struct {
		highest, before uint64
		nonce           string
	}
	all, run := open(t, 3), 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		consumed, counters := map[string]string{}, map[string]counter{}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			ledger := all[rapid.IntRange(0, 2).Draw(t, "instance")]
			nonce := fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "nonce"))
			if rapid.Bool().Draw(t, "consume") {
				id := fmt.Sprintf("%d-%d", run, rapid.IntRange(0, 4).Draw(t, "challenge"))
				if consumed[id] == "" {
					consumed[id] = nonce
				}
				require.Equal(t, consumed[id] == nonce, Consume(t, ledger, id, nonce))
				continue
			}
			device := fmt.Sprintf("%d-%d", run, rapid.IntRange(0, 1).Draw(t, "device"))
			read := rapid.Uint64Min(1).Draw(t, "counter")
			want := counters[device].highest
			switch {
			case counters[device].nonce == nonce:
				want = counters[device].before
			case read > want:
				counters[device] = counter{read, want, nonce}
			}
			require.Equal(t, want, Raise(t, ledger, device, read, nonce))
		}
	})
}

func simultaneousUses(t *testing.T, open Open) {
	all := open(t, 8)
	var first atomic.Int32
	var running sync.WaitGroup
	for n := range need.OrLong(64, 200) {
		running.Go(func() {
			u := challenge.Use{Challenge: "a", Keep: time.Minute, Nonce: fmt.Sprint(n)}
			if is, err := all[n%8].Consume(context.Background(), u); assert.NoError(t, err) && is {
				first.Add(1)
			}
		})
	}
	running.Wait()
	assert.EqualValues(t, 1, first.Load())
}

func simultaneousReadings(t *testing.T, open Open) {
	many := need.OrLong(64, 200)
	all := open(t, 8)
	var running sync.WaitGroup
	var mu sync.Mutex
	grew := map[uint64]uint64{} // guarded by mu; by the highest before
	for n := range many {
		running.Go(func() {
			r := challenge.Reading{Device: "phone", Counter: uint64(n + 1), Nonce: fmt.Sprint(n)}
			highest, err := all[n%8].Raise(context.Background(), r)
			if !assert.NoError(t, err) || highest >= r.Counter {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			assert.Zero(t, grew[highest], "two readings have grown from %d", highest)
			grew[highest] = r.Counter
		})
	}
	running.Wait()
	assert.EqualValues(t, many, Raise(t, all[0], "phone", 1, "last"))
	at := uint64(0)
	for grew[at] != 0 {
		at = grew[at]
	}
	assert.EqualValues(t, many, at, "each step begins where another ended")
}

// Fail counts a wrong signature for a minute, or fails the test.
func Fail(t require.TestingT, ledger challenge.Ledger, id, nonce string) int {
	count, err := ledger.Fail(context.Background(), challenge.Failure{Challenge: id, Keep: time.Minute, Nonce: nonce})
	require.NoError(t, err)
	return count
}

// Failures returns how many were counted, or fails the test.
func Failures(t require.TestingT, ledger challenge.Ledger, id string) int {
	count, err := ledger.Failures(context.Background(), id)
	require.NoError(t, err)
	return count
}

func failuresCounted(t *testing.T, open Open) {
	all := open(t, 2)
	require.Zero(t, Failures(t, all[0], "a"))
	for n := range 12 {
		require.Equal(t, n+1, Fail(t, all[n%2], "a", fmt.Sprint(n)))
		require.Equal(t, n+1, Failures(t, all[0], "a"))
		require.Equal(t, n+1, Failures(t, all[1], "a"))
	}
	require.Zero(t, Failures(t, all[1], "A"), "another challenge")
	require.Equal(t, 1, Fail(t, all[1], "b", "0"), "another challenge")
	require.True(t, Consume(t, all[0], "a", "1"), "failures consume nothing")
	require.Equal(t, 12, Failures(t, all[1], "a"))
	require.Equal(t, 13, Fail(t, all[1], "a", "12"))
	require.False(t, Consume(t, all[1], "a", "2"))
	require.EqualValues(t, 0, Raise(t, all[1], "a", 7, "1"), "nor do they count devices")
}

func failureAddedTwice(t *testing.T, open Open) {
	all := open(t, 2)
	for range 3 {
		require.Equal(t, 1, Fail(t, all[0], "a", "first"))
		require.Equal(t, 1, Fail(t, all[1], "a", "first"))
	}
	require.Equal(t, 2, Fail(t, all[0], "a", "FIRST"), "the twin: another's")
}

func simultaneousFailures(t *testing.T, open Open) {
	const many = 64
	all := open(t, 8)
	var running sync.WaitGroup
	var mu sync.Mutex
	seen := map[int]bool{} // guarded by mu
	for n := range many {
		running.Go(func() {
			count, err := all[n%8].Fail(context.Background(), challenge.Failure{Challenge: "a", Keep: time.Minute, Nonce: fmt.Sprint(n)})
			assert.NoError(t, err)
			mu.Lock()
			defer mu.Unlock()
			assert.False(t, seen[count], "two are number %d", count)
			seen[count] = true
		})
	}
	running.Wait()
	require.Equal(t, many, Failures(t, all[0], "a"))
}

func incomplete(t *testing.T, open Open) {
	ledger := open(t, 1)[0]
	for name, spoil := range map[string]func(u *challenge.Use, r *challenge.Reading){
		"no challenge or device": func(u *challenge.Use, r *challenge.Reading) { u.Challenge, r.Device = "", "" },
		"no nonce":               func(u *challenge.Use, r *challenge.Reading) { u.Nonce, r.Nonce = "", "" },
		"no keep or counter":     func(u *challenge.Use, r *challenge.Reading) { u.Keep, r.Counter = 0, 0 },
		"negative keep":          func(u *challenge.Use, r *challenge.Reading) { u.Keep, r.Counter = -time.Second, 0 },
	} {
		u := challenge.Use{Challenge: "a", Keep: time.Minute, Nonce: name}
		r := challenge.Reading{Device: "phone", Counter: 1, Nonce: name}
		spoil(&u, &r)
		first, err := ledger.Consume(context.Background(), u)
		require.ErrorContains(t, err, "challenge: a Use ", name)
		require.False(t, first, name)
		highest, err := ledger.Raise(context.Background(), r)
		require.ErrorContains(t, err, "challenge: a Reading ", name)
		require.Zero(t, highest, name)
	}
	for name, spoil := range map[string]func(f *challenge.Failure){
		"no challenge":  func(f *challenge.Failure) { f.Challenge = "" },
		"no nonce":      func(f *challenge.Failure) { f.Nonce = "" },
		"no keep":       func(f *challenge.Failure) { f.Keep = 0 },
		"negative keep": func(f *challenge.Failure) { f.Keep = -time.Second },
	} {
		f := challenge.Failure{Challenge: "a", Keep: time.Minute, Nonce: name}
		spoil(&f)
		_, err := ledger.Fail(context.Background(), f)
		require.ErrorContains(t, err, "challenge: a Failure ", name)
	}
	require.Equal(t, 1, Fail(t, ledger, "a", "whole"), "the twin")
	require.True(t, Consume(t, ledger, "a", "whole"), "the twin")
	require.EqualValues(t, 0, Raise(t, ledger, "phone", 1, "whole"))
}

// ended: a Ledger that does not block, as one in memory, may succeed after the caller has
// gone. If it fails, it must have done nothing.
func ended(t *testing.T, open Open) {
	ledger := open(t, 1)[0]
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	first, err := ledger.Consume(ctx, challenge.Use{Challenge: "a", Keep: time.Minute, Nonce: "gone"})
	require.Equal(t, err == nil, first)
	if err != nil {
		require.True(t, Consume(t, ledger, "a", "here"))
	}
	_, err = ledger.Raise(ctx, challenge.Reading{Device: "phone", Counter: 5, Nonce: "gone"})
	if err != nil {
		require.EqualValues(t, 0, Raise(t, ledger, "phone", 1, "here"))
	}
}
