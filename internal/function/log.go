package function

import (
	"io"
	"log"
	"log/slog"
	"strings"

	"sotercall/internal/journal"
)

// newLog makes the log of a function: JSON lines, which both platforms collect.
func newLog(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(journal.NewHandler(w, level))
}

// takeLibraryLog brings what libraries say through package log into l. net/http
// logs what a server sent unasked, in quotes; nobody knows any more which request
// that belongs to and which secrets it may echo, so that quotes are left out.
// The library may end the process next, so that each line is flushed.
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
