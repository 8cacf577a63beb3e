package challenge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"sotercall/internal/openapi"
)

// MaxFailures bounds the wrong signatures for one challenge. They consume nothing. Without
// a limit one user could have wrong signatures verified for as long as a challenge lives,
// and spend the app's quota.
//
// Concurrent requests may exceed the limit: each was admitted before the others failed.
const MaxFailures = 5

// ErrTooManyFailures is the reason of a refusal without calling WeChat.
var ErrTooManyFailures = fmt.Errorf("%d wrong signatures were presented for this challenge: have a new challenge signed", MaxFailures)

// Failure is one presentation of a challenge under a wrong signature.
type Failure struct {
	// Challenge is the ID of the Ticket.
	Challenge string
	// Keep is how long the failures of the challenge are remembered, at least a
	// millisecond; after that, Check refuses it everywhere.
	Keep time.Duration
	// Nonce identifies this presentation. A Failure that is added again, before another one
	// of the same challenge, counts once.
	Nonce string
}

// Check returns an error if a Failure lacks something. Every Ledger calls it first.
func (f Failure) Check() error {
	if f.Challenge == "" || f.Nonce == "" || f.Keep < time.Millisecond {
		return errors.New("challenge: a Failure without challenge, nonce or time")
	}
	return nil
}

// maxFailed bounds each of the two generations of failures in memory.
const maxFailed = 1 << 16

// failures counts the failures of at least the last 65,536 challenges. The zero value is
// ready. The challenges with the oldest failures are forgotten first.
type failures struct {
	mu         sync.Mutex
	young, old map[string]failed // guarded by mu; see Memory
}

type failed struct {
	count int
	nonce string // of the last Failure
}

// add counts a Failure, and returns how many there are.
func (f *failures) add(one Failure) int {
	return f.change(one.Challenge, func(known failed) failed {
		if known.nonce == one.Nonce {
			return known
		}
		return failed{known.count + 1, one.Nonce}
	})
}

// learn takes over the count of another instance.
func (f *failures) learn(id string, count int) {
	f.change(id, func(known failed) failed {
		known.count = max(known.count, count)
		return known
	})
}

func (f *failures) change(id string, to func(failed) failed) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	known, isYoung := f.young[id]
	if !isYoung {
		known = f.old[id]
		if len(f.young) == maxFailed {
			f.young, f.old = nil, f.young
		}
		if f.young == nil {
			f.young = map[string]failed{}
		}
	}
	known = to(known)
	f.young[id] = known
	return known.count
}

// count returns how many Failures of a challenge were added.
func (f *failures) count(id string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known, isYoung := f.young[id]; isYoung {
		return known.count
	}
	return f.old[id].count
}

// isSpent reports whether a challenge has failed too often. If the Ledger does not reply in
// time, this instance's count decides. The challenge may then be verified once too often,
// and is still consumed once.
func (v *Verifier) isSpent(ctx context.Context, t Ticket) bool {
	if v.failed.count(t.ID) >= MaxFailures {
		return true
	}
	var count int
	err := v.withinPause(ctx, func(ctx context.Context) (err error) {
		count, err = v.Ledger.Failures(ctx, t.ID)
		return err
	})
	if err != nil || count < MaxFailures {
		return false
	}
	v.failed.learn(t.ID, count)
	return true
}

// fail counts a wrong signature, and returns the verdict. It counts even if the caller has
// hung up.
func (v *Verifier) fail(ctx context.Context, t Ticket, verdict openapi.Verdict) openapi.Verdict {
	f := Failure{Challenge: t.ID, Keep: max(t.Expires.Sub(v.Issuer.now()), 0) + skew, Nonce: rand.Text()}
	v.failed.add(f)
	var count int
	err := v.withinPause(context.WithoutCancel(ctx), func(ctx context.Context) (err error) {
		count, err = v.Ledger.Fail(ctx, f)
		return err
	})
	if err != nil {
		return openapi.Wrong(fmt.Sprintf("%.200s", verdict.Reason()+"; it could not be counted: "+err.Error()))
	}
	v.failed.learn(t.ID, count)
	return verdict
}

// withinPause runs an attempt that no verdict depends on, as Verifier.raise does.
func (v *Verifier) withinPause(ctx context.Context, attempt func(context.Context) error) error {
	if err := v.failing.begin(v.now()); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	err := attempt(bounded)
	if err == nil || ctx.Err() != context.Canceled {
		v.failing.end(v.now(), err)
	}
	return err
}

// Fail implements [Ledger]. The error is that of an incomplete Failure.
func (m *Memory) Fail(_ context.Context, f Failure) (int, error) {
	if err := f.Check(); err != nil {
		return 0, err
	}
	return m.failures.add(f), nil
}

// Failures implements [Ledger]. It never fails.
func (m *Memory) Failures(_ context.Context, id string) (int, error) {
	return m.failures.count(id), nil
}
