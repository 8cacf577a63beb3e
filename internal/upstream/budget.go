package upstream

import (
	"math"
	"sync"
	"time"
)

// The limits of a [Budget]. Together they keep the retries of any minute with 100 calls or
// more within a fifth of the calls. That includes the burst: 8 + 4 + 0.08 × 100 = 20.
const (
	// retriesPerCall is the part of a retry that each call earns.
	retriesPerCall = 0.08
	// One retry is earned every retryInterval, even without calls.
	retryInterval = 15 * time.Second
	// retryBurst is how many retries may follow one another.
	retryBurst = 8
)

// Budget bounds how many attempts are made beside the first of each call. A failing server
// gets about as many requests as a healthy one. A rare call may always be repeated a few
// times. (Finagle's RetryBudget and gRPC's retryThrottling do the same.) It is safe for
// concurrent use. Use [NewBudget] to make one.
type Budget struct {
	now func() time.Time

	mu      sync.Mutex
	balance float64   // guarded by mu; the retries that are allowed now
	at      time.Time // guarded by mu; up to when retryInterval has been counted
}

// NewBudget returns a Budget that allows a burst. now is the wall clock.
func NewBudget(now func() time.Time) *Budget {
	return &Budget{now: now, balance: retryBurst, at: now()}
}

// Call records that a call begins.
func (b *Budget) Call() { b.add(retriesPerCall) }

// Take reports whether one more retry is allowed, and takes it.
func (b *Budget) Take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.earn()
	if b.balance < 1 {
		return false
	}
	b.balance--
	return true
}

// Return gives n retries back. They met a dead connection, not a failing server: the server
// replied at once.
func (b *Budget) Return(n int) { b.add(float64(n)) }

func (b *Budget) add(n float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.earn()
	b.balance = math.Min(b.balance+n, retryBurst)
}

// earn adds the retries that time has earned. If the clock was set back, nothing is earned,
// and counting continues from the new time. The caller holds b.mu.
func (b *Budget) earn() {
	now := b.now()
	if since := now.Sub(b.at); since > 0 {
		b.balance = math.Min(b.balance+float64(since)/float64(retryInterval), retryBurst)
	}
	b.at = now
}
