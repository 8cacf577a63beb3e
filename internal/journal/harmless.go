package journal

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxString bounds a string in the log, in bytes. A chain of errors, each with
// some words of a server, has less.
const maxString = 4 << 10

// Harmless is for [slog.HandlerOptions.ReplaceAttr]: of each string it makes one
// that does nothing to whoever reads the log. A string may hold what a server
// said. Characters that are not seen (control characters, those that turn the
// direction of a text, ends of lines) are written as Go does in a literal, and
// what is behind 4 KiB is dropped.
func Harmless(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindString {
		if s := a.Value.String(); !isHarmless(s) {
			a.Value = slog.StringValue(Sanitize(s, maxString))
		}
	}
	return a
}

// isHarmless takes the quick way with what nearly all strings are.
func isHarmless(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= maxString
}

// Sanitize returns s as a reader of a log or a terminal may see it: characters that are
// not seen are written as in a Go literal, and what follows the first most bytes is
// dropped.
func Sanitize(s string, most int) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if b.Len() >= most {
			b.WriteString("…")
			break
		}
		c, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case strconv.IsGraphic(c):
			b.WriteRune(c)
		default:
			quoted := strconv.QuoteRune(c)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return b.String()
}
