package redis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/secret"
	"sotercall/internal/store/redis/redistest"
)

const longLife = time.Minute

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func openTokens(t testing.TB, server *redistest.Server) *Tokens {
	t.Helper()
	store, err := Open(server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return NewTokens(store, "wx0123456789abcdef", time.Now)
}

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
