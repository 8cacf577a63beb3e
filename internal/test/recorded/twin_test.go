package recorded

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// raw are texts as they come, and in brackets what a placeholder stands for.
var raw = []string{
	`answer {"accessToken":"[sandbox_` + strings.Repeat("aB3_", 32) + `]","expiresIn":[7199],"errCode":0}`,
	`answer {"challenge":"[` + strings.Repeat("aB3_", 24) + `]","expiresIn":120,"errCode":0,"errMsg":"openapi.soter.issueChallenge:ok"}`,
	`answer {"isOk":false,"errMsg":"openapi.soter.verifySignature:fail busy rid: [6710cf5d-1e8a0cf5-6e0f36c4]","errCode":-1}`,
	`log {"time":"[2026-11-29T15:56:13.123456789Z]","level":"INFO","msg":"invocation","upstream_attempts":[2],"total_ms":[1.234]}`,
	`sotercall:challenge:[aB3_aB3_aB3_aB3_aB3_a1] (5m0s): [ABCDEFGHIJKLMNOPQRSTUVWXY2]`,
}

// A recording fails for each byte that is changed, but for those in the place of which a
// placeholder stands.
func TestAChangedByteFails(t *testing.T) {
	brackets := regexp.MustCompile(`\[[^\]]*\]`)
	for _, marked := range raw {
		text := strings.NewReplacer("[", "", "]", "").Replace(marked)
		recorded := newPlaceholders().replace(text)
		placeholders := brackets.FindAllString(marked, -1)
		require.NotEmpty(t, placeholders)
		for _, value := range placeholders {
			assert.NotContains(t, recorded, strings.Trim(value, "[]"), "the twin")
		}
		inside, at := false, 0
		for _, c := range []byte(marked) {
			if c == '[' || c == ']' {
				inside = c == '['
				continue
			}
			if !inside {
				changed := text[:at] + string(rune(c^1)) + text[at+1:]
				assert.NotEqual(t, recorded, newPlaceholders().replace(changed), "byte %d of %s", at, text)
			}
			at++
		}
	}
}

// Two tokens are told apart, and one is known again.
func TestTokensKeepTheirNumbers(t *testing.T) {
	one, other := "sandbox_"+strings.Repeat("a", 128), "sandbox_"+strings.Repeat("b", 128)
	p := newPlaceholders()
	assert.Equal(t, "TOKEN-1 TOKEN-2", p.replace(one+" "+other))
	assert.Equal(t, "TOKEN-2 TOKEN-1", p.replace(other+" "+one))
}
