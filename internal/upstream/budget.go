package upstream

import (
	"math"
	"sync"
	"time"
)

// What a [Budget] allows. The three together keep the retries of any minute with
// 100 calls or more within a fifth of the calls, the burst included:
// 8 + 4 + 0.08 × 100 = 20.
const (
	// retriesPerCall is what each call adds.
	retriesPerCall = 0.08
	// retryInterval is in what time one more retry is allowed, without any call.
	retryInterval = 15 * time.Second
	// retryBurst is how many retries may follow one another.
	retryBurst = 8
)

// Budget bounds how many attempts are made beside the first of each call. A server
// in trouble is asked about as often as one that is well; a call that comes seldom
// may always be repeated a few times. (Finagle's RetryBudget and gRPC's
// retryThrottling do the same.) It may be used concurrently. Make it with
// [NewBudget].
type Budget struct {
	now func() time.Time

	mu      sync.Mutex
	balance float64   // guarded by mu; the retries that are allowed now
	at      time.Time // guarded by mu; up to when retryInterval has been counted
}

// NewBudget makes a Budget that allows a burst. now is the clock on the wall.
func NewBudget(now func() time.Time) *Budget {
	return &Budget{now: now, balance: retryBurst, at: now()}
}

// Call notes that a call begins.
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

// Return gives n retries back. They have told a connection that was dead from a
// server that is in trouble: it answered at once.
func (b *Budget) Return(n int) { b.add(float64(n)) }

func (b *Budget) add(n float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.earn()
	b.balance = math.Min(b.balance+n, retryBurst)
}

// earn adds what time has brought. A clock that has been put back brings nothing,
// and is followed. b.mu is held.
func (b *Budget) earn() {
	now := b.now()
	if since := now.Sub(b.at); since > 0 {
		b.balance = math.Min(b.balance+float64(since)/float64(retryInterval), retryBurst)
	}
	b.at = now
}
