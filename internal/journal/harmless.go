package journal

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxString bounds a string in the log, in bytes. A chain of errors, each with some words
// of a server, is shorter.
const maxString = 4 << 10

// Harmless is for [slog.HandlerOptions.ReplaceAttr]: it sanitizes each string, which may
// quote a server. Invisible characters are written as in a Go literal: control characters,
// ends of lines, and those that change the direction of a text. Everything after 4 KiB is
// dropped.
func Harmless(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindString {
		if s := a.Value.String(); !isHarmless(s) {
			a.Value = slog.StringValue(Sanitize(s, maxString))
		}
	}
	return a
}

// isHarmless reports whether s may be logged as it is, as nearly all strings may.
func isHarmless(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= maxString
}

// Sanitize returns s for display in a log or a terminal. Invisible characters are written
// as in a Go literal, and everything after the first most bytes is dropped.
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
