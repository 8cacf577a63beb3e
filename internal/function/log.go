package function

import (
	"io"
	"log"
	"log/slog"
	"strings"

	"sotercall/internal/journal"
)

// newLog returns the log of a function: JSON lines, which both platforms collect.
func newLog(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(journal.NewHandler(w, level))
}

// takeLibraryLog redirects package log, which libraries use, to l. net/http logs and quotes
// what a server sent unasked. That belongs to an unknown request and may echo its secrets,
// so quotes are left out. The library may end the process next, so each line is flushed.
func takeLibraryLog(l *slog.Logger, queue *journal.Queue) {
	log.SetFlags(0)
	log.SetOutput(libraryLog{l, queue})
}

type libraryLog struct {
	log   *slog.Logger
	queue *journal.Queue
}

func (l libraryLog) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	if i := strings.IndexAny(text, "\"'`"); i >= 0 {
		text = text[:i] + "…"
	}
	l.log.Warn("a library says", "text", text)
	l.queue.Flush(flushTime)
	return len(p), nil
}
