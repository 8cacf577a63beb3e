package accesstoken

import (
	"context"
	"slices"
	"time"
)

// Status is the state of an app's token for an operator. It does not hold the token.
type Status struct {
	// Fetched is when the endpoint last returned the token, and Expires when its life ends.
	// Both are zero without one.
	Fetched, Expires time.Time
	// ForcedLeft is how many forced refreshes the budget allows now, without requests of
	// clients. In classic mode it counts fetches that retire a token which WeChat has
	// refused.
	ForcedLeft int
	// Failure is the error of this instance's last failed fetch, at FailedAt; nil if none
	// failed.
	Failure  error
	FailedAt time.Time
	// OfInstance says that the store, which all instances share, did not reply. Then the
	// values are those of this instance.
	OfInstance bool
}

// statusTimeout bounds the look into the store.
const statusTimeout = time.Second

// Status returns the state of the token. It fetches nothing.
func (c *Cache) Status(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	stored, err := c.config.Store.Load(ctx)
	c.storeDown(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	now, state := c.config.Now(), c.memory.State
	if err == nil {
		state = stored.with(state, now)
	}
	s := Status{OfInstance: err != nil, Failure: c.memory.failed.err, FailedAt: c.memory.failed.at, ForcedLeft: state.forcedLeft(now)}
	if c.config.Classic {
		s.ForcedLeft = state.refetchesLeft(now)
	}
	if state.Current.alive(now) {
		s.Fetched, s.Expires = state.Current.Fetched, state.Current.Expires
	}
	return s
}

// forcedLeft returns the rest of a day's forced refreshes.
func (s State) forcedLeft(now time.Time) int {
	return forcedPerDay - len(lastDay(slices.Clone(s.Forced), now))
}

// refetchesLeft returns how many refreshes in classic mode the budget allows now.
func (s State) refetchesLeft(now time.Time) int {
	left := 0
	for {
		next, may := s.refetch(now, false)
		if !may {
			return left
		}
		s = next
		left++
	}
}
