package challenge

import (
	"container/heap"
	"time"
)

// marks are the consumed challenges of a [Memory], each until it need not be
// remembered any more. Every method takes the time of one step in a heap,
// whether one mark is there or all that may be.
type marks struct {
	byID  map[string]*mark
	byEnd markHeap // the same, the one to be forgotten first at the front
}

type mark struct {
	id    string
	until time.Time // when to forget it
	nonce string    // of the Use that consumed it
	place int       // in the heap
}

// find returns the mark of a challenge that is remembered, or nil.
func (m *marks) find(id string, now time.Time) *mark {
	if found := m.byID[id]; found != nil && now.Before(found.until) {
		return found
	}
	return nil
}

// add remembers a challenge that find does not find. The error is ErrFull.
func (m *marks) add(u Use, now time.Time) error {
	m.forget(now)
	until := now.Add(u.Keep)
	if old := m.byID[u.Challenge]; old != nil { // it has ended, and was not yet forgotten
		old.until, old.nonce = until, u.Nonce
		heap.Fix(&m.byEnd, old.place)
		return nil
	}
	if len(m.byID) >= maxMarks {
		return ErrFull
	}
	if m.byID == nil {
		m.byID = map[string]*mark{}
	}
	added := &mark{id: u.Challenge, until: until, nonce: u.Nonce}
	m.byID[u.Challenge] = added
	heap.Push(&m.byEnd, added)
	return nil
}

// forget drops two marks that have ended, if there are two: the marks grow fewer
// while each call adds one, and no call pays for all of them.
func (m *marks) forget(now time.Time) {
	for range 2 {
		if len(m.byEnd.marks) == 0 || now.Before(m.byEnd.marks[0].until) {
			return
		}
		delete(m.byID, heap.Pop(&m.byEnd).(*mark).id)
	}
}

// markHeap implements [heap.Interface].
type markHeap struct {
	marks    []*mark
	compared int // how often marks were compared, which is the work that was done
}

func (h *markHeap) Len() int { return len(h.marks) }

func (h *markHeap) Less(i, j int) bool {
	h.compared++
	return h.marks[i].until.Before(h.marks[j].until)
}

func (h *markHeap) Swap(i, j int) {
	h.marks[i], h.marks[j] = h.marks[j], h.marks[i]
	h.marks[i].place, h.marks[j].place = i, j
}

// Push implements [heap.Interface].
func (h *markHeap) Push(x any) {
	added := x.(*mark)
	added.place = len(h.marks)
	h.marks = append(h.marks, added)
}

// Pop implements [heap.Interface].
func (h *markHeap) Pop() any {
	last := len(h.marks) - 1
	dropped := h.marks[last]
	h.marks[last] = nil
	h.marks = h.marks[:last]
	return dropped
}
