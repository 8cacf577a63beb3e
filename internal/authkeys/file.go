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
	// believed is for how long an AuthKey counts without checking the file. A check takes a
	// microsecond or two, a twentieth of a verification.
	believed = time.Second
	// settling is the minimum age of a file that its times and size identify. File systems
	// keep times in steps of some milliseconds, and a file may be replaced twice in one
	// step.
	settling = 100 * time.Millisecond
)

// File is a [Finder] of a JSON file (AUTHKEYS_FILE). It is for one machine, for tests, and
// for a deployment that includes its AuthKeys. It is read on first use, and again when it
// has changed. An added entry counts at once; a replaced or deleted one may count for one
// second more.
//
//	{"authKeys": [
//	  {"openid": "oUser", "cpu_id": "0900…", "uid": "10115",
//	   "pub_key": "-----BEGIN PUBLIC KEY-----\nMIIB…\n-----END PUBLIC KEY-----\n",
//	   "counter": 240, "rsa_pss_saltlen": 20}
//	]}
//
// Each user, device and app has one entry. rsa_pss_saltlen may be absent, which means 20;
// other names are errors. pub_key may have any form that
// [sotercall/internal/soter.ParsePublicKey] reads. The limit is 16 MiB, some 25,000
// AuthKeys.
//
// Nothing here writes the file: on Lambda and SCF it is a part of the deployment and cannot
// be written. AuthKeys are enrolled into a [Store]. Elsewhere, replace the file by renaming
// a new one, so that no reader sees half of it.
//
// A missing file is an error and not an empty list: its name may be wrong.
type File struct {
	path   string
	now    func() time.Time
	report func(problem error) // see OnProblem; nil: none

	loaded atomic.Pointer[snapshot] // written by the look under way; nil before the first read

	mu      sync.Mutex
	look    *look     // guarded by mu; the one under way, nil if none
	began   time.Time // guarded by mu; when the last look began
	problem string    // guarded by mu; the error of that look; "" for none
}

// look is one look at the file, and its result for all callers that wait. It may outlast a
// call: a hanging file system blocks one goroutine, not one for each call.
type look struct {
	done    chan struct{} // closed when content and err are set
	content *snapshot
	err     error
}

// snapshot is the content of a file. Only looked ever changes.
type snapshot struct {
	keys   map[ID]AuthKey
	info   os.FileInfo  // nil if it cannot identify this file
	looked atomic.Int64 // Unix nanoseconds; when this was last seen to be the file's content
}

var _ Finder = (*File)(nil)

// NewFile returns a File of a path.
func NewFile(path string) *File { return &File{path: path, now: time.Now} }

// Find implements [Finder]. The errors: the file cannot be read, or is not in the format of
// a File, or ctx has ended.
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
		// An added key counts at once: a look that began before this call may have missed
		// it.
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

// begin begins a look. The caller holds f.mu.
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

// remembered returns an AuthKey that was in the file at the last look, if that is recent.
func (f *File) remembered(id ID) (key AuthKey, ok bool) {
	s := f.loaded.Load()
	if s == nil || time.Duration(f.now().UnixNano()-s.looked.Load()).Abs() >= believed {
		return AuthKey{}, false
	}
	key, ok = s.keys[id]
	return key, ok
}

// current returns the present content of the file. There is one call at a time.
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
