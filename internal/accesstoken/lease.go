package accesstoken

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"sotercall/internal/secret"
)

// lease waits until this instance may fetch, or until another one has. In the second case
// the Lease is nil and State has the token. With an error State is the best that is known.
//
// A starting instance usually finds a token there, and then writes nothing to the store.
func (c *Cache) lease(ctx context.Context, known State, stale secret.Text) (*Lease, State, error) {
	waiting := leaseWait{now: c.config.Now, answered: c.config.Now()}
	cold := known.Current.Value.IsZero() && stale.IsZero()
	for {
		o := c.askForLease(ctx, waiting.patience(), cold)
		if o.isKnown && o.state.supersedes(known, stale, c.config.Now()) {
			if o.lease != nil {
				c.storeDown(c.config.Store.Release(ctx, *o.lease))
			}
			return nil, o.state.with(known, c.config.Now()), nil
		}
		wait := retryHung
		switch {
		case o.lease != nil:
			return o.lease, o.state.with(known, c.config.Now()), nil
		case errors.Is(o.err, ErrFresh): // fresh for the store, but its token cannot be used
			cold = false
			continue
		case errors.Is(o.err, ErrLeased):
			wait = waiting.next()
		case o.isKnown:
			return nil, o.state.with(known, c.config.Now()), o.err
		case !isTimeout(o.err), waiting.patience() <= 0:
			return nil, known, o.err
		}
		if !pause(ctx, wait) {
			return nil, known, ErrLeased
		}
	}
}

// offer is a store's reply to a request for a lease.
type offer struct {
	lease   *Lease // nil for none
	state   State
	isKnown bool // state is the store's
	err     error
}

// askForLease makes one request to the store. A store that cannot be written may still be
// readable.
func (c *Cache) askForLease(ctx context.Context, limit time.Duration, cold bool) offer {
	ctx, cancel := context.WithTimeout(ctx, max(retryHung, limit))
	defer cancel()
	state, lease, err := c.config.Store.Acquire(ctx, fetchTimeout, cold)
	switch {
	case err == nil:
		return offer{lease: &lease, state: state, isKnown: true}
	case errors.Is(err, ErrLeased), errors.Is(err, ErrFresh):
		return offer{state: state, isKnown: true, err: err}
	case isTimeout(err):
		return offer{err: err}
	}
	state, loadErr := c.config.Store.Load(ctx)
	if loadErr != nil {
		return offer{err: loadErr}
	}
	return offer{state: state, isKnown: true, err: err}
}

// leaseWait bounds the wait for a lease. A silent store gets little time, because the fetch
// is possible without it. If another instance is known to be fetching, the wait lasts as
// long as a fetch may: otherwise all instances would fetch.
type leaseWait struct {
	now      func() time.Time
	answered time.Time // when the store last replied
	taken    time.Time // when a lease of another instance was first seen; zero: none was
	polls    int
}

// patience returns how much longer the store may take to reply.
func (w *leaseWait) patience() time.Duration {
	if !w.taken.IsZero() {
		return fetchTimeout - w.now().Sub(w.taken).Abs()
	}
	return hangPatience - w.now().Sub(w.answered).Abs()
}

// next returns when to ask again after another instance was seen to hold the lease.
func (w *leaseWait) next() time.Duration {
	w.answered = w.now()
	if w.taken.IsZero() {
		w.taken = w.answered
	}
	wait := leasePause(w.polls)
	w.polls++
	if left := w.patience(); left > 0 {
		wait = min(wait, left) // then the other lease has ended
	}
	return wait
}

// leasePause returns the pause before the store is read again while another instance
// fetches. It doubles after the first time, with jitter, so that the waiting instances do
// not read at once.
func leasePause(polls int) time.Duration {
	least := leasePauseLeast << min(polls, 1)
	return least + rand.N(least)
}

// isTimeout reports whether a store was silent, unlike one that cannot be reached or
// refuses.
func isTimeout(err error) bool {
	var e net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &e) && e.Timeout()
}

// pause waits for d, and reports whether ctx has time left.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// settle updates the store and gives the lease back. It returns the state to use: next, or
// the store's if that is newer. It asks a silent store again for as long as the lease
// lives.
func (c *Cache) settle(ctx context.Context, f *flight, lease Lease, before, next State, err error) State {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	spent := !slices.Equal(next.Forced, before.Forced) || !next.Spent.Equal(before.Spent)
	for {
		var failed error
		if err == nil || spent { // a spent budget stays spent
			failed = c.config.Store.Save(ctx, lease, next)
		} else {
			failed = c.config.Store.Release(ctx, lease)
		}
		switch {
		case failed == nil:
			return next
		case errors.Is(failed, ErrOutrun):
			return c.newer(ctx, f, next)
		case !isTimeout(failed) || !pause(ctx, retryHung):
			c.storeDown(failed)
			return next
		}
	}
}

// newer returns the store's state if that is newer than next, else next.
func (c *Cache) newer(ctx context.Context, f *flight, next State) State {
	stored, err := c.config.Store.Load(ctx)
	c.storeDown(err)
	if now := c.config.Now(); err == nil && stored.supersedes(next, f.not, now) {
		return stored.with(next, now)
	}
	return next
}

func (c *Cache) storeDown(err error) {
	if err != nil && !errors.Is(err, ErrOutrun) {
		c.config.Log.Warn("the token store does not answer", "error", err.Error())
	}
}
