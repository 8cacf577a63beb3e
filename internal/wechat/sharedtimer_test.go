package wechat

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever is set and called off in whatever order, each function is called at its
// time, as the runtime's own timers do it.
func TestSharedTimerIsOnTime(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			var shared sharedTimer
			var mu sync.Mutex
			called := map[int]time.Time{}
			want := map[int]time.Time{}
			for i := range 100 {
				d := time.Duration(random.IntN(500)) * time.Millisecond
				at := time.Now().Add(d)
				callOff := shared.afterFunc(d, func() {
					mu.Lock()
					defer mu.Unlock()
					called[i] = time.Now()
				})
				if random.IntN(3) == 0 && d > 0 {
					assert.True(t, callOff())
					assert.False(t, callOff(), "it is called off once")
				} else {
					want[i] = at
				}
				time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			require.Len(t, called, len(want))
			for i, at := range want {
				assert.True(t, at.Equal(called[i]), "task %d: %v, want %v", i, called[i], at)
			}
			assert.Empty(t, shared.tasks)
			assert.Zero(t, shared.due, "nothing is left to go off for")
		})
	}
}

func TestSharedTimerCannotCallOffWhatHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shared sharedTimer
		done := make(chan struct{})
		callOff := shared.afterFunc(time.Second, func() { close(done) })
		<-done
		assert.False(t, callOff())
	})
}

// What the timer is for: it stays set, instead of being set anew for each call.
func TestSharedTimerStaysSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shared sharedTimer
		never := func() { t.Error("called") }
		first := time.Now().Add(time.Second)
		for range 100 {
			callOff := shared.afterFunc(time.Second, never)
			assert.True(t, first.Equal(shared.due))
			time.Sleep(5 * time.Millisecond)
			assert.True(t, callOff())
		}
		time.Sleep(time.Minute)
	})
}
