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
// of a device starts anew with each. Where that matters, use [Redis].
//
// It holds at most 65,536 consumed challenges at a time and answers ErrFull
// beyond. Of counters it holds those of the last 65,536 devices at least, and
// forgets the devices that were silent longest. A call takes as long when it is
// full as when it is nearly empty.
type Memory struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time

	mu    sync.Mutex
	marks marks // guarded by mu
	// Guarded by mu. Counters move to the young generation when they are used;
	// when that is full it becomes the old one, and the old one is dropped.
	young, old map[string]uint64
}

var _ Ledger = (*Memory)(nil)

// Consume implements [Ledger]. The error is ErrFull.
func (m *Memory) Consume(_ context.Context, u Use) (Outcome, error) {
	if err := u.check(); err != nil {
		return Outcome{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if m.marks.find(u.Challenge, now) != nil {
		return Outcome{}, nil
	}
	if err := m.marks.add(u.Challenge, now.Add(u.Keep), now); err != nil {
		return Outcome{}, err
	}
	return Outcome{First: true, Highest: m.raise(u.Device, u.Counter)}, nil
}

// raise raises the counter of a device and returns its highest before.
func (m *Memory) raise(device string, counter uint64) uint64 {
	highest, known := m.young[device]
	if !known {
		highest = m.old[device]
	}
	if !known && len(m.young) == maxCounters {
		m.young, m.old = nil, m.young
	}
	if m.young == nil {
		m.young = map[string]uint64{}
	}
	m.young[device] = max(highest, counter)
	return highest
}

func (m *Memory) now() time.Time {
	if m.Now == nil {
		return time.Now()
	}
	return m.Now()
}
