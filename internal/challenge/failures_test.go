package challenge_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/store/redis"
	"sotercall/internal/store/redis/redistest"
)

const tooMany = "5 wrong signatures were presented for this challenge: have a new challenge signed"

// pairs are two instances of each Ledger.
func pairs(t *testing.T) map[string][2]challenge.Ledger {
	memory := new(challenge.Memory)
	server, table := redistest.Start(t), dynalite.Start(t)
	return map[string][2]challenge.Ledger{
		"memory":   {memory, memory},
		"redis":    {redis.NewLedger(openStore(t, server)), redis.NewLedger(openStore(t, server))},
		"dynamodb": {dynamodb.NewLedger(openTable(t, table)), dynamodb.NewLedger(openTable(t, table))},
	}
}

// Five wrong signatures, then none is verified any more, at any instance, nor is a
// genuine one. Another challenge is not touched.
func TestSixthSignatureIsRefusedWithoutAsking(t *testing.T) {
	for name, both := range pairs(t) {
		t.Run(name, func(t *testing.T) {
			first, second := newDesk(t, both[0]), newDesk(t, both[1])
			text, other := issue(t, first.Issuer, alice), issue(t, first.Issuer, alice)
			for range challenge.MaxFailures {
				first.next.verdict = openapi.Wrong("WeChat says so")
				assert.Equal(t, openapi.Wrong("WeChat says so"), first.verify(t, question(alice, resultJSON(text, 1))))
			}
			for _, d := range []desk{second, first} {
				asked := d.next.asked
				assert.Equal(t, openapi.Wrong(tooMany), d.verify(t, question(alice, resultJSON(text, 1))))
				assert.Equal(t, asked, d.next.asked)
			}
			first.assertFresh(t, other)
		})
	}
}

// A user who fails four times may still get it right.
func TestGenuineSignatureAmongTheFirstFivePasses(t *testing.T) {
	for name, both := range pairs(t) {
		t.Run(name, func(t *testing.T) {
			first, second := newDesk(t, both[0]), newDesk(t, both[1])
			text := issue(t, first.Issuer, alice)
			first.next.verdict = openapi.Wrong("")
			for range challenge.MaxFailures - 1 {
				require.False(t, first.verify(t, question(alice, resultJSON(text, 1))).IsGenuine())
			}
			second.assertFresh(t, text)
		})
	}
}

// What could not be found out, what is refused here, and what was genuine before are no
// wrong signatures.
func TestOnlyWrongSignaturesAreFailures(t *testing.T) {
	d := newDesk(t, nil)
	text := issue(t, d.Issuer, alice)
	for range 2 * challenge.MaxFailures {
		d.next.err = errors.New("WeChat is away")
		_, err := d.Verify(t.Context(), question(alice, resultJSON(text, 1)))
		require.ErrorContains(t, err, "WeChat is away")
		d.next.verdict, d.next.err = openapi.Wrong(""), nil
		require.Contains(t, d.verify(t, question(bob, resultJSON(text, 1))).Reason(), "another user")
	}
	d.assertFresh(t, text)
	for range 2 * challenge.MaxFailures {
		require.Equal(t, openapi.Wrong("the challenge was used before"), d.verify(t, question(alice, resultJSON(text, 1))))
	}
}

// A store that fails costs the count of the other instances, and turns nothing into
// its opposite.
func TestFailuresWithoutTheStore(t *testing.T) {
	d := newDesk(t, brokenLedger{})
	text := issue(t, d.Issuer, alice)
	d.next.verdict = openapi.Wrong("WeChat says so")
	for range challenge.MaxFailures {
		verdict := d.verify(t, question(alice, resultJSON(text, 1)))
		assert.False(t, verdict.IsGenuine())
		assert.Contains(t, verdict.Reason(), "WeChat says so; it could not be counted: ")
		assert.Contains(t, verdict.Reason(), "broken")
	}
	assert.Equal(t, openapi.Wrong(tooMany), d.verify(t, question(alice, resultJSON(text, 1))), "this instance counts by itself")
	assert.Equal(t, challenge.MaxFailures, d.next.asked)
	d.next.verdict = openapi.Genuine()
	assert.Equal(t, openapi.Genuine(), d.verify(t, question(alice, resultJSON(issue(t, d.Issuer, alice), 1))), "the twin")
}

// Of many at once, those that were let in before five have failed are verified; then
// nobody is.
func TestSimultaneousFailuresEndAtTheLimit(t *testing.T) {
	d := newDesk(t, nil)
	text := issue(t, d.Issuer, alice)
	d.next.verdict = openapi.Wrong("")
	const inFlight, each = 8, 20
	var running sync.WaitGroup
	for range inFlight {
		running.Go(func() {
			for range each {
				d.verify(t, question(alice, resultJSON(text, 1)))
			}
		})
	}
	running.Wait()
	assert.GreaterOrEqual(t, d.next.asked, challenge.MaxFailures)
	assert.Less(t, d.next.asked, challenge.MaxFailures+inFlight)
}

// Failures last as long as the challenge does.
func TestFailuresLastAsLongAsTheChallenge(t *testing.T) {
	d := newDesk(t, nil)
	text := issue(t, d.Issuer, alice)
	d.next.verdict = openapi.Wrong("")
	for range challenge.MaxFailures {
		d.verify(t, question(alice, resultJSON(text, 1)))
	}
	d.clock.pass(challenge.DefaultTTL - time.Millisecond)
	assert.Equal(t, openapi.Wrong(tooMany), d.verify(t, question(alice, resultJSON(text, 1))))
	d.clock.pass(time.Millisecond)
	assert.Equal(t, openapi.Wrong(challenge.ErrExpired.Error()), d.verify(t, question(alice, resultJSON(text, 1))))
}
