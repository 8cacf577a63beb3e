package journal

import (
	"context"
	"io"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// NewHandler makes a log handler that writes JSON lines to w, each string [Harmless].
//
// Lines whose values are plain, as those of invocations are, take a short way. It
// writes what [slog.JSONHandler] writes, which gets all others, in a quarter of the time.
func NewHandler(w io.Writer, level slog.Leveler) slog.Handler {
	w = &oneAtATime{w: w}
	return &handler{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: Harmless}), w}
}

type handler struct {
	*slog.JSONHandler
	w io.Writer
}

// lines are buffers for a line each.
var lines = sync.Pool{New: func() any { return new([]byte) }}

// Handle implements [slog.Handler].
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	buffer := lines.Get().(*[]byte)
	defer lines.Put(buffer)
	line, plain := appendLine((*buffer)[:0], r)
	*buffer = line
	if !plain {
		return h.JSONHandler.Handle(ctx, r)
	}
	_, err := h.w.Write(line)
	return err
}

// appendLine appends r as a line of JSON. It reports whether it could.
func appendLine(b []byte, r slog.Record) (_ []byte, plain bool) {
	if r.Time.IsZero() || !isPlain(r.Message) {
		return b, false
	}
	b = append(b, `{"time":"`...)
	b = r.Time.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"`...)
	b = append(b, r.Level.String()...)
	b = append(b, `","msg":"`...)
	b = append(b, r.Message...)
	b = append(b, '"')
	plain = true
	r.Attrs(func(a slog.Attr) bool {
		b = append(b, ',')
		b, plain = appendAttr(b, a)
		return plain
	})
	return append(b, "}\n"...), plain
}

func appendAttr(b []byte, a slog.Attr) (_ []byte, plain bool) {
	if a.Key == "" || !isPlain(a.Key) {
		return b, false
	}
	b = append(b, '"')
	b = append(b, a.Key...)
	b = append(b, `":`...)
	switch a.Value.Kind() {
	case slog.KindString:
		return appendString(b, a.Value.String())
	case slog.KindInt64:
		return strconv.AppendInt(b, a.Value.Int64(), 10), true
	case slog.KindBool:
		return strconv.AppendBool(b, a.Value.Bool()), true
	case slog.KindFloat64:
		f := a.Value.Float64()
		// encoding/json writes others with an exponent, or not at all.
		return strconv.AppendFloat(b, f, 'f', -1, 64), f == 0 || math.Abs(f) >= 1e-6 && math.Abs(f) < 1e21
	case slog.KindGroup:
		return appendGroup(b, a.Value.Group())
	case slog.KindAny:
		raw, ok := a.Value.Any().(jsontext.Value)
		return append(b, raw...), ok
	}
	return b, false
}

func appendString(b []byte, s string) (_ []byte, plain bool) {
	if !isPlain(s) {
		return b, false
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"'), true
}

// appendGroup appends an object. The library leaves out one without members.
func appendGroup(b []byte, members []slog.Attr) (_ []byte, plain bool) {
	if len(members) == 0 {
		return b, false
	}
	for i, a := range members {
		b = append(b, "{,"[min(i, 1)])
		if b, plain = appendAttr(b, a); !plain {
			return b, false
		}
	}
	return append(b, '}'), true
}

// isPlain reports whether s stands in JSON as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return isHarmless(s)
}

// oneAtATime is a writer that two handlers share.
type oneAtATime struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements [io.Writer].
func (o *oneAtATime) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}
