package store

import (
	"context"
	"errors"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/authkeys"
	"sotercall/internal/challenge"
)

// Items are what a Store keeps, by the names that the keys there have.
var Items = []string{"token", "challenge", "failures", "counter", "authkeys"}

// failures is told of the items whose operations fail.
type failures func(item string)

// of is told how an operation has ended. answers are the errors that are none: the store has
// done what was asked of it. A call that was given up is none either.
func (f failures) of(item string, err error, answers ...error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	for _, answer := range answers {
		if errors.Is(err, answer) {
			return
		}
	}
	f(item)
}

// Observed returns a Store that does what s does, and calls failed with the item of each
// operation that fails. It is nil if s is nil.
func (s *Store) Observed(failed func(item string)) *Store {
	if s == nil {
		return nil
	}
	with, f := *s, failures(failed)
	with.Tokens = func(appID string) accesstoken.Store { return observedTokens{s.Tokens(appID), f} }
	with.Ledger = observedLedger{s.Ledger, f}
	with.AuthKeys = observedKeys{s.AuthKeys, f}
	return &with
}

type observedTokens struct {
	accesstoken.Store
	failed failures
}

func (s observedTokens) Load(ctx context.Context) (accesstoken.State, error) {
	state, err := s.Store.Load(ctx)
	s.ended(err)
	return state, err
}

func (s observedTokens) Acquire(ctx context.Context, life time.Duration, cold bool) (accesstoken.State, accesstoken.Lease, error) {
	state, lease, err := s.Store.Acquire(ctx, life, cold)
	s.ended(err)
	return state, lease, err
}

func (s observedTokens) Save(ctx context.Context, lease accesstoken.Lease, state accesstoken.State) error {
	err := s.Store.Save(ctx, lease, state)
	s.ended(err)
	return err
}

func (s observedTokens) Release(ctx context.Context, lease accesstoken.Lease) error {
	err := s.Store.Release(ctx, lease)
	s.ended(err)
	return err
}

func (s observedTokens) ended(err error) {
	s.failed.of("token", err, accesstoken.ErrLeased, accesstoken.ErrFresh, accesstoken.ErrOutrun)
}

type observedLedger struct {
	challenge.Ledger
	failed failures
}

func (l observedLedger) Consume(ctx context.Context, u challenge.Use) (bool, error) {
	first, err := l.Ledger.Consume(ctx, u)
	l.failed.of("challenge", err)
	return first, err
}

func (l observedLedger) Raise(ctx context.Context, r challenge.Reading) (uint64, error) {
	highest, err := l.Ledger.Raise(ctx, r)
	l.failed.of("counter", err)
	return highest, err
}

func (l observedLedger) Fail(ctx context.Context, f challenge.Failure) (int, error) {
	failures, err := l.Ledger.Fail(ctx, f)
	l.failed.of("failures", err)
	return failures, err
}

func (l observedLedger) Failures(ctx context.Context, id string) (int, error) {
	failures, err := l.Ledger.Failures(ctx, id)
	l.failed.of("failures", err)
	return failures, err
}

type observedKeys struct {
	authkeys.Store
	failed failures
}

func (s observedKeys) Find(ctx context.Context, id authkeys.ID) (authkeys.AuthKey, error) {
	key, err := s.Store.Find(ctx, id)
	s.failed.of("authkeys", err, authkeys.ErrNotEnrolled)
	return key, err
}

func (s observedKeys) Put(ctx context.Context, key authkeys.AuthKey) error {
	err := s.Store.Put(ctx, key)
	if _, notNewer := errors.AsType[*authkeys.NotNewerError](err); !notNewer {
		s.failed.of("authkeys", err, authkeys.ErrTooManyDevices)
	}
	return err
}
