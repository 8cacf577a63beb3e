package accesstoken_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/secret"
)

// mint makes tokens as WeChat's endpoints do: classic a new one each time, stable
// a new one when forced.
type mint struct {
	classic         bool
	number, fetches int
}

func (m *mint) Fetch(_ context.Context, r accesstoken.FetchRequest) (accesstoken.Grant, error) {
	m.fetches++
	if m.classic || r.Force || m.number == 0 {
		m.number++
	}
	return accesstoken.Grant{Value: secret.New(fmt.Sprintf("token-%d", m.number)), ExpiresIn: 2 * time.Hour}, nil
}

func TestForceIsSubjectToTheBudget(t *testing.T) {
	for _, classic := range []bool{false, true} {
		// A fetch looks at the clock once more after its callers have gone on.
		var passed atomic.Int64
		pass := func(d time.Duration) { passed.Add(int64(d)) }
		clock := func() time.Time {
			return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC).Add(time.Duration(passed.Load()))
		}
		m := &mint{classic: classic}
		c := accesstoken.NewCache(accesstoken.Config{
			Endpoint: m, Store: accesstoken.NewMemory(clock), Classic: classic,
			Now: clock, Log: slog.New(slog.DiscardHandler),
		})
		force := func() string {
			token, err := c.Replace(t.Context(), secret.Text{}, accesstoken.OnRequest)
			require.NoError(t, err)
			return token.Value.Reveal()
		}
		assert.Equal(t, "token-2", force(), "the first one, replaced")
		assert.Equal(t, "token-2", force(), "29 seconds are too soon")
		pass(29 * time.Second)
		assert.Equal(t, "token-2", force())
		pass(time.Second)
		assert.Equal(t, "token-3", force(), "30 are not")
		for range 30 {
			pass(time.Minute)
			force()
		}
		assert.Equal(t, "token-11", force(), "10 in a day")
		before := m.fetches
		force()
		assert.Equal(t, before, m.fetches, "and then nothing is asked")
		pass(24 * time.Hour)
		assert.NotEqual(t, "token-11", force(), "the next day")
	}
}
