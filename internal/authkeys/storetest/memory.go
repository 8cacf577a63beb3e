package storetest

import (
	"context"
	"fmt"
	"sync"

	"sotercall/internal/authkeys"
)

// Memory is a Store for tests of something else. The zero Memory is empty and ready.
type Memory struct {
	mu   sync.Mutex
	keys map[authkeys.ID]authkeys.AuthKey // guarded by mu
}

var _ authkeys.Store = (*Memory)(nil)

// Find implements authkeys.Finder.
func (m *Memory) Find(_ context.Context, id authkeys.ID) (authkeys.AuthKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key, ok := m.keys[id]
	if !ok {
		return authkeys.AuthKey{}, authkeys.ErrNotEnrolled
	}
	return key, nil
}

// Put implements authkeys.Store.
func (m *Memory) Put(_ context.Context, key authkeys.AuthKey) error {
	if err := key.Complete(); err != nil {
		return fmt.Errorf("the AuthKey %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys[key.ID] == key {
		return nil
	}
	var highest uint64
	for id, other := range m.keys {
		if id.OpenID == key.OpenID && id.CPUID == key.CPUID {
			highest = max(highest, other.Counter)
		}
	}
	if key.Counter <= highest {
		return &authkeys.NotNewerError{Counter: key.Counter, Enrolled: highest}
	}
	if m.keys == nil {
		m.keys = map[authkeys.ID]authkeys.AuthKey{}
	}
	m.keys[key.ID] = key
	return nil
}
