package challenge

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Bounds of a Memory.
const (
	maxMarks    = 1 << 16
	maxCounters = 1 << 16 // in each of the two generations
)

// ErrFull says that a Memory holds as many consumed challenges as it may. It
// forgets none of them for a new one, which could then be used again.
var ErrFull = errors.New("too many consumed challenges to remember another")

// Memory is a [Ledger] of one process. The zero Memory is empty and ready.
//
// Behind a function it is the best that can be done without a shared store, and
// no more: every instance has its own and forgets all when it ends. While it
// lives, a challenge may count as often as there are instances, and the counter
// of a device starts anew with each. Where that matters, use a store (internal/store).
//
// It holds at most 65,536 consumed challenges at a time and answers ErrFull
// beyond. Of counters it holds those of the last 65,536 devices at least, and
// forgets the devices that were silent longest. While it is full, one call a second
// takes some milliseconds to make room.
type Memory struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time

	mu    sync.Mutex
	marks marks // guarded by mu

	failures failures
	// Guarded by mu. Counters move to the young generation when they are used;
	// when that is full it becomes the old one, and the old one is dropped.
	young, old map[string]raised
}

// raised is the counter of a device.
type raised struct {
	highest, before uint64
	nonce           string // of the Reading that raised it from before to highest
}

var _ Ledger = (*Memory)(nil)

// Consume implements [Ledger]. The error is ErrFull.
func (m *Memory) Consume(_ context.Context, u Use) (first bool, err error) {
	if err := u.Check(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if known, found := m.marks.find(u.Challenge, now); found {
		return known.nonce == u.Nonce, nil
	}
	if err := m.marks.add(u, now); err != nil {
		return false, err
	}
	return true, nil
}

// Raise implements [Ledger]. It never fails.
func (m *Memory) Raise(_ context.Context, r Reading) (highest uint64, err error) {
	if err := r.Check(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known, isYoung := m.young[r.Device]
	if !isYoung {
		known = m.old[r.Device]
		m.makeYoung()
	}
	switch {
	case known.nonce == r.Nonce:
		highest = known.before
	case r.Counter > known.highest:
		highest, known = known.highest, raised{highest: r.Counter, before: known.highest, nonce: r.Nonce}
	default:
		highest = known.highest
	}
	m.young[r.Device] = known
	return highest, nil
}

// makeYoung sees to it that there is room for one more device in the young
// generation.
func (m *Memory) makeYoung() {
	if len(m.young) == maxCounters {
		m.young, m.old = nil, m.young
	}
	if m.young == nil {
		m.young = map[string]raised{}
	}
}

func (m *Memory) now() time.Time {
	if m.Now == nil {
		return time.Now()
	}
	return m.Now()
}
