package challenge_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
)

const memoryBound = 65536 // as the comment of Memory says

func TestMemoryRemembersAChallengeAsLongAsItShould(t *testing.T) {
	clock := newClock()
	ledger := &challenge.Memory{Now: clock.Now}
	require.True(t, consume(t, ledger, use("a", "phone", 1)).First)
	clock.pass(time.Minute - 1)
	assert.False(t, consume(t, ledger, use("a", "phone", 2)).First)
	clock.pass(1)
	assert.True(t, consume(t, ledger, use("a", "phone", 3)).First)
}

func TestMemoryThatIsFullForgetsNothingAndMakesRoomWithTime(t *testing.T) {
	clock := newClock()
	ledger := &challenge.Memory{Now: clock.Now}
	for n := range memoryBound {
		require.True(t, consume(t, ledger, use(fmt.Sprint(n), "phone", 1)).First)
	}
	for range 2 {
		outcome, err := ledger.Consume(context.Background(), use("one more", "phone", 2))
		require.ErrorIs(t, err, challenge.ErrFull)
		assert.Zero(t, outcome)
	}
	for _, n := range []int{0, 1, memoryBound / 2, memoryBound - 1} {
		assert.False(t, consume(t, ledger, use(fmt.Sprint(n), "phone", 2)).First, n)
	}

	clock.pass(time.Minute)
	assert.Equal(t, challenge.Outcome{First: true, Highest: 1}, consume(t, ledger, use("one more", "phone", 2)),
		"there is room again, and the refused use has not counted")
}

func TestMemoryForgetsTheDevicesThatWereSilentLongest(t *testing.T) {
	clock := newClock()
	ledger := &challenge.Memory{Now: clock.Now}
	n := 0
	sign := func(device string) uint64 {
		if n++; n%10000 == 0 {
			clock.pass(time.Hour) // it is devices that are to fill it, not challenges
		}
		return consume(t, ledger, use(fmt.Sprint(n), device, uint64(n))).Highest
	}
	sign("silent")
	sign("regular")
	for i := range 2 * memoryBound {
		if i%(memoryBound/2) == 0 {
			require.NotZero(t, sign("regular"), "forgotten after %d other devices", i)
		}
		sign(fmt.Sprint("phone ", i))
	}
	assert.Zero(t, sign("silent"))
	assert.NotZero(t, sign("regular"))
	assert.NotZero(t, sign(fmt.Sprint("phone ", memoryBound)), "there were fewer others since")
}
