package upstream

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What runs beside a call outlasts it, and not the Life.
func TestLifeEndsCallsAndWhatRunsBesideThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life := NewLife()
		call, done, ok := life.Begin(t.Context())
		require.True(t, ok)
		var ended, dialEnded time.Duration
		begin := time.Now()
		life.Beside(call, time.Hour, func(ctx context.Context) {
			dial, stop := life.Bound(context.WithoutCancel(ctx))
			defer stop()
			<-dial.Done()
			dialEnded = time.Since(begin)
			<-ctx.Done()
			time.Sleep(time.Second) // it takes a while to notice
			ended = time.Since(begin)
		})
		done()
		require.ErrorIs(t, call.Err(), context.Canceled)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Zero(t, ended, "it goes on after the call")

		other, otherDone, ok := life.Begin(t.Context())
		require.True(t, ok)
		go func() { <-other.Done(); otherDone() }()
		life.End()
		assert.Equal(t, time.Minute, dialEnded)
		assert.Equal(t, time.Minute+time.Second, ended, "End waits for it")
		require.ErrorIs(t, other.Err(), context.Canceled)

		_, _, ok = life.Begin(t.Context())
		assert.False(t, ok)
		late := make(chan error, 1)
		life.Beside(other, time.Hour, func(ctx context.Context) { late <- ctx.Err() })
		require.ErrorIs(t, <-late, context.Canceled, "whatever waits for it is not left alone")
		life.End() // once more
	})
}

func TestBesideHasALimitWithoutALife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		begin, took := time.Now(), make(chan time.Duration, 1)
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		var none *Life
		none.Beside(ctx, time.Minute, func(ctx context.Context) {
			assert.Equal(t, "value", ctx.Value(key{}))
			<-ctx.Done()
			took <- time.Since(begin)
		})
		cancel()
		assert.Equal(t, time.Minute, <-took)
	})
}
