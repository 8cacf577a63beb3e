package challenge_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/challenge/ledgertest"
)

const memoryBound = 65536 // as the comment of Memory says

func TestMemoryRemembersAChallengeAsLongAsItShould(t *testing.T) {
	clock := newClock()
	ledger := &challenge.Memory{Now: clock.Now}
	require.True(t, ledgertest.Consume(t, ledger, "a", "1"))
	clock.pass(time.Minute - 1)
	assert.False(t, ledgertest.Consume(t, ledger, "a", "2"))
	clock.pass(1)
	assert.True(t, ledgertest.Consume(t, ledger, "a", "3"))
}

func TestMemoryThatIsFullForgetsNothingAndMakesRoomWithTime(t *testing.T) {
	clock := newClock()
	ledger := &challenge.Memory{Now: clock.Now}
	for n := range memoryBound {
		require.True(t, ledgertest.Consume(t, ledger, fmt.Sprint(n), "nonce"))
	}
	for range 2 {
		first, err := ledger.Consume(context.Background(), challenge.Use{Challenge: "one more", Keep: time.Minute, Nonce: "nonce"})
		require.ErrorIs(t, err, challenge.ErrFull)
		assert.False(t, first)
	}
	for _, n := range []int{0, 1, memoryBound / 2, memoryBound - 1} {
		assert.False(t, ledgertest.Consume(t, ledger, fmt.Sprint(n), "another"), n)
	}

	clock.pass(time.Minute)
	assert.True(t, ledgertest.Consume(t, ledger, "one more", "nonce"), "there is room again")
}

func TestMemoryForgetsTheDevicesThatWereSilentLongest(t *testing.T) {
	ledger, n := new(challenge.Memory), uint64(0)
	sign := func(device string) uint64 {
		n++
		return ledgertest.Raise(t, ledger, device, n, fmt.Sprint(n))
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
