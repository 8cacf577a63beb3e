package challenge

import (
	"maps"
	"time"
)

// sweepInterval is the minimum time between searches for expired marks while there is no
// room.
const sweepInterval = time.Second

// marks are the consumed challenges of a [Memory].
type marks struct {
	byID  map[string]mark
	swept time.Time // when expired marks were last dropped
}

type mark struct {
	until time.Time // when to forget it
	nonce string    // of the Use that consumed it
}

// find returns the mark of a consumed challenge.
func (m *marks) find(id string, now time.Time) (_ mark, found bool) {
	known, found := m.byID[id]
	return known, found && now.Before(known.until)
}

// add records a challenge that find does not find. The error is ErrFull.
func (m *marks) add(u Use, now time.Time) error {
	if len(m.byID) >= maxMarks {
		m.sweep(now)
	}
	if _, replaced := m.byID[u.Challenge]; !replaced && len(m.byID) >= maxMarks {
		return ErrFull
	}
	if m.byID == nil {
		m.byID = map[string]mark{}
	}
	m.byID[u.Challenge] = mark{until: now.Add(u.Keep), nonce: u.Nonce}
	return nil
}

// sweep drops the expired marks, at most once in sweepInterval.
func (m *marks) sweep(now time.Time) {
	if now.Sub(m.swept).Abs() < sweepInterval {
		return
	}
	m.swept = now
	maps.DeleteFunc(m.byID, func(_ string, known mark) bool { return !now.Before(known.until) })
}
