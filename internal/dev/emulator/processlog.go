package emulator

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"sync"
	"time"
)

const (
	logTailSize = 4 << 10  // the size of X-Amz-Log-Result
	maxLogLine  = 64 << 10 // longer lines are cut into pieces of this size
)

// processLog copies a process's output to Function.Log, line by line, and keeps its end.
//
// A process may have responded while its last lines are still in the pipe. sync closes that
// gap. It writes a mark into the same pipe, and reads until the mark comes out, behind
// everything that the process printed before.
type processLog struct {
	out  io.Writer
	mark []byte

	markMu sync.Mutex // keeps the order of marks in the pipe and in pending the same
	pipe   io.Writer

	mu      sync.Mutex
	pending []chan struct{} // one for each mark in the pipe, oldest first
	recent  []byte          // the last logTailSize bytes
	total   int64           // bytes logged so far
}

func newProcessLog(out, pipe io.Writer) *processLog {
	return &processLog{out: out, pipe: pipe, mark: []byte("\x00" + rand.Text() + "\n")}
}

// copy reads the pipe to its end.
func (l *processLog) copy(pipe io.Reader) {
	defer l.passAllMarks()
	var line []byte
	for r := bufio.NewReaderSize(pipe, maxLogLine); ; {
		chunk, err := r.ReadSlice('\n')
		line = append(line, chunk...)
		if before, ok := bytes.CutSuffix(line, l.mark); ok {
			line = before // the beginning of an unfinished line
			l.passMark()
			continue
		}
		if err != nil && len(line) > 0 {
			line = append(line, '\n')
		}
		if len(line) > 0 {
			l.emit(line)
			line = line[:0]
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (l *processLog) emit(line []byte) {
	_, _ = l.out.Write(line) // a function goes on if its log cannot be written
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total += int64(len(line))
	l.recent = append(l.recent, line...)
	if excess := len(l.recent) - logTailSize; excess > 0 {
		l.recent = slices.Delete(l.recent, 0, excess)
	}
}

// sync returns when everything that the process has printed so far has been logged.
func (l *processLog) sync() {
	passed := make(chan struct{})
	l.markMu.Lock()
	l.mu.Lock()
	l.pending = append(l.pending, passed)
	l.mu.Unlock()
	_, err := l.pipe.Write(l.mark)
	l.markMu.Unlock()
	if err != nil {
		return // the process is gone; exited is closed after its log is read
	}
	select {
	case <-passed:
	// Function.Log is slower than that: do without the last lines
	case <-time.After(time.Second):
		l.mu.Lock()
		l.pending = slices.DeleteFunc(l.pending, func(c chan struct{}) bool { return c == passed })
		l.mu.Unlock()
	}
}

func (l *processLog) passMark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) == 0 {
		return // its sync has timed out
	}
	close(l.pending[0])
	l.pending = l.pending[1:]
}

func (l *processLog) passAllMarks() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, passed := range l.pending {
		close(passed)
	}
	l.pending = nil
}

// position returns the current position in the log, for since.
func (l *processLog) position() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// since returns what was logged after the position, at most the last logTailSize bytes of it.
func (l *processLog) since(position int64) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(l.total-position, int64(len(l.recent)))
	return bytes.Clone(l.recent[int64(len(l.recent))-n:])
}
