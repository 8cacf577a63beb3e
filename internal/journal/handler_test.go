package journal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/journal"
)

// library is the handler whose words ours has to write.
func library(w io.Writer) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: journal.Harmless})
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 123456789, time.UTC)

// both writes a record with both handlers.
func both(t testing.TB, at time.Time, level slog.Level, message string, attrs ...slog.Attr) (ours, librarys string) {
	r := slog.NewRecord(at, level, message, 0)
	r.AddAttrs(attrs...)
	var a, b bytes.Buffer
	require.NoError(t, journal.NewHandler(&a, slog.LevelDebug).Handle(t.Context(), r))
	require.NoError(t, library(&b).Handle(t.Context(), r))
	return a.String(), b.String()
}

// invocation is a line as functions write it.
var invocation = []slog.Attr{
	slog.String("function", "service"), slog.String("request_id", "5TW7MGKDCSJ4U7QXSPDRIO6VTT"), slog.String("platform", "http"),
	slog.Bool("cold", false), slog.String("door", "http"), slog.Int("upstream_attempts", 1), slog.Float64("upstream_ms", 0.412),
	slog.String("call", "verifySignature"), slog.Int("errCode", 0), slog.String("outcome", "genuine"), slog.Float64("total_ms", 12),
	slog.Group("_aws", slog.Int64("Timestamp", 1764158400000), slog.Any("CloudWatchMetrics", jsontext.Value(`[{"Namespace":"n"}]`))),
}

func TestHandlerWritesWhatTheLibraryWrites(t *testing.T) {
	for name, attrs := range map[string][]slog.Attr{
		"an invocation": invocation,
		"nothing":       nil,
		"numbers":       {slog.Int64("a", math.MinInt64), slog.Uint64("b", math.MaxUint64), slog.Float64("c", 0), slog.Float64("d", -0.25), slog.Float64("e", 1e21), slog.Float64("f", 1e-7), slog.Float64("g", math.Copysign(0, -1))},
		"no numbers":    {slog.Float64("a", math.NaN()), slog.Float64("b", math.Inf(1))},
		"strings":       {slog.String("a", `"\`), slog.String("b", "签名"), slog.String("c", "\x1b\n"), slog.String("d", strings.Repeat("x", 5<<10)), slog.String("e", "<&>")},
		"odd keys":      {slog.String("", "x"), slog.String(`a"`, "x"), slog.String("键", "x"), slog.String("a", ""), {}},
		"groups":        {slog.Group("empty"), slog.Group("", slog.Int("inline", 1)), slog.Group("g", slog.Group("h", slog.String("i", "é"), slog.Int("j", 1)), slog.Group("k"))},
		"anything":      {slog.Any("err", errors.New("why")), slog.Any("list", []string{"a", "b"}), slog.Any("nil", nil), slog.Duration("d", time.Second), slog.Time("t", noon), slog.Any("level", slog.LevelWarn)},
		"one after":     {slog.String("plain", "x"), slog.String("not", "é"), slog.String("plain", "y")},
	} {
		ours, librarys := both(t, noon, slog.LevelInfo, "invocation", attrs...)
		assert.Equal(t, librarys, ours, name)
		for _, a := range attrs {
			ours, librarys := both(t, noon, slog.LevelInfo, "invocation", a)
			assert.Equal(t, librarys, ours, "%s: %v", name, a)
		}
	}
	for name, r := range map[string]struct {
		at      time.Time
		level   slog.Level
		message string
	}{
		"no time":    {level: slog.LevelInfo, message: "m"},
		"a zone":     {noon.In(time.FixedZone("UTC+8", 8*3600)), slog.LevelInfo, "m"},
		"a level":    {noon, slog.LevelError + 2, "m"},
		"no message": {noon, slog.LevelDebug, ""},
		"a message":  {noon, slog.LevelInfo, "签\n名"},
	} {
		ours, librarys := both(t, r.at, r.level, r.message, slog.Int("a", 1))
		assert.Equal(t, librarys, ours, name)
	}
}

func FuzzHandlerWritesWhatTheLibraryWrites(f *testing.F) {
	f.Add("key", "value", int64(1), 0.5, "message")
	f.Fuzz(func(t *testing.T, key, text string, n int64, x float64, message string) {
		ours, librarys := both(t, noon, slog.LevelInfo, message, slog.String(key, text), slog.Int64("n", n), slog.Float64("x", x), slog.Group("g", slog.String("in", text)))
		require.Equal(t, librarys, ours)
	})
}

func TestHandlerIsOneAsSlogWantsIt(t *testing.T) {
	var lines bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		lines.Reset()
		return journal.NewHandler(&lines, slog.LevelInfo)
	}, func(t *testing.T) map[string]any {
		var line map[string]any
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		return line
	})
}

func TestHandlerHasALevel(t *testing.T) {
	var lines bytes.Buffer
	log := slog.New(journal.NewHandler(&lines, slog.LevelWarn))
	log.Info("not written")
	assert.Empty(t, lines.String())
	log.Warn("written")
	assert.Contains(t, lines.String(), `"msg":"written"`)
}

// halves is a writer that gives others a chance to write in the middle of a line.
type halves struct{ bytes.Buffer }

func (h *halves) Write(p []byte) (int, error) {
	h.Buffer.Write(p[:len(p)/2])
	runtime.Gosched()
	h.Buffer.Write(p[len(p)/2:])
	return len(p), nil
}

// Lines of both ways come whole.
func TestHandlerWritesOneLineAtATime(t *testing.T) {
	var w halves
	h := journal.NewHandler(&w, slog.LevelInfo)
	var wg sync.WaitGroup
	for range 20 {
		for _, text := range []string{"plain", "签名"} {
			wg.Go(func() { slog.New(h).Info("m", "text", text) })
		}
	}
	wg.Wait()
	lines := strings.Split(strings.TrimSpace(w.String()), "\n")
	assert.Len(t, lines, 40)
	for _, line := range lines {
		assert.True(t, json.Valid([]byte(line)), line)
	}
}

// BenchmarkHandle is the line of an invocation, ours and the library's.
func BenchmarkHandle(b *testing.B) {
	r := slog.NewRecord(noon, slog.LevelInfo, "invocation", 0)
	r.AddAttrs(invocation...)
	for name, h := range map[string]slog.Handler{"ours": journal.NewHandler(io.Discard, slog.LevelInfo), "library": library(io.Discard)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_ = h.Handle(context.Background(), r)
			}
		})
	}
}
