package upstream_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"sotercall/internal/upstream"
)

func takeAll(b *upstream.Budget) (taken int) {
	for b.Take() {
		taken++
	}
	return taken
}

func TestBudget(t *testing.T) {
	clock := time.Now()
	b := upstream.NewBudget(func() time.Time { return clock })
	assert.Equal(t, 8, takeAll(b), "the burst")
	clock = clock.Add(time.Minute)
	assert.Equal(t, 4, takeAll(b), "a few in a minute, without any call")
	for range 100 {
		b.Call()
	}
	assert.Equal(t, 8, takeAll(b), "of a hundred calls")
	b.Return(2)
	assert.Equal(t, 2, takeAll(b))
	clock = clock.Add(-time.Hour)
	assert.Zero(t, takeAll(b), "a clock that is put back brings nothing")
	clock = clock.Add(15 * time.Second)
	assert.Equal(t, 1, takeAll(b), "and is followed")
	clock = clock.Add(24 * time.Hour)
	assert.Equal(t, 8, takeAll(b), "no more than the burst is saved")
}

// From 100 calls a minute on, however they come, there is one retry for five calls
// at most.
func TestBudgetOfAMinute(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		clock := time.Now()
		b := upstream.NewBudget(func() time.Time { return clock })
		calls := rapid.IntRange(100, 1000).Draw(rt, "calls")
		left, retries := time.Minute, 0
		for range calls {
			pause := time.Duration(rapid.Int64Range(0, int64(left)/8).Draw(rt, "pause"))
			clock, left = clock.Add(pause), left-pause
			b.Call()
			for range rapid.IntRange(0, 3).Draw(rt, "wanted") {
				if b.Take() {
					retries++
				}
			}
		}
		assert.LessOrEqual(rt, retries, calls/5)
	})
}
