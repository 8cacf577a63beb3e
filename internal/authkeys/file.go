package authkeys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// believed is for how long an AuthKey counts without another look at the
	// file. A look takes a microsecond or two, a twentieth of a verification.
	believed = time.Second
	// lockWait bounds the wait for others who enrol; each of them takes
	// milliseconds.
	lockWait = 2 * time.Second
	// settling is how old a file must be for its times and size to tell it from
	// the next one: file systems keep times in steps of some milliseconds, and a
	// file may be replaced twice in one step.
	settling = 100 * time.Millisecond
)

// File is a [Store] in a JSON file (AUTHKEYS_FILE), for one machine, for tests,
// and for a deployment that carries its AuthKeys with it. It is read when it is
// first needed, and again when it has changed. What another process adds counts
// at once; what another process replaces or deletes may count for one second
// more. Every enrolment writes all of the file, which suits some thousand users.
//
//	{"authKeys": [
//	  {"openid": "oUser", "cpu_id": "0900…", "uid": "10115",
//	   "pub_key": "-----BEGIN PUBLIC KEY-----\nMIIB…\n-----END PUBLIC KEY-----\n",
//	   "counter": 240, "rsa_pss_saltlen": 20}
//	]}
//
// Each user, device and app stands there once. rsa_pss_saltlen may be absent,
// which means 20; no other name may be added. pub_key may have any of the forms
// of [sotercall/internal/soter.ParsePublicKey]. To forget an AuthKey, delete its
// entry. At most 16 MiB are read.
//
// A new file takes the place of the old one in one step, readable by its owner
// only. Processes that enrol at the same time take turns by a lock on the file
// beside it, with .lock behind its name, on the systems that have flock
// (elsewhere only one process may enrol). On Lambda and SCF the file is a part of
// the deployment and cannot be written: [File.Put] answers ErrReadOnly. Elsewhere
// on their disks it would be lost with the instance.
//
// A file that is missing is an error and not an empty store: its name may be
// wrong. Put makes it.
type File struct {
	path string
	turn chan struct{} // holds one value while somebody of this process enrols
	now  func() time.Time

	mu     sync.Mutex               // held while the file is read for Find
	loaded atomic.Pointer[snapshot] // written with mu held; nil if the file is to be read
}

// snapshot is what a file held. Only looked ever changes.
type snapshot struct {
	keys   map[ID]AuthKey
	info   os.FileInfo  // nil if it cannot tell this file from the next
	looked atomic.Int64 // when this was last seen to be what the file holds, in Unix nanoseconds
}

var _ Store = (*File)(nil)

// NewFile makes a File of a path.
func NewFile(path string) *File {
	return &File{path: path, turn: make(chan struct{}, 1), now: time.Now}
}

// Find implements [Store]. The errors tell that the file cannot be read, or that
// it is not what a File should be.
func (f *File) Find(_ context.Context, id ID) (AuthKey, error) {
	if key, ok := f.remembered(id); ok {
		return key, nil
	}
	s, err := f.current()
	if err != nil {
		return AuthKey{}, fmt.Errorf("reading the file of the AuthKeys: %w", err)
	}
	key, ok := s.keys[id]
	if !ok {
		return AuthKey{}, ErrNotEnrolled
	}
	return key, nil
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

// current answers the content of the file as it is now.
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
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.loaded.Load(); s.holds(info) {
		return s, nil // others have waited for the same file
	}
	s, err := f.read()
	if err != nil {
		return nil, err
	}
	s.looked.Store(now.UnixNano())
	f.loaded.Store(s)
	return s, nil
}

// forget makes the next Find read the file. A read that began before has ended,
// and what it found is forgotten too.
func (f *File) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loaded.Store(nil)
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

// Put implements [Store]. The errors are those of Find, and those of writing:
// ErrReadOnly where files cannot be written.
func (f *File) Put(ctx context.Context, key AuthKey) error {
	if err := key.complete(); err != nil {
		return fmt.Errorf("the AuthKey %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return fmt.Errorf("waiting to write the file of the AuthKeys: %w", ctx.Err())
	}
	unlock, err := lock(ctx, f.path+".lock")
	if err != nil {
		return writeError(err)
	}
	defer unlock()
	return f.add(key)
}

// add is done by one at a time.
func (f *File) add(key AuthKey) error {
	// What Find remembers does not count here: it may be older than the lock.
	s, err := f.read()
	if errors.Is(err, fs.ErrNotExist) {
		s, err = &snapshot{keys: map[ID]AuthKey{}}, nil
	}
	if err != nil {
		return fmt.Errorf("reading the file of the AuthKeys: %w", err)
	}
	if highest := highestCounter(s.keys, key.OpenID, key.CPUID); key.Counter <= highest {
		return &NotNewerError{Counter: key.Counter, Enrolled: highest}
	}
	s.keys[key.ID] = key
	content, err := formatFile(s.keys)
	if err != nil {
		return err
	}
	if err := replace(f.path, content); err != nil {
		return writeError(err)
	}
	f.forget()
	return nil
}

// highestCounter is 0 for a device without an AuthKey of the user.
func highestCounter(keys map[ID]AuthKey, openid, cpuID string) (highest uint64) {
	for id, key := range keys {
		if id.OpenID == openid && id.CPUID == cpuID {
			highest = max(highest, key.Counter)
		}
	}
	return highest
}

// replace puts a file with the content in the place of path, or changes nothing.
func replace(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync() // else a crash might leave the new name and nothing behind it
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
	}
	return err
}

func writeError(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return fmt.Errorf("writing the file of the AuthKeys: %w", err)
}
