package journal

import (
	"io"
	"log/slog"
)

// NewHandler returns a log handler that writes JSON lines to w, with each string passed
// through [Harmless].
func NewHandler(w io.Writer, level slog.Leveler) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: Harmless})
}
