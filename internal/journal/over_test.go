package journal_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/journal"
)

// Whatever a program logs with, a string reaches it as NewHandler writes it.
func TestStringsAreHarmlessToAnotherHandler(t *testing.T) {
	const hostile, harmless = "red \x1b[31m", `red \x1b[31m`
	var text bytes.Buffer
	plain := slog.NewTextHandler(&text, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindString {
			assert.NotContains(t, a.Value.String(), "\x1b", a.Key)
		}
		return a
	}})
	log := slog.New(journal.Over(plain))
	log.With("with", hostile).WithGroup("group").Info(hostile, "attr", hostile, slog.Group("inner", "deep", hostile), "n", 3)
	assert.NotContains(t, text.String(), "\x1b")
	assert.Contains(t, text.String(), "group.inner.deep=")
	assert.Contains(t, text.String(), "group.n=3")
	assert.Equal(t, harmless, journal.Sanitize(hostile, 100), "the twin")
}
