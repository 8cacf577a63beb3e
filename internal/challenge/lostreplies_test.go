package challenge_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/challenge"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/test/need"
)

// While every second reply of the table is lost, a challenge that 200 submit at the same
// time over 8 instances still counts exactly once: one that was first is recognized by
// its nonce. scripts/test -long makes 55 rounds of it.
func TestHalfOfTheRepliesAreLost(t *testing.T) {
	t.Parallel()
	rounds := need.OrLong(4, 55)
	server := dynalite.Start(t)
	var ledgers []challenge.Ledger
	for range 8 {
		ledgers = append(ledgers, dynamodb.NewLedger(openTable(t, server)))
	}
	nobody := 0
	for round := range rounds {
		server.Break(dynalite.Fault{Done: true, Cut: true, Every: 2})
		var first atomic.Int32
		var running sync.WaitGroup
		for n := range 200 {
			running.Go(func() {
				u := challenge.Use{Challenge: fmt.Sprint("challenge-", round), Keep: time.Minute, Nonce: fmt.Sprint(n)}
				if is, err := ledgers[n%8].Consume(context.Background(), u); err == nil && is {
					first.Add(1)
				}
			})
		}
		running.Wait()
		assert.LessOrEqual(t, first.Load(), int32(1), "never two")
		if first.Load() == 0 {
			nobody++
		}
	}
	assert.LessOrEqual(t, nobody, 1, "of %d rounds", rounds)
}
