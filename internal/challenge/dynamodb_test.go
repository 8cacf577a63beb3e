package challenge_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/challenge/ledgertest"
	"sotercall/internal/openapi"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/dynamodb/dynalite"
)

const (
	challengeItem = "sotercall:challenge:a"
	counterItem   = "sotercall:counter:phone"
)

func text(s string) map[string]any   { return map[string]any{"S": s} }
func number(s string) map[string]any { return map[string]any{"N": s} }

func TestDynamoDBKeepsWhatItsCommentSays(t *testing.T) {
	server, clock := dynalite.Start(t), newClock()
	ledger, device := dynamodb.NewLedger(openTable(t, server)), challenge.DevicePseudonym(cpuID)
	ledger.Now = clock.Now
	const id, nonce = "AAAAAAAAAAAAAAAAAAAAAA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	server.Requests()
	require.True(t, ledgertest.Consume(t, ledger, id, nonce))
	require.Zero(t, ledgertest.Raise(t, ledger, device, 123, nonce))
	assert.Equal(t, []string{"PutItem", "UpdateItem"}, server.Requests(), "one request each")

	consumed := map[string]any{"nonce": text(nonce), "expires": number("1788264061")} // a minute after 12:00:00.789, rounded up
	counter := map[string]any{"highest": number("123"), "previous": number("0"), "nonce": text(nonce), "expires": number("1822824001")}
	items := server.Items()
	assert.Equal(t, map[string]map[string]any{"sotercall:challenge:" + id: consumed, "sotercall:counter:" + device: counter}, items)

	require.EqualValues(t, 123, ledgertest.Raise(t, ledger, device, math.MaxUint64, nonce[1:]))
	raised := server.Items()["sotercall:counter:"+device]
	assert.Equal(t, number("18446744073709551615"), raised["highest"])
	assert.Equal(t, number("123"), raised["previous"])
	server.Requests()
	require.EqualValues(t, uint64(math.MaxUint64), ledgertest.Raise(t, ledger, device, 7, "other"))
	require.False(t, ledgertest.Consume(t, ledger, id, "other"))
	assert.Equal(t, []string{"UpdateItem", "PutItem"}, server.Requests(), "one request each, also where the answer is no")
}

// DynamoDB deletes late: time has passed when the clock says so.
func TestDynamoDBRemembersAChallengeAsLongAsItShould(t *testing.T) {
	server, clock := dynalite.Start(t), newClock()
	ledger := dynamodb.NewLedger(openTable(t, server))
	ledger.Now = clock.Now
	require.True(t, ledgertest.Consume(t, ledger, "a", "1"))
	clock.pass(time.Minute)
	assert.False(t, ledgertest.Consume(t, ledger, "a", "2"), "not a moment too early")
	clock.pass(time.Second) // expires has whole seconds
	assert.Contains(t, server.Items(), challengeItem, "it is still there")
	assert.True(t, ledgertest.Consume(t, ledger, "a", "3"))
	assert.False(t, ledgertest.Consume(t, ledger, "a", "4"), "and consumed again")

	require.Zero(t, ledgertest.Raise(t, ledger, "phone", 5, "1"))
	clock.pass(401 * 24 * time.Hour)
	assert.EqualValues(t, 5, ledgertest.Raise(t, ledger, "phone", 4, "2"), "a counter counts while it is there")
	server.Delete(counterItem)
	assert.Zero(t, ledgertest.Raise(t, ledger, "phone", 4, "3"))
}

// Somebody else writes into our items: it cannot be found out what is right.
func TestDynamoDBWithAForeignItemIsAnError(t *testing.T) {
	server := dynalite.Start(t)
	ledger := dynamodb.NewLedger(openTable(t, server))
	raise := func() error {
		highest, err := ledger.Raise(t.Context(), challenge.Reading{Device: "phone", Counter: 6, Nonce: "nonce"})
		if err != nil {
			assert.Zero(t, highest)
		}
		return err
	}
	for name, item := range map[string]map[string]any{
		"nothing in it": {}, "a text": {"highest": text("5"), "nonce": text("x")}, "a negative number": {"highest": number("-5"), "nonce": text("x")},
		"too high": {"highest": number("18446744073709551616"), "nonce": text("x")}, "a list": {"highest": map[string]any{"L": []any{}}, "nonce": text("x")},
		"ours, without the one before": {"highest": number("6"), "nonce": text("nonce")},
	} {
		server.Put(counterItem, item)
		before := server.Items()
		require.ErrorContains(t, raise(), "raising a counter: the stored item is not a counter", name)
		require.Equal(t, before, server.Items(), "%s: nothing is overwritten", name)
	}
	consume := func() (bool, error) {
		return ledger.Consume(t.Context(), challenge.Use{Challenge: "a", Keep: time.Minute, Nonce: "nonce"})
	}
	for name, item := range map[string]map[string]any{
		"nothing in it": {}, "no end": {"nonce": text("x")}, "no nonce": {"expires": number("99999999999")},
		"an end that is a text": {"nonce": text("x"), "expires": text("0")},
	} {
		server.Put(challengeItem, item)
		first, err := consume()
		require.ErrorContains(t, err, "consuming a challenge: the stored item is not a consumed challenge", name)
		require.False(t, first, name)
	}
	server.Delete(counterItem)
	server.Delete(challengeItem)
	require.NoError(t, raise(), "the twin")
	first, err := consume()
	require.NoError(t, err)
	require.True(t, first)
}

