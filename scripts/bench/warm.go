package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// warm measures invocations of a function that is up, against the handler that
// makes the one HTTPS call: time on the clock, time on the CPU, requests to the
// upstream, and memory along the way.
func (b *bench) warm(ctx context.Context) ([]Figure, error) {
	token, err := b.fetchToken(ctx)
	if err != nil {
		return nil, err
	}
	var figures []Figure
	for _, on := range platforms {
		f, err := b.warmOn(ctx, on, token)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f...)
	}
	return figures, nil
}

func (b *bench) warmOn(ctx context.Context, on platform, token string) (_ []Figure, err error) {
	ours, err := b.keepWarm(ctx, on, "verify", b.upstream.variables())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ours.close()) }()
	call, err := b.keepWarm(ctx, on, "call", b.baselineVariables(token))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, call.close()) }()

	for range b.warmCalls / b.warmSlice {
		for _, side := range []*warmFunction{ours, call} {
			if err := side.slice(ctx, b); err != nil {
				return nil, err
			}
		}
	}
	return ours.against(call, on.name, b.warmCalls), nil
}

// warmFunction is a function that is up, with what its invocations took.
type warmFunction struct {
	*hosted
	process     process
	unmeasured  error     // why CPU and memory cannot be measured here; nil if they can
	wall, cpu   []float64 // of an invocation, in µs, by slices
	upstream    []float64 // requests for each invocation
	residentEnd []float64 // memory at the end of each slice, in MB
}

// keepWarm starts a program and has it answer once, which prepares it.
func (b *bench) keepWarm(ctx context.Context, on platform, program string, variables map[string]string) (*warmFunction, error) {
	h, err := b.host(ctx, on, program, variables)
	if err != nil {
		return nil, err
	}
	for range b.warmSlice {
		if _, err := h.verify(ctx, b.event); err != nil {
			return nil, errors.Join(err, h.close())
		}
	}
	w := &warmFunction{hosted: h}
	w.process, w.unmeasured = childRunning(h.binary)
	return w, nil
}

// slice measures some invocations, one after the other.
func (w *warmFunction) slice(ctx context.Context, b *bench) error {
	requests, used := b.upstream.Requests(""), w.used()
	var wall time.Duration
	for range b.warmSlice {
		answer, err := w.verify(ctx, b.event)
		if err != nil {
			return err
		}
		wall += answer.Duration
	}
	n := float64(b.warmSlice)
	w.wall = append(w.wall, microseconds(wall)/n)
	w.cpu = append(w.cpu, microseconds(w.used()-used)/n)
	w.upstream = append(w.upstream, float64(b.upstream.Requests("")-requests)/n)
	w.residentEnd = append(w.residentEnd, w.megabytes())
	return nil
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// used is the CPU time of the process. What goes wrong is kept for the table.
func (w *warmFunction) used() time.Duration {
	if w.unmeasured != nil {
		return 0
	}
	var used time.Duration
	used, w.unmeasured = w.process.cpu()
	return used
}

func (w *warmFunction) megabytes() float64 {
	if w.unmeasured != nil {
		return 0
	}
	var bytes int64
	bytes, w.unmeasured = w.process.resident()
	return float64(bytes) / 1e6
}

const handlerWithCall = "bare handler with the HTTPS call"

// against makes the figures of a warm function.
func (w *warmFunction) against(base *warmFunction, platform string, calls int) []Figure {
	// Memory after half of the invocations, and after all: a tenth around each
	// evens out where the garbage collector happens to be.
	half, tenth := len(w.residentEnd)/2, max(1, len(w.residentEnd)/10)
	atHalf := spreadOf(w.residentEnd[half-tenth : half])
	atEnd := spreadOf(w.residentEnd[len(w.residentEnd)-tenth:])
	baseEnd := spreadOf(base.residentEnd[len(base.residentEnd)-tenth:])
	figures := []Figure{
		{
			Name: "warm invocation, wall (" + platform + ")", Unit: Microseconds, Ours: spreadOf(w.wall),
			Against: handlerWithCall, Baseline: spreadOf(base.wall), Goal: Goal{AtMost, 1.15},
		},
		{
			Name: "warm invocation, CPU (" + platform + ")", Unit: Microseconds, Ours: spreadOf(w.cpu),
			Against: handlerWithCall, Baseline: spreadOf(base.cpu), Goal: Goal{AtMost, 1.15},
		},
		{
			Name: fmt.Sprintf("resident memory after %d invocations (%s)", calls, platform), Unit: Megabytes, Ours: atEnd,
			Against: handlerWithCall, Baseline: baseEnd, Goal: Goal{AtMost, 1.3},
		},
		{
			Name: fmt.Sprintf("the same, flat (%s)", platform), Unit: Megabytes, Ours: atEnd,
			Against: fmt.Sprintf("after %d", calls/2), Baseline: atHalf, Goal: Goal{AtMost, 1.1},
		},
		{
			Name: "upstream requests per warm verification (" + platform + ")", Unit: Count, Ours: spreadOf(w.upstream),
			Goal: Goal{Exactly, 1},
		},
	}
	for _, side := range []*warmFunction{w, base} {
		if side.unmeasured != nil {
			for i := range figures[1:4] { // CPU and memory
				f := &figures[1+i]
				*f = Figure{Name: f.Name, Unit: f.Unit, Against: f.Against, Goal: f.Goal, Missing: side.unmeasured.Error()}
			}
		}
	}
	return figures
}

func (b *bench) zip(context.Context) ([]Figure, error) {
	f := Figure{Name: "zip", Unit: Megabytes, Against: "bare handler", Goal: Goal{AtMost, 1.3}}
	for program, into := range map[string]*Spread{"verify": &f.Ours, "bare": &f.Baseline} {
		size, err := zipped(b.folder + "/" + program)
		if err != nil {
			return nil, err
		}
		*into = spreadOf([]float64{float64(size) / 1e6})
	}
	return []Figure{f}, nil
}
