package playground

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
)

// slowWorld starts functions when it is allowed to.
type slowWorld struct {
	brokenWorld
	starting chan Function // takes each function that is being started
	start    chan error    // how the start ends
}

func (w slowWorld) Start(_ context.Context, _ string, f Function) (emulator.Runtime, error) {
	w.starting <- f
	if err := <-w.start; err != nil {
		return nil, err
	}
	return &stopped{}, nil
}

// stopped is a runtime that counts how often it was closed.
type stopped struct {
	emulator.Runtime
	closed int
}

func (s *stopped) Close() error { s.closed++; return nil }

// One function that starts does not keep others waiting: verify fetches a token meanwhile.
func TestFunctionsStartSideBySide(t *testing.T) {
	p := newPlayground(t)
	w := slowWorld{starting: make(chan Function), start: make(chan error)}
	p.Ready(w)
	verify := Function{Name: "verify", Platform: "lambda"}
	type result struct {
		runtime emulator.Runtime
		err     error
	}
	ask := func(ctx context.Context, f Function) chan result {
		got := make(chan result, 1)
		go func() {
			runtime, err := p.runtime(ctx, f)
			got <- result{runtime, err}
		}()
		return got
	}
	first := ask(t.Context(), verify)
	assert.Equal(t, verify, <-w.starting)
	token := ask(t.Context(), tokenFunction)
	assert.Equal(t, tokenFunction, <-w.starting, "while verify has not started")
	second := ask(t.Context(), verify)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	assert.ErrorIs(t, (<-ask(ctx, verify)).err, context.Canceled)
	w.start <- nil
	w.start <- nil
	require.NoError(t, (<-token).err)
	got := <-first
	require.NoError(t, got.err)
	assert.Same(t, got.runtime, (<-second).runtime, "it is started once")

	failing := ask(t.Context(), Function{Name: "challenge", Platform: "scf"})
	<-w.starting
	w.start <- assert.AnError
	assert.ErrorIs(t, (<-failing).err, assert.AnError)
	again := ask(t.Context(), Function{Name: "challenge", Platform: "scf"})
	<-w.starting

	closed := make(chan error, 1)
	go func() { closed <- p.Close() }()
	<-p.closing
	w.start <- nil
	assert.ErrorIs(t, (<-again).err, emulator.ErrClosed, "what starts too late is closed")
	require.NoError(t, <-closed)
	assert.Equal(t, 1, got.runtime.(*stopped).closed)
	_, err := p.runtime(t.Context(), verify)
	assert.ErrorIs(t, err, emulator.ErrClosed)
}
