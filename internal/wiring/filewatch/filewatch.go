// Package filewatch notices that a file has changed since a process has read it. It is for
// files that are read once, at the start.
//
// A [Watch] runs no schedule, because a function is frozen between calls. [Watch.State]
// returns the result of the last look at once, and begins the next one when that is due. A
// look compares the file's identity, size and time, and reads the file only if these have
// changed. It follows symbolic links. So a volume of Kubernetes, which swaps a link above
// the file, is read anew. A file system that hangs holds one goroutine.
package filewatch

import (
	"crypto/sha256"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// every is the minimum time between two looks at a file.
	every = 2 * time.Second
	// settling is the minimum age of a file that is judged. A younger one may be half
	// written, and its times and size may not identify it.
	settling = time.Second
	// most bounds the bytes that a look reads. A longer file differs from any that was
	// loaded.
	most = 16 << 20
)

// Content is what [Read] has read. The zero Content belongs to no file, and never differs.
type Content struct {
	path string
	// nil if the file is not a regular one, such as a pipe: it cannot be read again
	info os.FileInfo
	sum  [sha256.Size]byte
}

// Path returns the name that the file was read by; empty for the zero Content.
func (c Content) Path() string { return c.path }

// Read reads a file like [os.ReadFile], and returns its Content as well.
func Read(path string) ([]byte, Content, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, Content{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, Content{}, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, Content{}, err
	}
	c := Content{path: path, sum: sha256.Sum256(text)}
	if info.Mode().IsRegular() {
		c.info = info
	}
	return text, c, nil
}

// State is the result of comparing a file with what was read from it.
type State int

const (
	Same    State = iota // or not known yet
	Changed              // it holds something else
	Missing              // it is gone, or cannot be read, or is no longer a regular file
)

// Watch compares a file with its [Content]. It is safe for concurrent use. Use [New] to
// make one.
type Watch struct {
	loaded Content
	now    func() time.Time
	report func(State)
	stat   func(path string) (os.FileInfo, error)

	mu      sync.Mutex
	looking bool      // guarded by mu, as all that follows
	looked  time.Time // when the last look began
	found   finding   // the result of the last look
}

// finding is the result of a look.
type finding struct {
	state State
	info  os.FileInfo // of the file; nil if the file must be read
	sum   [sha256.Size]byte
}

// New returns a Watch of the file that loaded was read from. now is the wall clock. report
// is called once for each change, from the goroutine of a look.
func New(loaded Content, now func() time.Time, report func(State)) *Watch {
	w := &Watch{loaded: loaded, now: now, report: report, stat: os.Stat, looked: now(), found: finding{sum: loaded.sum}}
	if loaded.info != nil && isSettled(loaded.info, now()) {
		w.found.info = loaded.info
	}
	return w
}

// State returns the result of the last look, and begins the next if that is due. It does
// not wait. A nil Watch finds no difference.
func (w *Watch) State() State {
	if w == nil || w.loaded.info == nil {
		return Same
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	// Abs: a clock that was set back must not end the looks.
	if now := w.now(); !w.looking && now.Sub(w.looked).Abs() >= every {
		w.looking, w.looked = true, now
		go w.look(now, w.found)
	}
	return w.found.state
}

// look looks at the file. There is one look at a time.
func (w *Watch) look(now time.Time, before finding) {
	found := w.find(now, before)
	if found.state != before.state || found.sum != before.sum {
		w.report(found.state)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looking, w.found = false, found
}

// find returns the present finding, or before if the file is too young to judge.
func (w *Watch) find(now time.Time, before finding) finding {
	info, err := w.stat(w.loaded.path)
	switch {
	case err != nil, !info.Mode().IsRegular():
		return finding{state: Missing}
	case before.info != nil && isSame(before.info, info), !isSettled(info, now):
		return before
	}
	file, err := os.Open(w.loaded.path)
	if err != nil {
		return finding{state: Missing}
	}
	defer file.Close()
	hash := sha256.New()
	if info, err = file.Stat(); err == nil {
		_, err = io.Copy(hash, io.LimitReader(file, most+1))
	}
	if err != nil {
		return finding{state: Missing}
	}
	found := finding{state: Changed, info: info, sum: [sha256.Size]byte(hash.Sum(nil))}
	if found.sum == w.loaded.sum {
		found.state = Same
	}
	if !isSettled(info, now) { // it was replaced meanwhile
		found.info = nil
	}
	return found
}

func isSame(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// isSettled reports whether the time of a file identifies it.
func isSettled(info os.FileInfo, now time.Time) bool {
	return now.Sub(info.ModTime()).Abs() >= settling
}
