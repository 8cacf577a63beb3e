package accesstoken

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sotercall/internal/secret"
)

// State is the knowledge of the token of one appid that all instances share.
type State struct {
	Current  Token
	Previous Token // the one before Current; Expires is the end of the overlap
	// Forced holds the times of the last forced refreshes, oldest first.
	Forced []time.Time
	// Spent is the budget of refreshes in classic mode. Each moves it refreshPrice ahead,
	// and it must not get further ahead of the clock than refreshBurst.
	Spent time.Time
}

// Due returns when t must be renewed at the latest; zero without a token.
func (t Token) Due() time.Time {
	switch {
	case t.Value.IsZero():
		return time.Time{}
	case t.Expires.Before(t.Renew):
		return t.Expires
	default:
		return t.Renew
	}
}

// next returns the state after token has been fetched. A token that the endpoint returned
// again replaces itself, and Previous stays.
func (s State) next(token Token, now time.Time) State {
	if !s.Current.Value.IsZero() && !s.Current.Value.Equal(token.Value) {
		s.Previous = s.Current
		if end := now.Add(Overlap); end.Before(s.Previous.Expires) {
			s.Previous.Expires = end
		}
	}
	s.Current = token
	return s
}

// without returns s with the refused token removed, whether it is Current or Previous.
func (s State) without(stale secret.Text) State {
	if s.Current.Value.Equal(stale) {
		s.Current = Token{}
	}
	if s.Previous.Value.Equal(stale) {
		s.Previous = Token{}
	}
	return s
}

// supersedes reports whether the store's state s makes a fetch unnecessary. Its token must
// be neither the refused one nor older than the instance's. (A store that was unreachable
// for a while may have an older one.) The same token is enough if another instance has
// fetched it again since, with a later end.
func (s State) supersedes(known State, stale secret.Text, now time.Time) bool {
	token, old := s.Current, known.Current
	switch {
	case !token.alive(now), !now.Before(token.Renew), token.Value.Equal(stale):
		return false
	case token.Value.Equal(old.Value):
		return token.Renew.After(old.Renew)
	default:
		return !token.Expires.Before(old.Expires)
	}
}

// with merges the store's state s with what an instance knows. The store is behind if it
// was away, or has lost its data.
func (s State) with(known State, now time.Time) State {
	older := s.Current.Expires.Before(known.Current.Expires)
	if s.Current.Value.Equal(known.Current.Value) {
		older = s.Current.Renew.Before(known.Current.Renew)
	}
	if older {
		s.Current, s.Previous = known.Current, known.Previous
	}
	s.Forced = lastDay(slices.Concat(s.Forced, known.Forced), now)
	if known.Spent.After(s.Spent) {
		s.Spent = known.Spent
	}
	return s
}

// Limits of forced refreshes (WeChat, getStableAccessToken: 20 a day, 30 seconds
// apart; sooner, nothing is refreshed).
const (
	forcedPerDay  = 20
	forcedSpacing = 30 * time.Second
	// forcedOnRequest is the part of a day's forced refreshes that clients may request. The
	// others are reserved for a token that WeChat has refused: a client that asks all day
	// long must not use them up.
	forcedOnRequest = forcedPerDay / 2
)

// Limits of refreshes in classic mode, where each is a fetch that retires the previous
// token. WeChat allows 2,000 fetches a day (WeChat, getAccessToken). Two deployments that
// retire each other's tokens must not use them up: each may make 540 a day, and 60 in a
// row.
const (
	refreshPrice = 3 * time.Minute
	refreshBurst = 60
)

// mayForce reports whether the budget, of perDay forced refreshes in 24 hours, allows
// one now.
func (s State) mayForce(now time.Time, perDay int) bool {
	for _, at := range s.Forced {
		if within(now, at, forcedSpacing) {
			return false
		}
	}
	return len(lastDay(slices.Clone(s.Forced), now)) < perDay
}

