package challenge

import (
	"fmt"
	"sync"
	"time"
)

// Limits of the counter's share of an invocation, if no verdict depends on it.
const (
	// countWithin bounds one attempt. Within one network it takes a millisecond,
	// with a cold TLS connect some tens.
	countWithin = 500 * time.Millisecond
	// pauseFor is how long a failed Ledger is not used.
	pauseFor = 5 * time.Second
)

// pause stops using a Ledger for a while after it failed, so that only one call in a while
// waits for it (a circuit breaker). The zero value is ready.
type pause struct {
	mu     sync.Mutex
	reason error     // guarded by mu; nil while the Ledger works
	since  time.Time // guarded by mu; when it was last tried
}

// begin returns nil if the Ledger may be tried. After a pause, one call tries it. The
// others still skip it until that call succeeds, or for another pause. A clock that is set
// back ends a pause.
func (p *pause) begin(now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason == nil {
		return nil
	}
	if passed := now.Sub(p.since); passed >= 0 && passed < pauseFor {
		return fmt.Errorf("not tried, it failed less than %v ago: %w", pauseFor, p.reason)
	}
	p.since = now
	return nil
}

// end records the result of an attempt.
func (p *pause) end(now time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reason, p.since = err, now
}
