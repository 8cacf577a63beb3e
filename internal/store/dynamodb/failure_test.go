package dynamodb_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
	"sotercall/internal/secret/redact"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/dynamodb/dynalite"
)

const token = "81_Tk9xQ2vYw7LmRz4BdPsHfJc6"

// put writes what must not be told.
func put(ctx context.Context, table *dynamodb.Table) error {
	return table.Put(ctx, "key-of-a-user-oAlice", dynamodb.Item{"token": dynamodb.String(token)}, absent)
}

// requireNoSecret asserts that neither an error nor what it wraps holds a secret.
func requireNoSecret(t *testing.T, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, hidden := range []string{token, "oAlice", dynalite.SecretKey, dynalite.Session, dynalite.AccessKey} {
			require.NotContains(t, err.Error(), hidden)
		}
	}
}

// Each thing that goes wrong has its words, and is tried again or not as is of use.
func TestWhatGoesWrongIsTold(t *testing.T) {
	echo := "you said " + token + " to key-of-a-user-oAlice, signed by " + dynalite.AccessKey + " " + dynalite.SecretKey + " " + dynalite.Session
	for name, c := range map[string]struct {
		fault dynalite.Fault
		says  string
		sent  int
	}{
		"table missing": {dynalite.Fault{Code: "ResourceNotFoundException", Message: "Requested resource not found"},
			"dynamodb: PutItem: there is no table TABLE in eu-west-1, or it is not ready yet", 1},
		"access denied": {dynalite.Fault{Code: "AccessDeniedException", Message: "User: arn:aws:sts::123456789012:assumed-role/verify is not authorized to perform: dynamodb:PutItem"},
			"dynamodb: PutItem: access denied, the role of the function must allow it for this table and key: User: arn:aws:sts::123456789012:assumed-role/verify is not authorized to perform: dynamodb:PutItem", 1},
		"throttled": {dynalite.Fault{Code: "ProvisionedThroughputExceededException", Message: "slow down"},
			"dynamodb: PutItem: throttled, the table takes no more requests at the moment (ProvisionedThroughputExceededException)", 3},
		"throttled on demand": {dynalite.Fault{Code: "ThrottlingException", Message: "slow down"},
			"dynamodb: PutItem: throttled, the table takes no more requests at the moment (ThrottlingException)", 3},
		"the account's limit": {dynalite.Fault{Code: "RequestLimitExceeded", Message: "slow down"},
			"dynamodb: PutItem: throttled, the table takes no more requests at the moment (RequestLimitExceeded)", 3},
		"credentials of another account": {dynalite.Fault{Code: "UnrecognizedClientException", Message: echo},
			"dynamodb: PutItem: the credentials are refused (UnrecognizedClientException)", 1},
		"credentials that have expired": {dynalite.Fault{Code: "ExpiredTokenException", Message: echo},
			"dynamodb: PutItem: the credentials are refused (ExpiredTokenException)", 1},
		"a wrong signature": {dynalite.Fault{Code: "InvalidSignatureException", Message: echo},
			"dynamodb: PutItem: the credentials are refused (InvalidSignatureException)", 1},
		"the server fails": {dynalite.Fault{Code: "InternalServerError", Message: "The request processing has failed"},
			"dynamodb: PutItem: the server refuses: InternalServerError: The request processing has failed", 3},
		"another refusal, with an echo": {dynalite.Fault{Code: "ValidationException", Message: echo},
			"dynamodb: PutItem: the server refuses: ValidationException: you said [redacted] to [redacted], signed by [redacted] [redacted] [redacted]", 1},
		"the connection is cut": {dynalite.Fault{Cut: true}, "dynamodb: PutItem: it cannot be reached: ", 10},
	} {
		t.Run(name, func(t *testing.T) {
			server := dynalite.Start(t)
			table := open(t, server)
			server.Break(c.fault)
			err := put(t.Context(), table)
			require.ErrorContains(t, err, strings.Replace(c.says, "TABLE", server.Name, 1))
			assert.Len(t, server.Requests(), c.sent)
			requireNoSecret(t, err)
			assert.NotErrorIs(t, err, context.DeadlineExceeded)

			server.Mend()
			require.NoError(t, put(t.Context(), table), "the twin")
		})
	}
}

// What passes is not seen: the request is sent again.
func TestFaultThatPassesCostsNothing(t *testing.T) {
	for name, fault := range map[string]dynalite.Fault{
		"throttled":             {Code: "ThrottlingException", Times: 2},
		"the server fails":      {Code: "InternalServerError", Times: 2},
		"the connection is cut": {Cut: true, Times: 2},
		"nobody answers":        {Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := dynalite.Start(t)
			table := open(t, server)
			server.Break(fault)
			require.NoError(t, put(t.Context(), table))
			assert.Len(t, server.Requests(), fault.Times+1)
			assert.Len(t, server.Items(), 1)
		})
	}
}

// The write is done, and the reply is lost: it is done once more, and only its
// condition tells.
func TestLostReplyIsAskedForAgain(t *testing.T) {
	for name, fault := range map[string]dynalite.Fault{
		"the connection is cut": {Done: true, Cut: true, Times: 1},
		"nobody answers":        {Done: true, Times: 1},
		"the server fails":      {Done: true, Code: "InternalServerError", Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := dynalite.Start(t)
			table := open(t, server)
			server.Break(fault)
			err := put(t.Context(), table)
			var failed *dynamodb.ConditionFailed
			require.ErrorAs(t, err, &failed)
			written, _ := failed.Item.Text("token")
			assert.Equal(t, token, written, "who reads it knows")
			assert.Equal(t, []string{"PutItem", "PutItem"}, server.Requests())
		})
	}
}

func TestSilenceCostsLittleTime(t *testing.T) {
	server := dynalite.Start(t)
	table := open(t, server)
	server.Break(dynalite.Fault{})
	began := time.Now()
	err := put(t.Context(), table)
	require.EqualError(t, err, "dynamodb: PutItem: no answer in time")
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	requireNoSecret(t, err)
	assert.Less(t, time.Since(began), 10*time.Second, "4 s, on a computer that is not busy")
}

func TestDeadlineOfTheCallerCounts(t *testing.T) {
	server := dynalite.Start(t)
	table := open(t, server)
	server.Break(dynalite.Fault{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := table.Get(ctx, "a")
	require.EqualError(t, err, "dynamodb: GetItem: no answer in time")
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(began), 4*time.Second)

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	_, err = table.Get(ctx, "a")
	require.EqualError(t, err, "dynamodb: GetItem: given up: the caller has gone")
	assert.ErrorIs(t, err, context.Canceled)
	server.Mend()
	_, err = table.Get(t.Context(), "a")
	assert.NoError(t, err, "the twin")
}

func TestServerThatCannotBeReached(t *testing.T) {
	table, err := dynamodb.Open("table", map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": dynalite.AccessKey, "AWS_SECRET_ACCESS_KEY": dynalite.SecretKey,
		"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1",
	})
	require.NoError(t, err)
	table.Redact = redact.New(secret.New("connection"))
	err = put(t.Context(), table)
	require.EqualError(t, err, "dynamodb: PutItem: it cannot be reached: dial tcp 127.0.0.1:1: connect: connection refused")
	requireNoSecret(t, err)
}

// A server hangs up while the function is frozen.
func TestConnectionThatDiedIsReplaced(t *testing.T) {
	server := dynalite.Start(t)
	table := open(t, server)
	for range 3 {
		_, err := table.Get(t.Context(), "a")
		require.NoError(t, err)
	}
	server.CutConnections()
	_, err := table.Get(t.Context(), "a")
	require.NoError(t, err)
}
