package dynamodb

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/secret"
	"sotercall/internal/store/dynamodb/dynalite"
)

const longLife = time.Minute

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func openTokens(t testing.TB, table *dynalite.Table) *Tokens {
	t.Helper()
	opened, err := Open(table.Name, table.Environment())
	require.NoError(t, err)
	t.Cleanup(opened.Close)
	return NewTokens(opened, "wx0123456789abcdef", time.Now)
}

// clock is a clock that a test winds on.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

func lease(t testing.TB, store accesstoken.Store) accesstoken.Lease {
	t.Helper()
	_, lease, err := store.Acquire(t.Context(), longLife, false)
	require.NoError(t, err)
	return lease
}

// stateOf is a State with a token of that name.
func stateOf(name string) accesstoken.State {
	ends := time.Now().Round(0).Add(2 * time.Hour)
	return accesstoken.State{Current: accesstoken.Token{Value: secret.New(name), Renew: ends.Add(-5 * time.Minute), Expires: ends}}
}

func requireStored(t testing.TB, want accesstoken.State, store accesstoken.Store) {
	t.Helper()
	got, err := store.Load(t.Context())
	require.NoError(t, err)
	requireSame(t, want, got)
}

// requireSame compares what States mean, not how their times are represented.
func requireSame(t testing.TB, want, got accesstoken.State) {
	t.Helper()
	plain := func(s accesstoken.State) string {
		content, err := accesstoken.MarshalState(s)
		require.NoError(t, err)
		content, err = accesstoken.MarshalState(inUTC(accesstoken.UnmarshalState(content)))
		require.NoError(t, err)
		return string(content)
	}
	require.JSONEq(t, plain(want), plain(got))
}

func inUTC(s accesstoken.State) accesstoken.State {
	for _, at := range []*time.Time{
		&s.Current.Renew, &s.Current.Expires, &s.Current.Fetched, &s.Previous.Renew, &s.Previous.Expires, &s.Previous.Fetched, &s.Spent,
	} {
		*at = at.UTC()
	}
	for i := range s.Forced {
		s.Forced[i] = s.Forced[i].UTC()
	}
	return s
}

// isTimeout is what package accesstoken tells a timeout by.
func isTimeout(err error) bool {
	var e net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &e) && e.Timeout()
}
