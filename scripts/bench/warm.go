package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/hosting"
)

// warm measures invocations of a running function, against the handler that makes the one
// HTTPS call and writes a log line. It measures wall time, CPU time, requests to the
// upstream, and memory. The handler without a log line is shown for comparison.
func (b *bench) warm(ctx context.Context) ([]Figure, error) {
	var figures []Figure
	for _, on := range emulator.Platforms {
		f, err := b.warmOn(ctx, on, "verify", nil)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f...)
	}
	return figures, nil
}

// warmOn measures one function on one platform, with variables beside those for the
// upstream. The position of a process in memory changes its speed by a few percent, for its
// whole life. So there are several rounds, each with new processes, and either side starts
// first in half of them. The first round is long, and memory is measured in it.
func (b *bench) warmOn(ctx context.Context, on emulator.Platform, function string, variables map[string]string) ([]Figure, error) {
	ours := &warmFunction{program: function, variables: b.upstream.Variables()}
	maps.Copy(ours.variables, variables)
	silent := &warmFunction{program: "call", variables: b.upstream.Variables()}
	silent.variables["ACCESS_TOKEN"] = b.upstream.AccessToken() // so that it fetches none itself
	logging := &warmFunction{program: "call", variables: maps.Clone(silent.variables)}
	logging.variables["LOG_LINE"] = "1"
	calls, order := b.warmCalls, []*warmFunction{ours, logging, silent}
	for range b.warmRounds {
		if err := b.warmRound(ctx, on, calls, order); err != nil {
			return nil, err
		}
		calls = b.warmCalls / 4
		slices.Reverse(order)
	}
	return append(
		ours.against(logging, on.Title, b.warmCalls/b.warmSlice, b.warmCalls),
		ours.compared(silent, on.Title)...), nil
}

