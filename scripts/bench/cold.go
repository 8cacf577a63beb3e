package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
)

// cold measures from exec to the first response. A token fetch and then the verification,
// on one connection, cannot be avoided. The baseline makes them and nothing else; on Lambda
// it fetches the token before its first GET /next.
func (b *bench) cold(ctx context.Context) ([]Figure, error) {
	var figures []Figure
	for _, delay := range []time.Duration{0, 20 * time.Millisecond} {
		for _, on := range emulator.Platforms {
			f, err := b.coldAt(ctx, on, delay)
			if err != nil {
				return nil, err
			}
			figures = append(figures, f)
		}
	}
	return figures, nil
}

func (b *bench) coldAt(ctx context.Context, on emulator.Platform, delay time.Duration) (Figure, error) {
	if delay > 0 {
		if err := b.upstream.Inject(sandbox.Fault{Kind: sandbox.FaultDelay, DelayMS: int(delay.Milliseconds())}); err != nil {
			return Figure{}, err
		}
		defer b.upstream.ClearFaults()
	}
	samples, err := inTurns(ctx, b.colds,
		func() (float64, error) { return b.toFirstAnswer(ctx, on, "verify", b.upstream.Variables()) },
		func() (float64, error) { return b.toFirstAnswer(ctx, on, "call", b.upstream.Variables()) })
	if err != nil {
		return Figure{}, err
	}
	name := fmt.Sprintf("exec to first answer, upstream takes %d ms (%s)", delay.Milliseconds(), on.Title)
	return Figure{Name: name, Unit: Milliseconds}.
		against("one token fetch, one call", samples[0], samples[1], Goal{AtMost, 1.3}), nil
}

// toFirstAnswer returns milliseconds.
func (b *bench) toFirstAnswer(ctx context.Context, on emulator.Platform, program string, variables map[string]string) (ms float64, err error) {
	begin := time.Now()
	h, err := b.host(ctx, on, program, variables)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if _, err := h.verify(ctx, b.event); err != nil {
		return 0, err
	}
	return milliseconds(time.Since(begin)), nil
}
