package challenge_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
)

func TestCounterMustGrow(t *testing.T) {
	for _, policy := range []challenge.CounterPolicy{challenge.LogCounter, challenge.EnforceCounter} {
		t.Run(policy.String(), func(t *testing.T) {
			forEachLedger(t, func(t *testing.T, ledger challenge.Ledger) {
				d := newDesk(t, ledger)
				d.Policy = policy
				var events []challenge.PossibleClone
				d.OnPossibleClone = func(_ context.Context, c challenge.PossibleClone) { events = append(events, c) }

				highest := uint64(0)
				for _, counter := range []uint64{5, 6, 6, 5, 8, 7, 1 << 53, 1<<53 + 1, 1 << 53, math.MaxUint64, 1, math.MaxUint64} {
					events = nil
					verdict := d.verify(t, question(alice, resultJSON(issue(t, d.Issuer, alice), counter)))
					if counter > highest {
						assert.Equal(t, openapi.Genuine(), verdict, "%d after %d", counter, highest)
						assert.Empty(t, events)
						highest = counter
						continue
					}
					want := openapi.Genuine()
					if policy == challenge.EnforceCounter {
						want = openapi.Wrong(fmt.Sprintf("possible clone: counter %d of the device is not above %d", counter, highest))
					}
					assert.Equal(t, want, verdict)
					assert.Equal(t, []challenge.PossibleClone{{
						OpenID: alice, Device: challenge.DevicePseudonym(cpuID),
						Counter: counter, Highest: highest, Refused: policy == challenge.EnforceCounter,
					}}, events)
				}
			})
		})
	}
}

func TestCounterBelongsToTheDeviceAndNotToTheUser(t *testing.T) {
	d := newDesk(t, nil)
	d.Policy = challenge.EnforceCounter
	require.True(t, d.verify(t, question(alice, resultJSON(issue(t, d.Issuer, alice), 5))).IsGenuine())
	sameDevice := question(bob, resultJSON(issue(t, d.Issuer, bob), 5))
	assert.False(t, d.verify(t, sameDevice).IsGenuine())
	otherDevice := fmt.Sprintf(`{"raw":%q,"counter":5,"cpu_id":"another","uid":"21"}`, issue(t, d.Issuer, alice))
	assert.True(t, d.verify(t, question(alice, otherDevice)).IsGenuine())
}

func TestRefusedCounterHasConsumedTheChallenge(t *testing.T) {
	d := newDesk(t, nil)
	d.Policy = challenge.EnforceCounter
	require.True(t, d.verify(t, question(alice, resultJSON(issue(t, d.Issuer, alice), 5))).IsGenuine())
	text := issue(t, d.Issuer, alice)
	require.Contains(t, d.verify(t, question(alice, resultJSON(text, 5))).Reason(), "possible clone")
	assert.Equal(t, openapi.Wrong("the challenge was used before"), d.verify(t, question(alice, resultJSON(text, 6))))
}

func TestNobodyNeedsToListenForClones(t *testing.T) {
	d := newDesk(t, nil)
	for range 2 {
		assert.True(t, d.verify(t, question(alice, resultJSON(issue(t, d.Issuer, alice), 5))).IsGenuine())
	}
}

func TestUnknownPolicyRefuses(t *testing.T) {
	d := newDesk(t, nil)
	d.Policy = 7
	require.True(t, d.verify(t, question(alice, resultJSON(issue(t, d.Issuer, alice), 5))).IsGenuine())
	assert.False(t, d.verify(t, question(alice, resultJSON(issue(t, d.Issuer, alice), 5))).IsGenuine())
}

func TestCounterPolicyIsReadFromConfiguration(t *testing.T) {
	var zero challenge.CounterPolicy
	assert.Equal(t, challenge.LogCounter, zero, "the default locks nobody out")
	for _, policy := range []challenge.CounterPolicy{challenge.LogCounter, challenge.EnforceCounter} {
		var read challenge.CounterPolicy = 7
		require.NoError(t, read.UnmarshalText([]byte(policy.String())))
		assert.Equal(t, policy, read)
	}
	for _, text := range []string{"", "Log", "enforced", "CounterPolicy(7)"} {
		var read challenge.CounterPolicy = 7
		require.ErrorContains(t, read.UnmarshalText([]byte(text)), "a counter policy is log or enforce")
		assert.EqualValues(t, 7, read)
	}
	assert.Equal(t, "CounterPolicy(7)", challenge.CounterPolicy(7).String())
}

func TestPossibleCloneIsLoggedWithoutTheWholeOpenID(t *testing.T) {
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Warn("event", "possible_clone", challenge.PossibleClone{
		OpenID: alice, Device: challenge.DevicePseudonym(cpuID), Counter: math.MaxUint64, Highest: math.MaxUint64, Refused: true,
	})
	assert.NotContains(t, log.String(), alice)
	assert.NotContains(t, log.String(), cpuID)
	assert.Contains(t, log.String(), `"possible_clone":{"openid":"oAli***6789","device":"`+challenge.DevicePseudonym(cpuID)+
		`","counter":18446744073709551615,"highest":18446744073709551615,"refused":true}`)
}
