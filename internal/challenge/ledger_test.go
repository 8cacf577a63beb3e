package challenge_test

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
	"sotercall/internal/redis/redistest"
)

// forEachLedger holds an empty Ledger of either kind to a contract.
func forEachLedger(t *testing.T, contract func(t *testing.T, ledger challenge.Ledger)) {
	t.Run("Memory", func(t *testing.T) { contract(t, &challenge.Memory{}) })
	t.Run("Redis", func(t *testing.T) { contract(t, challenge.NewRedis(openStore(t, redistest.Start(t)))) })
}

func use(id, device string, counter uint64) challenge.Use {
	return challenge.Use{Challenge: id, Keep: time.Minute, Device: device, Counter: counter}
}

func consume(t require.TestingT, ledger challenge.Ledger, u challenge.Use) challenge.Outcome {
	outcome, err := ledger.Consume(context.Background(), u)
	require.NoError(t, err)
	return outcome
}

func TestLedgerLetsAChallengeCountOnce(t *testing.T) {
	forEachLedger(t, func(t *testing.T, ledger challenge.Ledger) {
		assert.Equal(t, challenge.Outcome{First: true}, consume(t, ledger, use("a", "phone", 5)))
		assert.Zero(t, consume(t, ledger, use("a", "phone", 5)), "the same again")
		assert.Zero(t, consume(t, ledger, use("a", "phone", 6)), "signed again")
		assert.Zero(t, consume(t, ledger, use("a", "other phone", 9)), "signed by another phone")
		assert.True(t, consume(t, ledger, use("b", "phone", 6)).First, "another challenge")
	})
}

func TestLedgerTellsTheHighestCounterAndNeverLowersIt(t *testing.T) {
	forEachLedger(t, func(t *testing.T, ledger challenge.Ledger) {
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
			outcome := consume(t, ledger, use(fmt.Sprint(n), step.device, step.counter))
			require.Equal(t, challenge.Outcome{First: true, Highest: step.highest}, outcome, "step %d", n)
		}
	})
}

func TestLedgerDoesNotCountAConsumedChallenge(t *testing.T) {
	forEachLedger(t, func(t *testing.T, ledger challenge.Ledger) {
		consume(t, ledger, use("a", "phone", 5))
		consume(t, ledger, use("a", "phone", 500))
		assert.Equal(t, uint64(5), consume(t, ledger, use("b", "phone", 6)).Highest)
	})
}

// The model of a Ledger is two maps.
func TestLedgerBehavesAsItsModel(t *testing.T) {
	forEachLedger(t, func(t *testing.T, ledger challenge.Ledger) {
		run := 0
		rapid.Check(t, func(t *rapid.T) {
			run++
			consumed, highest := map[string]bool{}, map[string]uint64{}
			for range rapid.IntRange(1, 20).Draw(t, "steps") {
				id := fmt.Sprintf("%d-%d", run, rapid.IntRange(0, 9).Draw(t, "challenge"))
				device := fmt.Sprintf("%d-%d", run, rapid.IntRange(0, 2).Draw(t, "device"))
				counter := rapid.Uint64Min(1).Draw(t, "counter")

				want := challenge.Outcome{}
				if !consumed[id] {
					want = challenge.Outcome{First: true, Highest: highest[device]}
					consumed[id], highest[device] = true, max(highest[device], counter)
				}
				require.Equal(t, want, consume(t, ledger, use(id, device, counter)))
			}
		})
	})
}

func TestLedgerIsAtomic(t *testing.T) {
	forEachLedger(t, func(t *testing.T, ledger challenge.Ledger) {
		const devices, uses = 4, 25
		var first atomic.Int32
		var all sync.WaitGroup
		for device := range devices {
			for n := range uses {
				all.Go(func() {
					u := use(fmt.Sprint("challenge ", n), fmt.Sprint("phone ", device), uint64(n+1))
					if outcome, err := ledger.Consume(context.Background(), u); assert.NoError(t, err) && outcome.First {
						first.Add(1)
					}
				})
			}
		}
		all.Wait()
		assert.EqualValues(t, uses, first.Load(), "each challenge counts once, whichever phone was first")
	})
}

func TestLedgerRefusesAnIncompleteUse(t *testing.T) {
	forEachLedger(t, func(t *testing.T, ledger challenge.Ledger) {
		for name, broken := range map[string]func(u *challenge.Use){
			"no challenge":  func(u *challenge.Use) { u.Challenge = "" },
			"no device":     func(u *challenge.Use) { u.Device = "" },
			"no counter":    func(u *challenge.Use) { u.Counter = 0 },
			"no keep":       func(u *challenge.Use) { u.Keep = 0 },
			"negative keep": func(u *challenge.Use) { u.Keep = -time.Second },
		} {
			t.Run(name, func(t *testing.T) {
				u := use("a", "phone", 1)
				broken(&u)
				outcome, err := ledger.Consume(context.Background(), u)
				require.ErrorContains(t, err, "challenge: a Use")
				assert.Zero(t, outcome)
			})
		}
		assert.True(t, consume(t, ledger, use("a", "phone", 1)).First)
	})
}
