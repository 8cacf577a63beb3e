package hosted

import (
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
)

// RequireNoEcho runs event on a function whose upstream echoes in every EchoWay. It asserts
// that no secret is in a response or in the log. It closes runtime.
func RequireNoEcho(t testing.TB, upstream *Echo, runtime emulator.Runtime, event []byte, invocation map[string]string, secrets []string, log *Log) {
	redactions := 0
	for _, way := range EchoWays {
		before := len(upstream.Requests())
		upstream.By(way)
		// A call may join a fetch that the previous call has left: repeat until this
		// EchoWay has answered.
		for asks := 1; ; asks++ {
			answer := Invoke(t, runtime, event, invocation)
			assert.NotContains(t, answer, `"isOk":true`, way.Name)
			for _, secret := range secrets {
				assert.Empty(t, Leak(answer, secret), "%s: %s", way.Name, answer)
			}
			redactions += strings.Count(answer, "[redacted]")
			if len(upstream.Requests()) > before {
				break
			}
			require.Less(t, asks, 50, "%s: the upstream was asked", way.Name)
		}
	}
	require.NoError(t, runtime.Close())
	written := log.String()
	for line := range strings.Lines(written) {
		for _, secret := range slices.Concat(secrets, signatures(upstream.Requests())) {
			assert.Empty(t, Leak(line, secret), "%s", line)
		}
	}
	assert.GreaterOrEqual(t, redactions, 10, "the twin: echoes came through, without the secrets")
	assert.GreaterOrEqual(t, strings.Count(written, `"msg":"invocation"`), len(EchoWays))
}

// signatures returns the signatures of Cloud Calls.
func signatures(requests [][]byte) (all []string) {
	for _, request := range requests {
		for _, match := range regexp.MustCompile(`, Signature=([0-9a-f]{64})`).FindAllSubmatch(request, -1) {
			all = append(all, string(match[1]))
		}
	}
	return all
}

// Leak returns the part of a secret that a text holds, in any case: plain or with escapes,
// in base64 or in hex. It shares no code with the masking of secrets.
func Leak(text, secret string) string {
	const window = 12
	views := []string{text}
	for range 4 {
		text = unescaped(text)
		views = append(views, text)
	}
	for _, view := range views[:len(views):len(views)] {
		for _, run := range regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}`).FindAllString(view, -1) {
			for from := range 4 {
				encoding := base64.RawStdEncoding
				part := strings.NewReplacer("-", "+", "_", "/").Replace(run[from:])
				decoded, _ := encoding.DecodeString(part[:len(part)/4*4])
				views = append(views, string(decoded))
			}
			for from := range 2 {
				decoded, _ := hex.DecodeString(run[from:])
				views = append(views, string(decoded))
			}
		}
	}
	secret = strings.ToLower(secret)
	for _, view := range views {
		view = strings.ToLower(view)
		for i := 0; i+window <= len(secret); i++ {
			if strings.Contains(view, secret[i:i+window]) {
				return secret[i : i+window]
			}
		}
	}
	return ""
}

var escapes = regexp.MustCompile(`\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|%[0-9a-fA-F]{2}|\\.`)

func unescaped(text string) string {
	return escapes.ReplaceAllStringFunc(text, func(escape string) string {
		digits := strings.TrimLeft(escape, `\ux%`)
		if n, err := strconv.ParseUint(digits, 16, 16); err == nil && len(escape) > 2 {
			return string(rune(n))
		}
		return escape[1:]
	})
}