// The table does what it is asked for, and its reply is lost: a genuine first
// submission is not refused by its own second attempt, and the next one is.
func TestReplyThatIsLostCostsNoAnswerAndLetsNobodyElseIn(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]dynalite.Fault{
		"timeout after the write":     {Done: true, Times: 1},
		"cut after the write":         {Done: true, Cut: true, Times: 1},
		"500 after the write":         {Done: true, Code: "InternalServerError", Times: 1},
		"timeout before the write":    {Times: 1},
		"cut before the write":        {Cut: true, Times: 1},
		"throttled before the write":  {Code: "ThrottlingException", Times: 1},
		"nothing goes wrong (a twin)": {Action: "NoSuchAction"},
	} {
		for _, action := range []string{"PutItem", "UpdateItem"} {
			t.Run(name+", "+action, func(t *testing.T) {
				t.Parallel()
				server := dynalite.Start(t)
				d := newDesk(t, dynamodb.NewLedger(openTable(t, server)))
				d.Policy = challenge.EnforceCounter
				r := question(alice, resultJSON(issue(t, d.Issuer, alice), 7))
				befalls := fault
				if befalls.Action == "" {
					befalls.Action = action
				}
				server.Break(befalls)
				assert.Equal(t, openapi.Genuine(), d.verify(t, r))
				assert.Equal(t, openapi.Wrong("the challenge was used before"), d.verify(t, r))
				next := question(alice, resultJSON(issue(t, d.Issuer, alice), 7))
				assert.Equal(t, openapi.Wrong("possible clone: counter 7 of the device is not above 7"), d.verify(t, next))
			})
		}
	}
}

// What does not pass is an error, never true, and says what is wrong.
func TestTableThatFailsIsAnErrorAndNeverTrue(t *testing.T) {
	for name, c := range map[string]struct {
		fault dynalite.Fault
		says  string
	}{
		"throttled":                      {dynalite.Fault{Code: "ProvisionedThroughputExceededException"}, "throttled"},
		"table missing":                  {dynalite.Fault{Code: "ResourceNotFoundException"}, "there is no table"},
		"access denied":                  {dynalite.Fault{Code: "AccessDeniedException", Message: "not authorized to perform"}, "access denied"},
		"silent":                         {dynalite.Fault{}, "no answer in time"},
		"silent, and everything is done": {dynalite.Fault{Done: true}, "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := dynalite.Start(t)
			d := newDesk(t, dynamodb.NewLedger(openTable(t, server)))
			r := question(alice, resultJSON(issue(t, d.Issuer, alice), 1))
			c.fault.Action = "PutItem"
			server.Break(c.fault)
			verdict, err := d.Verify(context.Background(), r)
			var failure *openapi.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, openapi.CodeSystem, failure.Code)
			assert.Contains(t, failure.Message, "the challenge could not be consumed")
			assert.NotContains(t, failure.Message, c.says, "the reason is for the log")
			assert.Contains(t, err.Error(), c.says)
			assert.Zero(t, verdict)

			server.Mend()
			want := openapi.Genuine() // the step was not taken
			if c.fault.Done {
				want = openapi.Wrong("the challenge was used before") // it was, and cannot be told from another's
			}
			assert.Equal(t, want, d.verify(t, r))

			// With counters that are logged, the second step costs no answer.
			reasons := uncheckedOf(d)
			c.fault.Action = "UpdateItem"
			server.Break(c.fault)
			assert.Equal(t, openapi.Genuine(), d.verify(t, question(alice, resultJSON(issue(t, d.Issuer, alice), 2))))
			require.Len(t, *reasons, 1)
			assert.Contains(t, (*reasons)[0], c.says)
		})
	}
}

// One verification is one read before WeChat is asked, and at most two writes after. What
// is refused by the challenge's own text costs none.
func TestVerificationIsThreeRequestsToTheTable(t *testing.T) {
	server := dynalite.Start(t)
	d := newDesk(t, dynamodb.NewLedger(openTable(t, server)))
	server.Requests()
	d.next.during = func() { assert.Equal(t, []string{"GetItem"}, server.Requests(), "no write before WeChat said yes") }
	r := question(alice, resultJSON(issue(t, d.Issuer, alice), 5))
	require.Equal(t, openapi.Genuine(), d.verify(t, r))
	assert.Equal(t, []string{"PutItem", "UpdateItem"}, server.Requests())

	require.False(t, d.verify(t, r).IsGenuine(), "a replay")
	assert.Equal(t, []string{"PutItem"}, server.Requests())
	require.Equal(t, openapi.Genuine(), d.verify(t, question(alice, resultJSON(issue(t, d.Issuer, alice), 5))), "a counter that has not grown")
	assert.Equal(t, []string{"PutItem", "UpdateItem"}, server.Requests())

	require.False(t, d.verify(t, question(bob, strings.Clone(r.JSONString))).IsGenuine())
	assert.Empty(t, server.Requests(), "another user's challenge")
	d.next.verdict = openapi.Wrong("wrong signature")
	require.False(t, d.verify(t, question(alice, resultJSON(issue(t, d.Issuer, alice), 6))).IsGenuine())
	assert.Equal(t, []string{"UpdateItem"}, server.Requests(), "the failure is counted")
	assert.Equal(t, 4, d.next.asked, "WeChat once each, but for another user's challenge")
}
