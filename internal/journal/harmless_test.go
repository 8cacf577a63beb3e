package journal_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/journal"
)

// logged is what a reader of the log sees of a string.
func logged(t testing.TB, text string) string {
	t.Helper()
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: journal.Harmless})).Info("m", "error", text)
	var line struct {
		Error string `json:"error"`
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	return line.Error
}

func TestHarmless(t *testing.T) {
	for given, want := range map[string]string{
		"invalid openid rid: 6578a1b2-3c4d":         "invalid openid rid: 6578a1b2-3c4d",
		"签名错误　é \\n 😀":                              "签名错误　é \\n 😀",
		"a\x1b[2Jb\x7f\x00":                         `a\x1b[2Jb\x7f\x00`,
		"x\r\n{\"level\":\"INFO\",\"isOk\":true}\t": `x\r\n{"level":"INFO","isOk":true}\t`,
		"\u202egnol\u2028\u0085\u200b":              `\u202egnol\u2028\u0085\u200b`,
		"\xff\xc0":                                  `\xff\xc0`,
		strings.Repeat("x", 4<<10):                  strings.Repeat("x", 4<<10),
		strings.Repeat("x", 4<<10+1):                strings.Repeat("x", 4<<10) + "…",
	} {
		assert.Equal(t, want, logged(t, given))
	}
}

func FuzzHarmless(f *testing.F) {
	f.Add("a\x1b[2J\u202e\xff")
	f.Fuzz(func(t *testing.T, text string) {
		seen := logged(t, text)
		for _, c := range seen {
			require.False(t, c < ' ' || c == 0x7f || 0x80 <= c && c < 0xa0 || 0x202a <= c && c <= 0x202e, "%q", seen)
		}
		require.LessOrEqual(t, len(seen), 4<<10+16)
	})
}
