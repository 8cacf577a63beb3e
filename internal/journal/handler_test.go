package journal_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/journal"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 123456789, time.UTC)

// invocation is a line as functions write it on Lambda.
func invocation() slog.Record {
	r := slog.NewRecord(noon, slog.LevelInfo, "invocation", 0)
	r.AddAttrs(
		slog.String("function", "service"), slog.String("request_id", "5TW7MGKDCSJ4U7QXSPDRIO6VTT"), slog.Bool("cold", false),
		slog.Int("upstream_attempts", 1), slog.Float64("upstream_ms", 0.412), slog.Int("errCode", 0), slog.Float64("total_ms", 12),
		slog.String("error", "errcode 40013 <invalid> & \"签\x1b名\""),
		slog.Group("_aws", slog.Int64("Timestamp", 1764158400000), slog.Any("CloudWatchMetrics", jsontext.Value(`[{"Namespace":"n"}]`))),
	)
	return r
}

// What collects the log depends on these bytes.
func TestHandlerWritesTheLineOfAnInvocation(t *testing.T) {
	var line bytes.Buffer
	require.NoError(t, journal.NewHandler(&line, slog.LevelInfo).Handle(t.Context(), invocation()))
	assert.Equal(t, `{"time":"2026-11-26T12:00:00.123456789Z","level":"INFO","msg":"invocation",`+
		`"function":"service","request_id":"5TW7MGKDCSJ4U7QXSPDRIO6VTT","cold":false,`+
		`"upstream_attempts":1,"upstream_ms":0.412,"errCode":0,"total_ms":12,`+
		`"error":"errcode 40013 <invalid> & \"签\\x1b名\"",`+
		`"_aws":{"Timestamp":1764158400000,"CloudWatchMetrics":[{"Namespace":"n"}]}}`+"\n", line.String())
}

func TestHandlerHasALevel(t *testing.T) {
	var lines bytes.Buffer
	log := slog.New(journal.NewHandler(&lines, slog.LevelWarn))
	log.Info("not written")
	assert.Empty(t, lines.String())
	log.Warn("written")
	assert.Contains(t, lines.String(), `"msg":"written"`)
}

func BenchmarkHandle(b *testing.B) {
	h, r := journal.NewHandler(io.Discard, slog.LevelInfo), invocation()
	for b.Loop() {
		_ = h.Handle(context.Background(), r)
	}
}
