package accesstoken

import (
	"context"
	"slices"
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
	now     func() time.Time
	running chan struct{} // has a place for each fetch under way

	mu    sync.Mutex
	spent []time.Time // guarded by mu; when fetches that count were begun
}

// NewStrangers makes a Strangers. now is the clock.
func NewStrangers(now func() time.Time) *Strangers {
	return &Strangers{now: now, running: make(chan struct{}, strangersPerMinute)}
}

// begin reports whether one more fetch may begin. If the others under way may turn
// out not to count, it waits for them, until ctx ends. If it may, call end.
func (s *Strangers) begin(ctx context.Context) bool {
	select {
	case s.running <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	if len(s.spent)+len(s.running) > strangersPerMinute {
		<-s.running
		return false
	}
	return true
}

// spend reports whether one more fetch that counts may begin.
func (s *Strangers) spend() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	if len(s.spent)+len(s.running) >= strangersPerMinute {
		return false
	}
	s.spent = append(s.spent, s.now().Round(0))
	return true
}

// forget drops what was spent a while ago. s.mu is held.
func (s *Strangers) forget() {
	now := s.now().Round(0)
	s.spent = slices.DeleteFunc(s.spent, func(at time.Time) bool { return now.Sub(at).Abs() >= strangersPeriod })
}

// end notes that a fetch has ended, and whether it counts.
func (s *Strangers) end(counts bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if counts {
		s.spent = append(s.spent, s.now().Round(0))
	}
	<-s.running
}
