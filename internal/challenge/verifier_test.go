package challenge_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/store/redis"
	"sotercall/internal/store/redis/redistest"
)

// desk is a Verifier with everything around it that a test may want to move.
type desk struct {
	clock *clock
	next  *next
	*challenge.Verifier
}

// newDesk's next finds every signature genuine.
func newDesk(t require.TestingT, ledger challenge.Ledger) desk {
	clock, next := newClock(), &next{verdict: openapi.Genuine()}
	if ledger == nil {
		ledger = &challenge.Memory{Now: clock.Now}
	}
	return desk{clock, next, &challenge.Verifier{Issuer: newIssuer(t, clock.Now), Next: next, Ledger: ledger, Now: clock.Now}}
}

func (d desk) verify(t require.TestingT, r openapi.Request) openapi.Verdict {
	verdict, err := d.Verify(context.Background(), r)
	require.NoError(t, err)
	return verdict
}

// assertFresh shows that nothing so far has consumed the challenge.
func (d desk) assertFresh(t *testing.T, text string) {
	t.Helper()
	d.next.verdict, d.next.err, d.next.during = openapi.Genuine(), nil, nil
	assert.Equal(t, openapi.Genuine(), d.verify(t, question(alice, resultJSON(text, 1))))
}

func TestGenuineAnswerToOurChallengeIsGenuine(t *testing.T) {
	d := newDesk(t, nil)
	text := issue(t, d.Issuer, alice)
	assert.Equal(t, openapi.Genuine(), d.verify(t, question(alice, resultJSON(text, 1))))
	assert.Equal(t, 1, d.next.asked)
}

func TestBadChallengeIsWrongWithoutAsking(t *testing.T) {
	stranger, err := challenge.NewIssuer([]secret.Text{secondSecret}, challenge.DefaultTTL, newClock().Now)
	require.NoError(t, err)
	for _, test := range []struct {
		name   string
		spoil  func(d desk, text string) openapi.Request
		reason string
	}{
		{"a fixed text", func(_ desk, _ string) openapi.Request {
			return question(alice, resultJSON("123456", 1))
		}, "the challenge is not one that we issued"},
		{"another's secret", func(_ desk, _ string) openapi.Request {
			return question(alice, resultJSON(issue(t, stranger, alice), 1))
		}, "the challenge is not one that we issued"},
		{"another's question", func(_ desk, text string) openapi.Request {
			return question(bob, resultJSON(text, 1))
		}, "the challenge was issued to another user"},
		{"expired", func(d desk, text string) openapi.Request {
			d.clock.pass(challenge.DefaultTTL)
			return question(alice, resultJSON(text, 1))
		}, "the challenge has expired"},
		{"no raw", func(desk, string) openapi.Request {
			return question(alice, `{"counter":1,"cpu_id":"c0ffee","uid":"21"}`)
		}, "resultJSON: malformed input: raw is missing or empty"},
		{"raw in upper case", func(_ desk, text string) openapi.Request {
			return question(alice, strings.Replace(resultJSON(text, 1), "raw", "RAW", 1))
		}, `"RAW" differs from raw by case alone`},
		{"raw twice", func(_ desk, text string) openapi.Request {
			return question(alice, strings.Replace(resultJSON(text, 1), "{", `{"raw":"123456",`, 1))
		}, `duplicate object member name "raw"`},
		{"RAW beside raw", func(_ desk, text string) openapi.Request {
			return question(alice, strings.Replace(resultJSON(text, 1), "{", `{"RAW":"123456",`, 1))
		}, `"RAW" differs from raw by case alone`},
		{"no JSON", func(_ desk, text string) openapi.Request { return question(alice, text) }, "resultJSON: malformed input"},
		{"nothing", func(desk, string) openapi.Request { return question(alice, "") }, "resultJSON: malformed input"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t, nil)
			text := issue(t, d.Issuer, alice)
			verdict := d.verify(t, test.spoil(d, text))
			assert.False(t, verdict.IsGenuine())
			assert.Contains(t, verdict.Reason(), test.reason)
			assert.Zero(t, d.next.asked)

			d.clock.pass(-d.clock.Now().Sub(newClock().Now()))
			d.assertFresh(t, text)
		})
	}
}

