package accesstoken_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
)

// withTokens are so many apps, each with a token.
func withTokens(t testing.TB, n int) accesstoken.Apps {
	all := accesstoken.Apps{}
	for i := range n {
		id := fmt.Sprintf("wx%016x", i)
		all[id] = newCacheOf(&endpoint{app: id}, false, accesstoken.NewMemory(time.Now))
		_, err := all[id].Token(t.Context())
		require.NoError(t, err)
	}
	return all
}

// Looking for the app of a token that is none of ours costs next to nothing for each app:
// the token is hashed once, and no goroutine is started.
func TestAGuessStartsNothingForEachApp(t *testing.T) {
	cost := func(n int) float64 {
		all := withTokens(t, n)
		guess := strings.Repeat("g", 7500)
		return testing.AllocsPerRun(20, func() {
			appID, err := all.Owner(t.Context(), guess)
			assert.NoError(t, err)
			assert.Empty(t, appID)
		})
	}
	assert.InDelta(t, cost(1), cost(1000), 100, "fewer than one for ten apps")
}

func BenchmarkGuessAmongAThousandApps(b *testing.B) {
	all := withTokens(b, 1000)
	for _, length := range []int{136, 7500} {
		guess := strings.Repeat("g", length)
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			for b.Loop() {
				_, _ = all.Owner(b.Context(), guess)
			}
		})
	}
}
