package challenge_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/store/redis"
	"sotercall/internal/store/redis/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	alice = "oAlice-0123456789-0123456789"
	bob   = "oBobby-0123456789-0123456789"
	cpuID = "6f0e1d2c3b4a59687786955a4b3c2d1e"
)

var (
	firstSecret  = secret.New(strings.Repeat("first-", 6))
	secondSecret = secret.New(strings.Repeat("other-", 6))
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// newClock starts at a time that milliseconds express exactly, and seconds do not.
func newClock() *clock {
	return &clock{now: time.Date(2026, 9, 1, 12, 0, 0, int(789*time.Millisecond), time.UTC)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newIssuer(t require.TestingT, now func() time.Time, secrets ...secret.Text) *challenge.Issuer {
	if len(secrets) == 0 {
		secrets = []secret.Text{firstSecret}
	}
	issuer, err := challenge.NewIssuer(secrets, challenge.DefaultTTL, now)
	require.NoError(t, err)
	return issuer
}

func issue(t require.TestingT, issuer *challenge.Issuer, openid string) string {
	issued, err := issuer.Issue(openid, "")
	require.NoError(t, err)
	return issued.Text
}

func openStore(t testing.TB, server *redistest.Server) *redis.Server {
	store, err := redis.Open(server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func openTable(t testing.TB, server *dynalite.Table) *dynamodb.Table {
	table, err := dynamodb.Open(server.Name, server.Environment())
	require.NoError(t, err)
	t.Cleanup(table.Close)
	return table
}

// next is the verifier behind ours. It counts how often it is asked.
type next struct {
	verdict openapi.Verdict
	err     error
	during  func() // runs while it is asked
	mu      sync.Mutex
	asked   int // guarded by mu
}

func (n *next) Verify(context.Context, openapi.Request) (openapi.Verdict, error) {
	n.mu.Lock()
	n.asked++
	n.mu.Unlock()
	if n.during != nil {
		n.during()
	}
	return n.verdict, n.err
}

func resultJSON(raw string, counter uint64) string {
	return fmt.Sprintf(`{"raw":%q,"counter":%d,"cpu_id":%q,"uid":"21"}`, raw, counter, cpuID)
}

func question(openid, jsonString string) openapi.Request {
	return openapi.Request{OpenID: openid, JSONString: jsonString, JSONSignature: "irrelevant here"}
}