// Devices differ, and only WeChat says whether they have signed what they wrote.
func TestResultsOfAllDevicesPass(t *testing.T) {
	for name, result := range map[string]string{
		"NUL as it was recorded": "{\"raw\":\"$\",\"fid\":\"3031\x00\",\"counter\":7,\"tee_n\":\"uT_TEE\",\"tee_v\":\"1\",\"fp_n\":\"x\",\"fp_v\":\"1\",\"cpu_id\":\"c0ffee\",\"uid\":\"21\"}",
		"no uid":                 `{"raw":"$","counter":7,"cpu_id":"c0ffee"}`,
		"nested":                 `{"raw":"$","counter":7,"cpu_id":"c0ffee","uid":"21","tee":{"name":"x","raw":"y"}}`,
		"other salt":             `{"raw":"$","counter":7,"cpu_id":"c0ffee","uid":"21","rsa_pss_saltlen":64}`,
		"Android":                `{"raw":"$","fid":"3031\u0000","counter":7,"tee_n":"uT_TEE","tee_v":"1","fp_n":"x","fp_v":"1","cpu_id":"c0ffee","uid":"21"}`,
		"Huawei":                 `{"uid":10021,"cpu_id":"c0ffee","rsa_pss_saltlen":32,"bo_t":"b","fc_n":"f","counter":7,"raw":"$"}`,
		"iOS":                    `{"cpu_id":"0BADCAFE-0000-4000-8000-00C0FFEE0000","uid":"0123456789abcdef0123456789abcdef","counter":7,"raw":"$"}`,
		"older iOS":              `{"cpu_id":"0BADCAFE-0000-4000-8000-00C0FFEE0000","uid":"0123456789abcdef0123456789abcdef","counter":"7","raw":"$"}`,
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, nil)
			d.Policy = challenge.EnforceCounter
			jsonString := strings.Replace(result, "$", issue(t, d.Issuer, alice), 1)
			assert.Equal(t, openapi.Genuine(), d.verify(t, question(alice, jsonString)))
		})
	}
}

func TestReasonStaysShortWhateverWasSent(t *testing.T) {
	d := newDesk(t, nil)
	name := strings.Repeat("x", 4000)
	verdict := d.verify(t, question(alice, `{"`+name+`":1,"`+name+`":2}`))
	assert.Contains(t, verdict.Reason(), "resultJSON: malformed input")
	assert.LessOrEqual(t, len(verdict.Reason()), 200)
}

func TestWrongSignatureConsumesNothing(t *testing.T) {
	d := newDesk(t, nil)
	text := issue(t, d.Issuer, alice)
	d.next.verdict = openapi.Wrong("WeChat says so")
	assert.Equal(t, openapi.Wrong("WeChat says so"), d.verify(t, question(alice, resultJSON(text, 900))))
	d.assertFresh(t, text)
}

func TestErrorOfNextPassesUntouchedAndConsumesNothing(t *testing.T) {
	for name, failure := range map[string]error{
		"of WeChat": openapi.Upstream(40003, "invalid openid rid: 1"),
		"of ours":   openapi.NewError(openapi.CodeTimeout, "too slow", nil),
		"any":       errors.New("a bug"),
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, nil)
			text := issue(t, d.Issuer, alice)
			d.next.err = failure // beside a verdict, which then counts for nothing
			verdict, err := d.Verify(context.Background(), question(alice, resultJSON(text, 900)))
			assert.Same(t, failure, err)
			assert.Zero(t, verdict)
			d.assertFresh(t, text)
		})
	}
}

func TestSecondSubmissionIsWrong(t *testing.T) {
	d := newDesk(t, nil)
	d.Policy = challenge.EnforceCounter // a replay is a replay, not a clone
	d.OnPossibleClone = func(context.Context, challenge.PossibleClone) { t.Error("a replay was taken for a clone") }
	text := issue(t, d.Issuer, alice)
	once := question(alice, resultJSON(text, 1))
	require.True(t, d.verify(t, once).IsGenuine())
	assert.Equal(t, openapi.Wrong("the challenge was used before"), d.verify(t, once))
	signedAgain := question(alice, resultJSON(text, 2))
	assert.Equal(t, openapi.Wrong("the challenge was used before"), d.verify(t, signedAgain))
}

// The consumption is forgotten only after nobody consumes the challenge any more,
// also if the clocks of two instances are almost a minute apart.
func TestReplayIsWrongHoweverSlowTheSecondAnswerIs(t *testing.T) {
	for _, slow := range []time.Duration{0, time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, time.Hour} {
		t.Run(slow.String(), func(t *testing.T) {
			fast := newDesk(t, nil)
			behind := newDesk(t, fast.Ledger)
			behind.clock.pass(-59 * time.Second)
			text := issue(t, fast.Issuer, alice)
			once := question(alice, resultJSON(text, 1))
			require.True(t, fast.verify(t, once).IsGenuine())

			// In the last moment, and then WeChat takes its time.
			both := func(d time.Duration) { fast.clock.pass(d); behind.clock.pass(d) }
			both(challenge.DefaultTTL + 59*time.Second - time.Millisecond)
			behind.next.during = func() { both(slow) }
			assert.False(t, behind.verify(t, once).IsGenuine())
			assert.Equal(t, 1, behind.next.asked, "the challenge was alive by this clock")
		})
	}
}

