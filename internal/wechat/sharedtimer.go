package wechat

import (
	"container/heap"
	"sync"
	"time"
)

// sharedTimer does at a later time what seldom needs doing, as looking after a server
// that has not answered, with one timer of the runtime for all calls. That timer stays
// set when what it was set for is called off; it then finds nothing due, and is set for
// what is next. Setting one for each call would wake a thread each time, so that it
// waits for the network no longer than until then, which costs more than a timer does.
// The zero sharedTimer is ready, and may be used concurrently.
type sharedTimer struct {
	mu    sync.Mutex
	tasks tasks       // guarded by mu, as are the next two
	timer *time.Timer // nil before the first task
	due   time.Time   // when the timer goes off; zero if it is not set
}

// task is something to do at a time.
type task struct {
	at    time.Time
	do    func()
	place int // in tasks, or gone
}

// gone is the place of a task that has been started or called off.
const gone = -1

// afterFunc calls f in a goroutine of its own once d has passed, as [time.AfterFunc]
// does. callOff keeps it from that; it reports false if f has been called already.
func (s *sharedTimer) afterFunc(d time.Duration, f func()) (callOff func() bool) {
	t := &task{at: time.Now().Add(d), do: f}
	s.mu.Lock()
	defer s.mu.Unlock()
	heap.Push(&s.tasks, t)
	if s.due.IsZero() || t.at.Before(s.due) {
		s.set(t.at, d)
	}
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.place == gone {
			return false
		}
		heap.Remove(&s.tasks, t.place)
		return true
	}
}

// set sets the timer to go off at a time, which is in d. s.mu is held.
func (s *sharedTimer) set(at time.Time, d time.Duration) {
	s.due = at
	if s.timer == nil {
		s.timer = time.AfterFunc(d, s.goOff)
		return
	}
	s.timer.Reset(d)
}

// goOff starts what is due.
func (s *sharedTimer) goOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due = time.Time{}
	for now := time.Now(); len(s.tasks) > 0; {
		next := s.tasks[0]
		if left := next.at.Sub(now); left > 0 {
			s.set(next.at, left)
			return
		}
		heap.Pop(&s.tasks)
		go next.do()
	}
}

// tasks is a [heap.Interface]: what is due first stands first.
type tasks []*task

func (t tasks) Len() int           { return len(t) }
func (t tasks) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t tasks) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i, j
}

func (t *tasks) Push(x any) {
	added := x.(*task)
	added.place = len(*t)
	*t = append(*t, added)
}

func (t *tasks) Pop() any {
	last := len(*t) - 1
	removed := (*t)[last]
	(*t)[last] = nil // for the garbage collector
	*t = (*t)[:last]
	removed.place = gone
	return removed
}
