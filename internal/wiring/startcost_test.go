package wiring

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sotercall/internal/function"
	"sotercall/internal/test/hosted"
)

// crowd names n apps and n clients, each with the right to a few of the apps.
func crowd(t testing.TB, n int) map[string]string {
	apps, clients := map[string]any{}, map[string]any{}
	for i := range n {
		apps[appID(i)] = map[string]string{"secret": "secret-of-" + appID(i)}
		clients[fmt.Sprint("client-", i)] = map[string]any{
			"secrets": []string{fmt.Sprintf("%032d", i)}, "apps": []string{appID(i), appID((i + 1) % n)},
		}
	}
	return map[string]string{
		"WECHAT_APPS":        string(hosted.JSON(t, map[string]any{"apps": apps, "clients": clients})),
		"CHALLENGE_SECRET":   strings.Repeat("c", 32),
		"HTTP_BEARER_TOKENS": strings.Repeat("b", 32),
	}
}

// builders are the functions that read the apps.
var builders = map[string]function.Builder{"verify": Verify, "token": Token, "service": Service}

// Ten times the apps and clients take about ten times as long to start with, and not a
// hundred times: no two of them are compared with each other. The best of several runs
// counts, each beside its baseline.
func TestStartingGrowsWithTheNumberOfApps(t *testing.T) {
	for name, build := range builders {
		few, lots := crowd(t, 100), crowd(t, 1000)
		cost := func(environment map[string]string) time.Duration {
			began := time.Now()
			_, err := build(environment, slog.New(slog.DiscardHandler), new(slog.LevelVar))
			require.NoError(t, err)
			return time.Since(began)
		}
		least, most := cost(few), cost(lots)
		for range 10 {
			least, most = min(least, cost(few)), min(most, cost(lots))
		}
		require.Less(t, most, 30*least, name)
	}
}

// Starting with 1,000 apps and clients takes at most 30 ms at a core of its own.
func BenchmarkStartWithAThousandApps(b *testing.B) {
	environment := crowd(b, 1000)
	for name, build := range builders {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := build(environment, slog.New(slog.DiscardHandler), new(slog.LevelVar))
				require.NoError(b, err)
			}
		})
	}
}
