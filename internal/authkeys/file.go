package authkeys

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// believed is for how long an AuthKey counts without another look at the
	// file. A look takes a microsecond or two, a twentieth of a verification.
	believed = time.Second
	// settling is how old a file must be for its times and size to tell it from
	// the next one: file systems keep times in steps of some milliseconds, and a
	// file may be replaced twice in one step.
	settling = 100 * time.Millisecond
)

// File is a [Finder] of a JSON file (AUTHKEYS_FILE), for one machine, for tests,
// and for a deployment that carries its AuthKeys with it. It is read when it is
// first needed, and again when it has changed. What is added counts at once; what
// is replaced or deleted may count for one second more.
//
//	{"authKeys": [
//	  {"openid": "oUser", "cpu_id": "0900…", "uid": "10115",
//	   "pub_key": "-----BEGIN PUBLIC KEY-----\nMIIB…\n-----END PUBLIC KEY-----\n",
//	   "counter": 240, "rsa_pss_saltlen": 20}
//	]}
//
// Each user, device and app has one entry. rsa_pss_saltlen may be absent, which
// means 20; no other name may be added. pub_key may have any of the forms of
// [sotercall/internal/soter.ParsePublicKey]. At most 16 MiB are read, some 25,000
// AuthKeys.
//
// Nothing here writes the file: on Lambda and SCF it is a part of the deployment
// and cannot be written. AuthKeys are enrolled into a [Store]. Whoever writes it
// elsewhere puts a new file in the place of the old one (rename), so that no reader
// meets half of it.
//
// A file that is missing is an error and not an empty list: its name may be wrong.
type File struct {
	path   string
	now    func() time.Time
	report func(problem error) // see OnProblem; nil: nobody wants to hear

	loaded atomic.Pointer[snapshot] // written by the look under way; nil before the first read

	mu      sync.Mutex
	look    *look     // guarded by mu; the one under way, nil if none
	began   time.Time // guarded by mu; when the last look began
	problem string    // guarded by mu; why that look failed, "" if it did not
}

// look is one look at the file, and what all who wait for it get. It may outlast a
// call: a file system that hangs holds one goroutine, not one for each call.
type look struct {
	done    chan struct{} // closed when content and err are set
	content *snapshot
	err     error
}

// snapshot is what a file held. Only looked ever changes.
type snapshot struct {
	keys   map[ID]AuthKey
	info   os.FileInfo  // nil if it cannot tell this file from the next
	looked atomic.Int64 // when this was last seen to be what the file holds, in Unix nanoseconds
}

var _ Finder = (*File)(nil)

// NewFile makes a File of a path.
func NewFile(path string) *File { return &File{path: path, now: time.Now} }

// Find implements [Finder]. The errors tell that the file cannot be read, that it is
// not what a File should be, or that the time of ctx is over.
func (f *File) Find(ctx context.Context, id ID) (AuthKey, error) {
	if key, ok := f.remembered(id); ok {
		return key, nil
	}
	for {
		look, ours := f.join()
		select {
		case <-look.done:
		case <-ctx.Done():
			return AuthKey{}, fmt.Errorf("reading the file of the AuthKeys: %w", context.Cause(ctx))
		}
		if look.err != nil {
			return AuthKey{}, fmt.Errorf("reading the file of the AuthKeys: %w", look.err)
		}
		key, ok := look.content.keys[id]
		switch {
		case ok:
			return key, nil
		case ours:
			return AuthKey{}, ErrNotEnrolled
		}
		// What is added counts at once: a look begun before this call may have missed it.
	}
}

// join returns the look under way, or begins one, which is ours.
func (f *File) join() (_ *look, ours bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.look != nil {
		return f.look, false
	}
	return f.begin(), true
}

// begin begins a look. f.mu is held.
func (f *File) begin() *look {
	l := &look{done: make(chan struct{})}
	f.look, f.began = l, f.now()
	go func() {
		l.content, l.err = f.current()
		f.judge(l.err)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.look = nil
		close(l.done)
	}()
	return l
}

// remembered answers an AuthKey that the file held a moment ago.
func (f *File) remembered(id ID) (key AuthKey, ok bool) {
	s := f.loaded.Load()
	if s == nil || time.Duration(f.now().UnixNano()-s.looked.Load()).Abs() >= believed {
		return AuthKey{}, false
	}
	key, ok = s.keys[id]
	return key, ok
}

// current answers the content of the file as it is now. There is one call at a time.
func (f *File) current() (*snapshot, error) {
	now := f.now()
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, err
	}
	if s := f.loaded.Load(); s.holds(info) {
		s.looked.Store(now.UnixNano())
		return s, nil
	}
	s, err := f.read()
	if err != nil {
		return nil, err
	}
	s.looked.Store(now.UnixNano())
	f.loaded.Store(s)
	return s, nil
}

func (s *snapshot) holds(info os.FileInfo) bool {
	return s != nil && s.info != nil && os.SameFile(s.info, info) &&
		s.info.Size() == info.Size() && s.info.ModTime().Equal(info.ModTime())
}

func (f *File) read() (*snapshot, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, err
	}
	keys, err := parseFile(content)
	if err != nil {
		return nil, err
	}
	if f.now().Sub(info.ModTime()).Abs() < settling {
		info = nil
	}
	return &snapshot{info: info, keys: keys}, nil
}
