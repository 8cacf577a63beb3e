package accesstoken

import (
	"context"
	"sync"
	"time"
)

const (
	// strangersPerMinute is how many requests to WeChat strangers can cause in
	// strangersPeriod, for all apps together. A fetch that brings an app its first
	// token, or a token that is due, does not count: the next is hours away.
	strangersPerMinute = 2
	strangersPeriod    = time.Minute
)

// Strangers bounds what is fetched because a token was presented that nobody knows.
// All Caches of a process share one. It may be used concurrently. Make it with
// [NewStrangers].
type Strangers struct {
	now   func() time.Time
	taken chan struct{} // has a place for each fetch that is under way or counts

	mu    sync.Mutex
	spent []time.Time // guarded by mu; when fetches that count were begun or failed
}

// NewStrangers makes a Strangers. now is the clock on the wall.
func NewStrangers(now func() time.Time) *Strangers {
	return &Strangers{now: now, taken: make(chan struct{}, strangersPerMinute)}
}

// begin reports whether one more fetch may begin. While others are under way, which may
// turn out not to count, it waits for them until ctx ends. If it may, call end.
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

// end notes that a fetch has ended, and whether it counts.
func (s *Strangers) end(counts bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if counts {
		s.spent = append(s.spent, s.now())
		return
	}
	<-s.taken
}

// spend reports whether one more fetch that counts may begin.
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

// left returns how many fetches may still begin or be found to count. It forgets those
// of more than strangersPeriod ago.
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
