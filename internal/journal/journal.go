// Package journal collects what happened during one invocation and writes it as one log
// line.
//
// The function opens an [Entry] when an invocation begins and puts it into the context.
// Other packages add facts to it: the upstream took 31 ms, the second attempt worked. The
// function writes the line when it has the response. Without an Entry in the context every
// call is a no-op, so libraries need no check.
package journal

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Entry is the growing record of one invocation. A nil Entry ignores every call. It is safe
// for concurrent use: a token fetch that outlives its invocation may still write to it.
type Entry struct {
	mu    sync.Mutex
	attrs []slog.Attr // guarded by mu; keys are unique
}

// usual is the number of fields of a line.
const usual = 20

type key struct{}

// New returns a context that carries a new, empty Entry.
func New(ctx context.Context) (context.Context, *Entry) {
	e := &Entry{attrs: make([]slog.Attr, 0, usual)}
	return context.WithValue(ctx, key{}, e), e
}

// From returns the Entry of ctx, or nil.
func From(ctx context.Context) *Entry {
	e, _ := ctx.Value(key{}).(*Entry)
	return e
}

// Set records value under name. A later value replaces an earlier one.
func (e *Entry) Set(name string, value any) {
	e.update(name, func(slog.Value) slog.Value { return slog.AnyValue(value) })
}

// Count adds n to the number under name.
func (e *Entry) Count(name string, n int) {
	e.update(name, func(old slog.Value) slog.Value {
		if old.Kind() == slog.KindInt64 {
			return slog.Int64Value(old.Int64() + int64(n))
		}
		return slog.IntValue(n)
	})
}

// Spend adds d to the time under name, which is logged in milliseconds.
func (e *Entry) Spend(name string, d time.Duration) {
	ms := float64(d.Microseconds()) / 1000
	e.update(name, func(old slog.Value) slog.Value {
		if old.Kind() == slog.KindFloat64 {
			return slog.Float64Value(old.Float64() + ms)
		}
		return slog.Float64Value(ms)
	})
}

func (e *Entry) update(name string, next func(old slog.Value) slog.Value) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.attrs {
		if e.attrs[i].Key == name {
			e.attrs[i].Value = next(e.attrs[i].Value)
			return
		}
	}
	e.attrs = append(e.attrs, slog.Attr{Key: name, Value: next(slog.Value{})})
}

// Record returns a log record of everything recorded so far, in the order of first mention.
func (e *Entry) Record(at time.Time, level slog.Level, message string) slog.Record {
	r := slog.NewRecord(at, level, message, 0) // the source position is of no use
	if e == nil {
		return r
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r.AddAttrs(e.attrs...)
	return r
}
