package accesstoken

import (
	"context"
	"sync"
	"time"
)

const (
	// strangersPerMinute bounds the requests to WeChat that strangers cause in
	// strangersPeriod, for all apps together. A fetch does not count if the app had no
	// token or its token was due: the next is hours away.
	strangersPerMinute = 2
	strangersPeriod    = time.Minute
)

// Strangers bounds the fetches that unknown presented tokens cause. All Caches of a process
// share one. It is safe for concurrent use. Make it with [NewStrangers].
type Strangers struct {
	now   func() time.Time
	taken chan struct{} // has an element for each fetch that is under way or counts

	mu    sync.Mutex
	spent []time.Time // guarded by mu; when counted fetches began or failed
}

// NewStrangers returns a Strangers. now is the wall clock.
func NewStrangers(now func() time.Time) *Strangers {
	return &Strangers{now: now, taken: make(chan struct{}, strangersPerMinute)}
}

// begin reports whether one more fetch may begin. Fetches under way may turn out not to
// count: it waits for them until ctx ends. If it returns true, call end.
func (s *Strangers) begin(ctx context.Context) bool {
	if s.left() == 0 {
		return false
	}
	select {
	case s.taken <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// end records that a fetch has ended, and whether it counts.
func (s *Strangers) end(counts bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if counts {
		s.spent = append(s.spent, s.now())
		return
	}
	<-s.taken
}

// spend reports whether one more counted fetch may begin, and counts it.
func (s *Strangers) spend() bool {
	s.left()
	select {
	case s.taken <- struct{}{}:
		s.end(true)
		return true
	default:
		return false
	}
}

// left returns how many fetches may still begin or be counted. It forgets those of more
// than strangersPeriod ago.
func (s *Strangers) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for len(s.spent) > 0 && !within(now, s.spent[0], strangersPeriod) {
		s.spent = s.spent[1:]
		<-s.taken
	}
	return cap(s.taken) - len(s.spent)
}
