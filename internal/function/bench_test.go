package function_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"sotercall/internal/adapter"
	"sotercall/internal/function"
	"sotercall/internal/journal"
)

// BenchmarkInvoke is what an invocation costs around its API, the log line
// included.
func BenchmarkInvoke(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	h := function.New("verify", func(map[string]string) function.API {
		return function.API{Direct: func(ctx context.Context, _ []byte) []byte {
			entry := journal.From(ctx)
			entry.Count("upstream_attempts", 1)
			entry.Spend("upstream_ms", time.Millisecond)
			entry.Set("errCode", 0)
			entry.Set("isOk", true)
			entry.Set("outcome", "genuine")
			entry.Set("openid", "oABC***1234")
			return nil
		}}
	}, slog.New(slog.NewJSONHandler(null, nil)))
	event := []byte(`{"openid":"oUser","jsonString":"{}","jsonSignature":"c2ln"}`)
	for _, platform := range []adapter.Platform{adapter.Lambda, adapter.SCF} {
		b.Run(string(platform), func(b *testing.B) {
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.Invoke(ctx, adapter.Invocation{Platform: platform, RequestID: "id", TraceID: "trace"}, event); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