// warmRound starts all sides, and makes that many calls to each. The sides take turns, one
// slice of calls at a time.
func (b *bench) warmRound(ctx context.Context, on emulator.Platform, calls int, order []*warmFunction) (err error) {
	for _, side := range order {
		if err := side.start(ctx, b, on); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, side.hosted.Close()) }()
	}
	for range calls / b.warmSlice {
		for _, side := range order {
			if err := side.slice(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// warmFunction is a running function, with the cost of its invocations.
type warmFunction struct {
	program    string
	variables  map[string]string
	hosted     hosted
	process    hosting.Process
	unmeasured error     // why CPU and memory cannot be measured here; nil if they can
	wall, cpu  []float64 // of an invocation, in µs, by slices
	upstream   []float64 // requests for each invocation
	resident   []float64 // memory at the end of each slice, in MB
}

// start starts the program and makes some calls to warm it up. The caller must close it.
func (w *warmFunction) start(ctx context.Context, b *bench, on emulator.Platform) error {
	h, err := b.host(ctx, on, w.program, w.variables)
	if err != nil {
		return err
	}
	for range b.warmSlice {
		if _, err := h.verify(ctx, b.event); err != nil {
			return errors.Join(err, h.Close())
		}
	}
	w.hosted = h
	var unmeasured error
	if w.process, unmeasured = h.Process(); unmeasured != nil {
		w.unmeasured = unmeasured
	}
	return nil
}

// slice measures some invocations, one after the other.
func (w *warmFunction) slice(ctx context.Context, b *bench) error {
	requests, used := b.upstream.Requests(""), w.used()
	var wall time.Duration
	for range b.warmSlice {
		answer, err := w.hosted.verify(ctx, b.event)
		if err != nil {
			return err
		}
		wall += answer.Duration
	}
	n := float64(b.warmSlice)
	w.wall = append(w.wall, microseconds(wall)/n)
	w.cpu = append(w.cpu, microseconds(w.used()-used)/n)
	w.upstream = append(w.upstream, float64(b.upstream.Requests("")-requests)/n)
	w.resident = append(w.resident, w.megabytes())
	return nil
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// used returns the CPU time of the process. An error is kept for the table.
func (w *warmFunction) used() time.Duration {
	if w.unmeasured != nil {
		return 0
	}
	var used time.Duration
	used, w.unmeasured = w.process.CPU()
	return used
}

func (w *warmFunction) megabytes() float64 {
	if w.unmeasured != nil {
		return 0
	}
	var bytes int64
	bytes, w.unmeasured = w.process.Resident()
	return float64(bytes) / 1e6
}

const (
	handlerWithCall = "bare handler with the HTTPS call"
	handlerWithLine = handlerWithCall + " and a log line"
)

// against returns the figures of a warm function, whose first round had that many slices
// and calls.
func (w *warmFunction) against(base *warmFunction, platform string, long, calls int) []Figure {
	// Memory after half of the invocations, and after all. An average over a tenth around
	// each point evens out the garbage collector.
	half, tenth := long/2, max(1, long/10)
	atHalf, atEnd := w.resident[half-tenth:half], w.resident[long-tenth:long]
	baseAtEnd := base.resident[long-tenth : long]
	figures := []Figure{
		Figure{Name: "warm invocation, wall (" + platform + ")", Unit: Microseconds}.
			against(handlerWithLine, w.wall, base.wall, Goal{AtMost, 1.15}),
		Figure{Name: "warm invocation, CPU (" + platform + ")", Unit: Microseconds}.
			against(handlerWithLine, w.cpu, base.cpu, Goal{AtMost, 1.15}),
		Figure{Name: fmt.Sprintf("resident memory after %d invocations (%s)", calls, platform), Unit: Megabytes}.
			against(handlerWithLine, atEnd, baseAtEnd, Goal{AtMost, 1.3}),
		Figure{Name: fmt.Sprintf("the same, flat (%s)", platform), Unit: Megabytes}.
			against(fmt.Sprintf("after %d", calls/2), atEnd, atHalf, Goal{AtMost, 1.1}),
		{
			Name: "upstream requests per warm verification (" + platform + ")", Unit: Count,
			Ours: spreadOf(w.upstream), Goal: Goal{Exactly, 1},
		},
	}
	w.markUnmeasured(base, figures[1:4])
	return figures
}

// compared returns the figures against a handler that writes no log line. They are for
// comparison with older tables.
func (w *warmFunction) compared(silent *warmFunction, platform string) []Figure {
	figures := []Figure{
		Figure{Name: "warm invocation, wall, beside no log line (" + platform + ")", Unit: Microseconds}.
			against(handlerWithCall, w.wall, silent.wall, Goal{Is: Informative}),
		Figure{Name: "warm invocation, CPU, beside no log line (" + platform + ")", Unit: Microseconds}.
			against(handlerWithCall, w.cpu, silent.cpu, Goal{Is: Informative}),
	}
	w.markUnmeasured(silent, figures[1:])
	return figures
}

// markUnmeasured marks figures of CPU and memory as missing, if either side could not be
// measured.
func (w *warmFunction) markUnmeasured(base *warmFunction, figures []Figure) {
	for _, side := range []*warmFunction{w, base} {
		if side.unmeasured == nil {
			continue
		}
		for i, f := range figures {
			figures[i] = Figure{Name: f.Name, Unit: f.Unit, Against: f.Against, Goal: f.Goal, Missing: side.unmeasured.Error()}
		}
	}
}

func (b *bench) zip(context.Context) ([]Figure, error) {
	sizes := map[string][]float64{}
	for _, program := range []string{"verify", "bare"} {
		bytes, err := zipped(filepath.Join(b.folder, program))
		if err != nil {
			return nil, err
		}
		sizes[program] = []float64{float64(bytes) / 1e6}
	}
	return []Figure{Figure{Name: "zip", Unit: Megabytes}.against("bare handler", sizes["verify"], sizes["bare"], Goal{Is: Informative})}, nil
}
