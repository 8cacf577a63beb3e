package function_test

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"sotercall/internal/adapter"
	"sotercall/internal/function"
	"sotercall/internal/journal"
	"sotercall/internal/openapi"
)

// BenchmarkInvoke is what an invocation costs around its API, the log line
// included.
func BenchmarkInvoke(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	call := openapi.Call{Name: openapi.Name, Direct: true, Serve: func(r *http.Request) openapi.Result {
		entry := journal.From(r.Context())
		entry.Count("upstream_attempts", 1)
		entry.Spend("upstream_ms", time.Millisecond)
		return openapi.Result{Outcome: "genuine", Log: []slog.Attr{slog.Bool("isOk", true), slog.String("openid", "oABC***1234")}}
	}}
	h := function.New("verify", builds([]openapi.Call{call}, nil), null)
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
