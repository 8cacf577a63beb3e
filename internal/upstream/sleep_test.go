package upstream_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/upstream"
)

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		assert.NoError(t, upstream.Sleep(t.Context(), time.Second))
		assert.Equal(t, time.Second, time.Since(began))

		why := errors.New("why")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, why)
		defer cancel()
		assert.ErrorIs(t, upstream.Sleep(ctx, time.Hour), why)
		assert.Equal(t, time.Minute+time.Second, time.Since(began))
	})
}
