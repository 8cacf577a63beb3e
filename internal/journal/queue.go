package journal

import (
	"io"
	"sync"
	"time"
)

// maxQueued bounds the bytes of the lines that wait in a [Queue]: about a thousand
// lines of invocations.
const maxQueued = 1 << 20

// Queue is an [io.Writer] of lines in front of one that may block or fail, as stderr
// does when the reader of the log stops reading or goes away. Write never waits: lines
// for which there is no room are dropped and counted, as are those that cannot be
// written. It may be used concurrently. Make it with [NewQueue].
type Queue struct {
	mu      sync.Mutex
	lines   [][]byte      // guarded by mu; those that wait
	size    int           // guarded by mu; their bytes, with the line that is being written
	idle    chan struct{} // guarded by mu; closed when nothing waits, nil while that is so
	stuck   bool          // guarded by mu; a Flush has given up, and no line was written since
	dropped int           // guarded by mu

	more chan struct{} // holds one if lines may have come
	w    io.Writer
}

// NewQueue returns a Queue in front of w. Its goroutine runs until the process ends.
func NewQueue(w io.Writer) *Queue {
	q := &Queue{w: w, more: make(chan struct{}, 1)}
	go q.run()
	return q
}

// Write implements [io.Writer] for one line or several whole ones. It returns no error.
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

// Dropped returns how many lines were lost since the process started. A nil Queue
// has lost none.
func (q *Queue) Dropped() int {
	if q == nil {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Flush waits until all lines are written, for at most limit. Once that was in vain it does not wait again before a line was written. A nil Queue has
// nothing to write.
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

// next takes the oldest line; nil if there is none.
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

// written notes that a line of this size is through, or lost.
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
