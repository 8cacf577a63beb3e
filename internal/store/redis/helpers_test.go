package redis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sotercall/internal/store/redis/redistest"
)

func openTokens(t testing.TB, server *redistest.Server) *Tokens {
	t.Helper()
	store, err := Open(server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return NewTokens(store, "wx0123456789abcdef", time.Now)
}