// refetch returns the state after a fetch in classic mode that replaces a token, and
// whether the budget allows it. If a client requested it, it counts as a forced refresh as
// well.
func (s State) refetch(now time.Time, onRequest bool) (State, bool) {
	if onRequest && !s.mayForce(now, forcedOnRequest) {
		return s, false
	}
	const most = refreshBurst * refreshPrice
	spent := s.Spent
	// further ahead: a wrong clock wrote it, so start over
	if ahead := spent.Sub(now); ahead < 0 || ahead > most+refreshPrice {
		spent = now
	}
	if spent = spent.Add(refreshPrice); spent.Sub(now) > most {
		return s, false
	}
	s.Spent = spent
	if onRequest {
		s = s.forced(now)
	}
	return s, true
}

// forced returns the state after a request for a forced refresh at the time now.
func (s State) forced(now time.Time) State {
	s.Forced = lastDay(append(slices.Clone(s.Forced), now), now)
	return s
}

// lastDay returns the times that the budget counts, in place: each once, sorted, and less
// than a day away. The future counts like the past, because clocks differ. A time far in
// the future is from a wrong clock.
func lastDay(times []time.Time, now time.Time) []time.Time {
	times = slices.DeleteFunc(times, func(at time.Time) bool { return !within(now, at, 24*time.Hour) })
	slices.SortFunc(times, time.Time.Compare)
	times = slices.CompactFunc(times, time.Time.Equal)
	return times[max(0, len(times)-forcedPerDay):]
}

// Store keeps the State of one appid for all instances.
//
// The right to fetch is a [Lease]. Each Lease has a higher number than every earlier one.
// Save refuses a State under a lower number than the last saved one. So an instance that
// was frozen during its fetch overwrites nothing when it wakes up after another has
// fetched.
type Store interface {
	// Load returns the State; the zero State if there is none yet.
	Load(ctx context.Context) (State, error)
	// Acquire returns the State, and the right to fetch for at most life. It returns
	// ErrLeased, with the State, while another instance has it. With cold, any token that
	// is not due is enough: then it returns ErrFresh with the State, and writes nothing.
	Acquire(ctx context.Context, life time.Duration, cold bool) (State, Lease, error)
	// Save replaces the State and gives the Lease back. It returns ErrOutrun, and
	// saves nothing, if a later Lease has saved already.
	Save(ctx context.Context, lease Lease, state State) error
	// Release gives the Lease back without saving.
	Release(ctx context.Context, lease Lease) error
}

// Lease is the right to fetch, until it is given back or its life ends.
type Lease struct{ Number int64 }

var (
	// ErrLeased says that another instance is fetching.
	ErrLeased = errors.New("another instance is fetching the token")
	// ErrFresh says that there is a token that need not be renewed yet.
	ErrFresh = errors.New("the token is fresh")
	// ErrOutrun says that a later fetch has been saved already.
	ErrOutrun = errors.New("a later fetch has been saved already")
)

// Memory is a Store within one process. Make it with [NewMemory].
type Memory struct {
	now func() time.Time

	mu     sync.Mutex
	state  State     // guarded by mu, as all that follows
	saved  int64     // number of the Lease that saved state
	issued int64     // number of the last Lease given
	holder int64     // number of the Lease in force; 0 if none
	given  time.Time // when it was given
	life   time.Duration
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty Memory; now is the wall clock.
func NewMemory(now func() time.Time) *Memory { return &Memory{now: now} }

// Load implements [Store].
func (m *Memory) Load(context.Context) (State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state, nil
}

// Acquire implements [Store].
func (m *Memory) Acquire(_ context.Context, life time.Duration, cold bool) (State, Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	switch {
	case m.holder != 0 && within(now, m.given, m.life):
		return m.state, Lease{}, ErrLeased
	case cold && now.Before(m.state.Current.Due()):
		return m.state, Lease{}, ErrFresh
	}
	m.issued++
	m.holder, m.given, m.life = m.issued, now, life
	return m.state, Lease{Number: m.issued}, nil
}

// Save implements [Store].
func (m *Memory) Save(_ context.Context, lease Lease, state State) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release(lease)
	if lease.Number < m.saved {
		return ErrOutrun
	}
	m.state, m.saved = state, lease.Number
	return nil
}

// Release implements [Store].
func (m *Memory) Release(_ context.Context, lease Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release(lease)
	return nil
}

func (m *Memory) release(lease Lease) {
	if m.holder == lease.Number {
		m.holder = 0
	}
}
