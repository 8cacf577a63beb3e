package wechat

import (
	"runtime"
	"time"
)

const (
	// glances are how often, while it waits, an attempt looks whether this process has
	// time at all: whether what is ready runs within maxLate. While a crowd of calls
	// keeps it from that, an answer may have come and nobody has read it, so that silence
	// says nothing of the server, and another request would only add to the load.
	glances = 4
	maxLate = 15 * time.Millisecond
	// crowd is how many goroutines a process has that keeps itself busy: one for each call
	// at least. With fewer, it is late because the machine has others to serve, and it
	// asks again as usual.
	crowd = 8000
)

// silence is the time in which a server has not answered, and this process would have
// noticed if it had.
type silence struct {
	*time.Timer
	glance  time.Duration // a part of the patience
	since   time.Time     // when the last glance was
	seen    int           // glances in a row that came in time
	crowded func() bool
}

func newSilence(patience time.Duration) *silence {
	s := &silence{Timer: time.NewTimer(patience / glances), crowded: isCrowded}
	s.begin(patience)
	return s
}

// silentSince is a silence that began then, and at which it is time for the first
// glance.
func silentSince(begin time.Time, patience time.Duration) *silence {
	s := newSilence(patience)
	s.since = begin
	s.isOver() // with more glances to come, it is not
	return s
}

// begin lets the silence begin anew.
func (s *silence) begin(patience time.Duration) {
	s.glance, s.seen = patience/glances, 0
	s.next()
}

func (s *silence) next() {
	s.since = time.Now()
	s.Reset(s.glance)
}

// isOver is called when the timer has fired. It reports whether the patience is at an
// end, or goes on waiting.
func (s *silence) isOver() bool {
	runtime.Gosched() // who is ready comes first, such as who reads the answer
	s.seen++
	if time.Since(s.since)-s.glance > maxLate && s.crowded() {
		s.seen = 0
	}
	if s.seen == glances {
		return true
	}
	s.next()
	return false
}

func isCrowded() bool { return runtime.NumGoroutine() > crowd }
