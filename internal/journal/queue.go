package journal

import (
	"io"
	"sync"
	"time"
)

// maxQueued bounds the lines in a [Queue], in bytes: about a thousand lines of invocations.
const maxQueued = 1 << 20

// Queue is an [io.Writer] of lines in front of one that may block or fail. stderr does when
// the reader of the log stops reading or goes away. Write never blocks: lines without room
// are dropped and counted, as are those that cannot be written. It is safe for concurrent
// use. Use [NewQueue] to make one.
type Queue struct {
	mu      sync.Mutex
	lines   [][]byte      // guarded by mu; the waiting lines
	size    int           // guarded by mu; their bytes, with the line that is being written
	idle    chan struct{} // guarded by mu; closed when nothing waits; nil while nothing waits
	stuck   bool          // guarded by mu; a Flush has timed out, and no line was written since
	dropped int           // guarded by mu

	more chan struct{} // has an element if there may be lines
	w    io.Writer
}

// NewQueue returns a Queue in front of w. Its goroutine runs until the process ends.
func NewQueue(w io.Writer) *Queue {
	q := &Queue{w: w, more: make(chan struct{}, 1)}
	go q.run()
	return q
}

// Write implements [io.Writer] for one or several whole lines. It returns no error.
func (q *Queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.size+len(line) > maxQueued {
		q.dropped++
		return len(line), nil
	}
	q.lines = append(q.lines, append([]byte(nil), line...))
	q.size += len(line)
	if q.idle == nil {
		q.idle = make(chan struct{})
	}
	select {
	case q.more <- struct{}{}:
	default:
	}
	return len(line), nil
}

// Dropped returns how many lines were lost since the process started; 0 for a nil Queue.
func (q *Queue) Dropped() int {
	if q == nil {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Flush waits until all lines are written, for at most limit. After a timeout it does not
// wait again until a line was written. For a nil Queue it returns at once.
func (q *Queue) Flush(limit time.Duration) {
	if q == nil {
		return
	}
	q.mu.Lock()
	idle, stuck := q.idle, q.stuck
	q.mu.Unlock()
	if idle == nil || stuck {
		return
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-idle:
		return
	case <-timer.C:
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stuck = q.idle == idle
}

func (q *Queue) run() {
	for range q.more {
		for line := q.next(); line != nil; line = q.next() {
			_, err := q.w.Write(line)
			q.written(len(line), err)
		}
	}
}

// next removes and returns the oldest line; nil if there is none.
func (q *Queue) next() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines) == 0 {
		q.lines = nil
		return nil
	}
	line := q.lines[0]
	q.lines[0], q.lines = nil, q.lines[1:]
	return line
}

// written records that a line of this size was written, or lost.
func (q *Queue) written(size int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.size -= size
	q.stuck = false
	if err != nil {
		q.dropped++
	}
	if len(q.lines) == 0 && q.idle != nil {
		close(q.idle)
		q.idle = nil
	}
}
