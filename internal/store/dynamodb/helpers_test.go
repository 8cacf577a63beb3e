package dynamodb

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sotercall/internal/store/dynamodb/dynalite"
)

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

// isTimeout is what package accesstoken tells a timeout by.
func isTimeout(err error) bool {
	var e net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &e) && e.Timeout()
}
