package function_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/adapter"
	"sotercall/internal/function"
	"sotercall/internal/openapi"
)

// counted are Metrics that remember the lines, and whether they are served.
type counted struct {
	lines  []map[string]any
	served function.Status
	err    error
}

func (c *counted) Serve(of function.Status) (stop func(), err error) {
	c.served = of
	return func() { c.served = nil }, c.err
}

func (c *counted) Invocation(line slog.Record) {
	attrs := map[string]any{}
	line.Attrs(func(a slog.Attr) bool { attrs[a.Key] = a.Value.Any(); return true })
	c.lines = append(c.lines, attrs)
}

func TestMetricsGetEachLine(t *testing.T) {
	calls := []openapi.Call{saying("first"), doing(func(context.Context, []byte) []byte { panic("a bug") })}
	for level, written := range map[slog.Level]bool{slog.LevelInfo: true, slog.LevelError: false} {
		var log bytes.Buffer
		h := function.New("service", func(_ map[string]string, _ *slog.Logger, l *slog.LevelVar) (function.Function, error) {
			l.Set(level)
			return function.Function{Calls: calls, Notices: func() []string { return []string{"a notice"} }}, nil
		}, &log)
		m := new(counted)
		function.WithMetrics(m)(h)
		for _, event := range []string{`{}`, `{"call":"test.call"}`} {
			_, _ = h.Invoke(t.Context(), adapter.Invocation{Platform: adapter.HTTP, Authorized: true}, []byte(event))
		}
		require.Len(t, m.lines, 2)
		assert.Equal(t, "first", m.lines[0]["call"])
		assert.EqualValues(t, 0, m.lines[0]["errCode"])
		assert.NotNil(t, m.lines[0]["total_ms"])
		assert.NotNil(t, m.lines[1]["panic"])
		assert.Equal(t, written, bytes.Contains(log.Bytes(), []byte(`"call":"first"`)), "%v: LOG_LEVEL is for the log", level)
		assert.Equal(t, []string{"a notice"}, h.Notices())
	}
}

func TestPortOfMetricsThatNobodyServesIsRefused(t *testing.T) {
	newHandler := func() *function.Host {
		return function.New("verify", builds([]openapi.Call{saying("first")}, nil), new(bytes.Buffer))
	}
	h := newHandler()
	stop, err := h.Accompany()
	require.NoError(t, err)
	stop()
	require.NoError(t, h.Configured(), "the twin: no port is asked for")

	t.Setenv("METRICS_PORT", "9464")
	h = newHandler()
	_, err = h.Accompany()
	require.NoError(t, err)
	require.ErrorContains(t, h.Configured(), "METRICS_PORT is only for functions/service behind PORT", "a function that has none")

	h, m := newHandler(), new(counted)
	function.WithMetrics(m)(h)
	require.ErrorContains(t, h.Configured(), "METRICS_PORT is only for functions/service behind PORT", "a platform without a port")

	h = newHandler()
	function.WithMetrics(m)(h)
	stop, err = h.Accompany()
	require.NoError(t, err)
	require.NoError(t, h.Configured())
	assert.Equal(t, h, m.served)
	stop()
	assert.Nil(t, m.served)

	h = newHandler()
	function.WithMetrics(&counted{err: errors.New("in use")})(h)
	_, err = h.Accompany()
	require.EqualError(t, err, "in use")
}