func TestSlowVerifierCostsNobodyTheChallengeForAMinute(t *testing.T) {
	for _, test := range []struct {
		slow time.Duration
		want openapi.Verdict
	}{
		{challenge.DefaultTTL + time.Minute - time.Nanosecond, openapi.Genuine()},
		{challenge.DefaultTTL + time.Minute, openapi.Wrong("the challenge expired long before the signature was verified")},
	} {
		t.Run(test.slow.String(), func(t *testing.T) {
			d := newDesk(t, nil)
			d.next.during = func() { d.clock.pass(test.slow) }
			assert.Equal(t, test.want, d.verify(t, question(alice, resultJSON(issue(t, d.Issuer, alice), 1))))
		})
	}
}

func TestStoreThatIsDownIsAnErrorAndNeverTrue(t *testing.T) {
	server := redistest.Start(t)
	d := newDesk(t, redis.NewLedger(openStore(t, server)))
	text := issue(t, d.Issuer, alice)
	server.Kill()
	verdict, err := d.Verify(context.Background(), question(alice, resultJSON(text, 1)))
	var failure *openapi.Error
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, openapi.CodeSystem, failure.Code)
	assert.Contains(t, failure.Message, "the challenge could not be consumed")
	assert.Zero(t, verdict)
	assert.Equal(t, 1, d.next.asked)
	assert.NotContains(t, err.Error(), "redis-test-password")

	// The step was not taken, so that the user may ask again.
	server.Run()
	d.assertFresh(t, text)
}

func TestNoTimeForTheStoreIsATimeout(t *testing.T) {
	d := newDesk(t, redis.NewLedger(openStore(t, redistest.Start(t))))
	text := issue(t, d.Issuer, alice)
	ctx, cancel := context.WithCancel(context.Background())
	d.next.during = cancel
	verdict, err := d.Verify(ctx, question(alice, resultJSON(text, 1)))
	var failure *openapi.Error
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, openapi.CodeTimeout, failure.Code)
	assert.Zero(t, verdict)
	d.assertFresh(t, text)
}

// brokenLedger fails at one of its steps or both, and says nonsense beside.
type brokenLedger struct{ consuming, raising error }

func (b brokenLedger) Consume(context.Context, challenge.Use) (bool, error) {
	return true, b.consuming
}

func (b brokenLedger) Raise(context.Context, challenge.Reading) (uint64, error) {
	return 0, b.raising
}

func (b brokenLedger) Fail(context.Context, challenge.Failure) (int, error) {
	return 0, errors.New("broken")
}

func (b brokenLedger) Failures(context.Context, string) (int, error) {
	return challenge.MaxFailures, errors.New("broken")
}

// A store gives up by its own clock while the invocation has time left: then it is
// the store that failed.
func TestAnyFailureOfTheLedgerIsASystemError(t *testing.T) {
	for name, failure := range map[string]error{
		"full":     challenge.ErrFull,
		"too slow": context.DeadlineExceeded,
		"canceled": context.Canceled,
		"headless": fmt.Errorf("redis: %w", challenge.ErrNoMaster),
	} {
		for step, c := range map[string]struct {
			ledger brokenLedger
			policy challenge.CounterPolicy
			says   string
		}{
			"consuming": {brokenLedger{consuming: failure}, challenge.LogCounter, "the challenge could not be consumed"},
			"raising":   {brokenLedger{raising: failure}, challenge.EnforceCounter, "the counter could not be checked"},
		} {
			t.Run(name+" "+step, func(t *testing.T) {
				d := newDesk(t, c.ledger)
				d.Policy = c.policy
				d.OnUnchecked = func(context.Context, string) { t.Error("the answer is not genuine") }
				verdict, err := d.Verify(context.Background(), question(alice, resultJSON(issue(t, d.Issuer, alice), 1)))
				var system *openapi.Error
				require.ErrorAs(t, err, &system)
				assert.Equal(t, openapi.CodeSystem, system.Code)
				assert.Contains(t, system.Message, c.says)
				assert.Equal(t, name == "headless", strings.Contains(system.Message, c.says+", because the store has no master at the moment"))
				assert.ErrorIs(t, err, failure)
				assert.Zero(t, verdict)
			})
		}
	}
	sound := newDesk(t, brokenLedger{})
	assert.Equal(t, openapi.Genuine(), sound.verify(t, question(alice, resultJSON(issue(t, sound.Issuer, alice), 1))))
}
