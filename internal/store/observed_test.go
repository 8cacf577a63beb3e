package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/accesstoken"
	"sotercall/internal/authkeys"
	"sotercall/internal/challenge"
	"sotercall/internal/store"
)

// failing fails every operation with err.
type failing struct{ err error }

func (f failing) Load(context.Context) (accesstoken.State, error) { return accesstoken.State{}, f.err }
func (f failing) Acquire(context.Context, time.Duration, bool) (accesstoken.State, accesstoken.Lease, error) {
	return accesstoken.State{}, accesstoken.Lease{}, f.err
}
func (f failing) Save(context.Context, accesstoken.Lease, accesstoken.State) error { return f.err }
func (f failing) Release(context.Context, accesstoken.Lease) error                 { return f.err }
func (f failing) Consume(context.Context, challenge.Use) (bool, error)             { return false, f.err }
func (f failing) Raise(context.Context, challenge.Reading) (uint64, error)         { return 0, f.err }
func (f failing) Fail(context.Context, challenge.Failure) (int, error)             { return 0, f.err }
func (f failing) Failures(context.Context, string) (int, error)                    { return 0, f.err }
func (f failing) Find(context.Context, authkeys.ID) (key authkeys.AuthKey, err error) {
	return key, f.err
}
func (f failing) Put(context.Context, authkeys.AuthKey) error { return f.err }

func TestFailuresOfAStoreAreTold(t *testing.T) {
	operations := map[string]func(ctx context.Context, s *store.Store) error{
		"token load": func(ctx context.Context, s *store.Store) error { _, err := s.Tokens("wx1").Load(ctx); return err },
		"token acquire": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.Tokens("wx1").Acquire(ctx, 1, true)
			return err
		},
		"token save": func(ctx context.Context, s *store.Store) error {
			return s.Tokens("wx1").Save(ctx, accesstoken.Lease{}, accesstoken.State{})
		},
		"token release": func(ctx context.Context, s *store.Store) error {
			return s.Tokens("wx1").Release(ctx, accesstoken.Lease{})
		},
		"challenge consume": func(ctx context.Context, s *store.Store) error {
			_, err := s.Ledger.Consume(ctx, challenge.Use{})
			return err
		},
		"counter raise": func(ctx context.Context, s *store.Store) error {
			_, err := s.Ledger.Raise(ctx, challenge.Reading{})
			return err
		},
		"failures fail": func(ctx context.Context, s *store.Store) error {
			_, err := s.Ledger.Fail(ctx, challenge.Failure{})
			return err
		},
		"failures failures": func(ctx context.Context, s *store.Store) error { _, err := s.Ledger.Failures(ctx, "c"); return err },
		"authkeys find": func(ctx context.Context, s *store.Store) error {
			_, err := s.AuthKeys.Find(ctx, authkeys.ID{})
			return err
		},
		"authkeys put": func(ctx context.Context, s *store.Store) error { return s.AuthKeys.Put(ctx, authkeys.AuthKey{}) },
	}
	down := errors.New("the server is away")
	for name, do := range operations {
		var item, operation string
		_, err := fmt.Sscan(name, &item, &operation)
		assert.NoError(t, err)
		assert.Contains(t, store.Items, item)
		for cause, want := range map[error][]string{
			nil: nil, down: {item}, context.DeadlineExceeded: {item}, context.Canceled: nil,
		} {
			told, err := ended(t, cause, do)
			assert.Equal(t, cause, err, "%s: the error is the store's", name)
			assert.Equal(t, want, told, "%s with %v", name, cause)
		}
	}
	for cause, name := range map[error]string{
		accesstoken.ErrLeased: "token acquire", accesstoken.ErrFresh: "token acquire", accesstoken.ErrOutrun: "token save",
		authkeys.ErrNotEnrolled: "authkeys find", authkeys.ErrTooManyDevices: "authkeys put", &authkeys.NotNewerError{}: "authkeys put",
	} {
		told, err := ended(t, cause, operations[name])
		assert.Equal(t, cause, err)
		assert.Empty(t, told, "%s: %v is an answer", name, cause)
	}
	var none *store.Store
	assert.Nil(t, none.Observed(func(string) {}))
}

// ended runs an operation of a store that fails with cause, and returns what was told.
func ended(t *testing.T, cause error, do func(ctx context.Context, s *store.Store) error) (told []string, err error) {
	t.Helper()
	f := failing{cause}
	s := &store.Store{Tokens: func(string) accesstoken.Store { return f }, Ledger: f, AuthKeys: f}
	err = do(t.Context(), s.Observed(func(item string) { told = append(told, item) }))
	return told, err
}
