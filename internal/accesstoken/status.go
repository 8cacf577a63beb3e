package accesstoken

import (
	"context"
	"slices"
	"time"
)

// Status is what an operator may know of the token of an app. The token is not in it.
type Status struct {
	// Fetched is when the token was fetched, or was last given again by the endpoint,
	// and Expires when its life ends; both are zero if there is none.
	Fetched, Expires time.Time
	// ForcedLeft is how many refreshes by force (in classic mode: how many fetches that
	// retire a token which WeChat has refused) the budget allows now, as long as
	// clients ask for none.
	ForcedLeft int
	// Failure is why the last fetch of this instance failed that did not bring a
	// token, at FailedAt; nil if none failed.
	Failure  error
	FailedAt time.Time
	// OfInstance says that the store, which all instances share, did not answer, so
	// that this instance's own memory speaks.
	OfInstance bool
}

// statusTimeout bounds the look into the store.
const statusTimeout = time.Second

// Status tells how the token is. Nothing is fetched.
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

// forcedLeft is what is left of a day's forced refreshes.
func (s State) forcedLeft(now time.Time) int {
	return forcedPerDay - len(lastDay(slices.Clone(s.Forced), now))
}

// refetchesLeft is how many refreshes in classic mode the budget allows now.
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
