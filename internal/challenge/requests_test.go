package challenge_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/dynamodb/dynalite"
)

// What a verification costs in requests to a table, as docs/stores.md and
// docs/operations.md count them.
func TestRequestsOfAVerification(t *testing.T) {
	server, phone := dynalite.Start(t), newPhone(t)
	issuer := newIssuer(t, nil)
	v := &challenge.Verifier{Issuer: issuer, Next: phone, Ledger: dynamodb.NewLedger(openTable(t, server)), Policy: challenge.EnforceCounter}
	cost := func(v *challenge.Verifier, r openapi.Request, genuine bool) []string {
		t.Helper()
		server.Requests()
		verdict, err := v.Verify(t.Context(), r)
		require.NoError(t, err)
		assert.Equal(t, genuine, verdict.IsGenuine(), verdict.Reason())
		return server.Requests()
	}
	answer := phone.sign(t, alice, issue(t, issuer, alice), 41)
	assert.Equal(t, []string{"GetItem", "PutItem", "UpdateItem"}, cost(v, answer, true), "failures, challenge, counter")
	assert.Equal(t, []string{"GetItem", "PutItem"}, cost(v, answer, false), "a replay")

	forged := phone.sign(t, alice, issue(t, issuer, alice), 42)
	forged.JSONString = resultJSON(issue(t, issuer, alice), 43)
	for range challenge.MaxFailures {
		assert.Equal(t, []string{"GetItem", "UpdateItem"}, cost(v, forged, false), "a wrong signature")
	}
	assert.Empty(t, cost(v, forged, false), "one too many")

	counting := &challenge.Verifier{Next: phone, Ledger: dynamodb.NewLedger(openTable(t, server)), Policy: challenge.EnforceCounter}
	assert.Equal(t, []string{"UpdateItem"}, cost(counting, phone.sign(t, alice, "any", 50), true), "without challenges")
	wrong := phone.sign(t, alice, "any", 51)
	wrong.JSONString = resultJSON("any", 52)
	assert.Empty(t, cost(counting, wrong, false))
}
