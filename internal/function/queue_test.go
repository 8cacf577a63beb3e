package function_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/adapter"
	"sotercall/internal/function"
	"sotercall/internal/journal"
	"sotercall/internal/openapi"
)

// slow is a stderr whose reader takes its time, or never reads if hang is not nil.
type slow struct {
	hang  chan struct{}
	lines chan string
}

func (s slow) Write(p []byte) (int, error) {
	if s.hang != nil {
		<-s.hang
	}
	time.Sleep(5 * time.Millisecond)
	s.lines <- string(p)
	return len(p), nil
}

// The platform may freeze the process when it has the answer.
func TestLineIsWrittenBeforeTheAnswerIsGiven(t *testing.T) {
	for name, hang := range map[string]chan struct{}{"a slow reader": nil, "a reader that stopped": make(chan struct{})} {
		s := slow{hang, make(chan string, 10)}
		h := function.New("f", builds([]openapi.Call{saying("first")}, nil), journal.NewQueue(s))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for range 3 {
			_, err := h.Invoke(ctx, adapter.Invocation{Platform: adapter.Lambda, Authorized: true}, []byte(`{}`))
			require.NoError(t, err)
			if hang != nil {
				assert.Empty(t, s.lines, name)
				continue
			}
			require.Len(t, s.lines, 1, name)
			assert.True(t, strings.Contains(<-s.lines, `"msg":"invocation"`))
		}
		require.NoError(t, ctx.Err(), "no invocation is held up beyond its limit")
		if hang != nil {
			close(hang)
		}
	}
}
