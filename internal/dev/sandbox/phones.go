package sandbox

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofrs/flock"
)

// record is a stored phone. Everything but Counter stays as it was enrolled.
type record struct {
	OpenID     string `json:"openid"`
	AppID      string `json:"appid,omitzero"` // the user's app; "" is the first one
	Device     Device `json:"device"`
	CPUID      string `json:"cpu_id,omitzero"`
	UID        string `json:"uid,omitzero"`
	FID        string `json:"fid,omitzero"`
	AuthKey    string `json:"auth_key"`    // PEM, SubjectPublicKeyInfo
	PrivateKey string `json:"private_key"` // PEM, PKCS #8
	Counter    uint64 `json:"counter"`     // of the newest signature
}

// phones stores the phones. Implementations are safe for concurrent use.
type phones interface {
	// of returns the phones of a user, none for an unknown one.
	of(openid string) ([]record, error)

	// enrol stores r, unless the user has a phone of that make already, and returns the
	// stored one.
	enrol(r record) (record, error)

	// count increments the counter and returns it; no two calls for the same phone return
	// the same.
	count(openid string, device Device) (uint64, error)
}

func openPhones(dir string) (phones, error) {
	if dir == "" {
		return &memoryPhones{records: make(map[string][]record)}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("sandbox: folder of phones: %w", err)
	}
	return folderPhones{dir: dir}, nil
}

type memoryPhones struct {
	mu      sync.Mutex
	records map[string][]record // guarded by mu; by openid
}

func (m *memoryPhones) of(openid string) ([]record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.records[openid]), nil
}

func (m *memoryPhones) enrol(r record) (record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, kept := range m.records[r.OpenID] {
		if kept.Device == r.Device {
			return kept, nil
		}
	}
	m.records[r.OpenID] = append(m.records[r.OpenID], r)
	return r, nil
}

func (m *memoryPhones) count(openid string, device Device) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.records[openid] {
		if kept := &m.records[openid][i]; kept.Device == device {
			kept.Counter++
			return kept.Counter, nil
		}
	}
	return 0, fmt.Errorf("sandbox: %q has no %s phone", openid, device)
}

// folderPhones shares the phones between processes:
//
//	<dir>/<openid in lower-case base32>/<device>.json   one phone, with its private key
//	<dir>/<openid in lower-case base32>/lock            held while a phone is written
//
// With base32, openids that differ in case only have different names on any file system,
// and none leaves the folder. Files are replaced by renaming, so readers need no lock.
type folderPhones struct {
	dir string
}

// lockWait is far above the millisecond for which the lock is held.
const lockWait = 10 * time.Second

var fileNames = base32.StdEncoding.WithPadding(base32.NoPadding)

func (f folderPhones) folder(openid string) string {
	return filepath.Join(f.dir, strings.ToLower(fileNames.EncodeToString([]byte(openid))))
}

func (f folderPhones) file(openid string, device Device) string {
	return filepath.Join(f.folder(openid), string(device)+".json")
}

func (f folderPhones) of(openid string) ([]record, error) {
	var records []record
	for _, m := range models {
		r, err := f.read(openid, m.Device)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

func (f folderPhones) enrol(r record) (record, error) {
	if err := os.MkdirAll(f.folder(r.OpenID), 0o700); err != nil {
		return record{}, fmt.Errorf("sandbox: folder of phones: %w", err)
	}
	kept := r
	err := f.locked(r.OpenID, func() error {
		found, err := f.read(r.OpenID, r.Device)
		if errors.Is(err, fs.ErrNotExist) {
			return f.write(r)
		}
		kept = found
		return err
	})
	if err != nil {
		return record{}, err
	}
	return kept, nil
}

func (f folderPhones) count(openid string, device Device) (uint64, error) {
	var counter uint64
	err := f.locked(openid, func() error {
		r, err := f.read(openid, device)
		if err != nil {
			return err
		}
		r.Counter++
		counter = r.Counter
		return f.write(r)
	})
	if err != nil {
		return 0, err
	}
	return counter, nil
}

func (f folderPhones) read(openid string, device Device) (record, error) {
	name := f.file(openid, device)
	text, err := os.ReadFile(name)
	if err != nil {
		return record{}, fmt.Errorf("sandbox: reading a phone: %w", err)
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return record{}, fmt.Errorf("sandbox: reading a phone: %s: %w", name, err)
	}
	if r.OpenID != openid || r.Device != device {
		return record{}, fmt.Errorf("sandbox: reading a phone: %s belongs to %q, a %s phone", name, r.OpenID, r.Device)
	}
	return r, nil
}

func (f folderPhones) write(r record) error {
	text, err := json.Marshal(r, jsontext.WithIndent("  "))
	if err != nil {
		return fmt.Errorf("sandbox: writing a phone: %w", err)
	}
	// CreateTemp makes it 0600.
	file, err := os.CreateTemp(f.folder(r.OpenID), "new-*")
	if err != nil {
		return fmt.Errorf("sandbox: writing a phone: %w", err)
	}
	defer os.Remove(file.Name()) // finds nothing after the rename
	_, err = file.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("sandbox: writing a phone: %w", err)
	}
	if err := os.Rename(file.Name(), f.file(r.OpenID, r.Device)); err != nil {
		return fmt.Errorf("sandbox: writing a phone: %w", err)
	}
	return nil
}

// locked runs do under a lock for the user, in this process and all others. A process that
// dies releases its lock.
func (f folderPhones) locked(openid string, do func() error) error {
	lock := flock.New(filepath.Join(f.folder(openid), "lock"), flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, time.Millisecond); err != nil {
		return fmt.Errorf("sandbox: locking a phone: %s: %w", lock.Path(), err)
	}
	defer lock.Close() // which unlocks it
	return do()
}
