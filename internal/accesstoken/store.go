package accesstoken

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sotercall/internal/secret"
)

// State is what all instances of a function know about the token of one appid.
type State struct {
	Current  Token
	Previous Token // the one before Current; Expires is the end of the overlap
	// Forced holds when the last forced refreshes were, oldest first.
	Forced []time.Time
	// Spent is the budget of refreshes in classic mode: each moves it refreshPrice
	// ahead, and it must not get further ahead of the clock than refreshBurst allows.
	Spent time.Time
}

// Due returns when t must be renewed at the latest; the zero time if there is no token.
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

// next is the state after token has been fetched. A token that the endpoint
// gave again replaces itself and leaves Previous alone.
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

// without is the state without a token that WeChat has refused: it is not valid
// for the time of an overlap either.
func (s State) without(stale secret.Text) State {
	if s.Current.Value.Equal(stale) {
		s.Current = Token{}
	}
	if s.Previous.Value.Equal(stale) {
		s.Previous = Token{}
	}
	return s
}

// supersedes reports whether the store's state s spares an instance the fetch: it
// holds a token that is neither the refused one nor an older one than the
// instance knows, as a store that was away for a while may; the same one helps
// if somebody has asked for it again since, and was told a later end.
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

// with is what the store's state s and what an instance knows come to together: a
// store that was away, or has lost its data, is behind.
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
	// forcedOnRequest is how many of a day's forced refreshes clients may ask for. The
	// others are kept for a token that WeChat has refused: a client that asks all day
	// long must not take the remedy away from everybody.
	forcedOnRequest = forcedPerDay / 2
)

// Limits of refreshes in classic mode, where each is a fetch that retires the token
// before. WeChat allows 2,000 fetches a day (WeChat, getAccessToken). Two deployments
// that take each other's tokens away must not use them up: 540 a day at most, of which
// 60 may follow one another.
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

// refetch is the state after a fetch in classic mode that replaces a token, and
// whether the budget allows it. On request of a client, it counts as a forced refresh
// as well.
func (s State) refetch(now time.Time, onRequest bool) (State, bool) {
	if onRequest && !s.mayForce(now, forcedOnRequest) {
		return s, false
	}
	const most = refreshBurst * refreshPrice
	spent := s.Spent
	if ahead := spent.Sub(now); ahead < 0 || ahead > most+refreshPrice { // more is the trace of a clock that was wrong
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

// forced is the state after a forced refresh was asked for at the time now.
func (s State) forced(now time.Time) State {
	s.Forced = lastDay(append(slices.Clone(s.Forced), now), now)
	return s
}

// lastDay keeps of times, in place, what the budget looks at: each once, sorted,
// and none that is a day or more away. The future counts like the past, because
// clocks differ; far in the future it is the trace of a clock that was wrong.
func lastDay(times []time.Time, now time.Time) []time.Time {
	times = slices.DeleteFunc(times, func(at time.Time) bool { return !within(now, at, 24*time.Hour) })
	slices.SortFunc(times, time.Time.Compare)
	times = slices.CompactFunc(times, time.Time.Equal)
	return times[max(0, len(times)-forcedPerDay):]
}

// Store keeps the State of one appid where all instances see it.
//
// The right to fetch is a [Lease]. Each Lease has a higher number than every one
// before it, and Save refuses a State under a lower number than the last saved
// one: an instance that was frozen during its fetch, and wakes up after another
// has fetched, overwrites nothing.
type Store interface {
	// Load returns the State; the zero State if there is none yet.
	Load(ctx context.Context) (State, error)
	// Acquire returns the State, and the right to fetch for at most life. It returns
	// ErrLeased, with the State, while another instance has it. With cold, any token
	// will do that is not due: then it returns ErrFresh with the State, and writes
	// nothing.
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
	// ErrFresh says that there is a token, which need not be renewed yet.
	ErrFresh = errors.New("the token is fresh")
	// ErrOutrun says that a later fetch has been saved already.
	ErrOutrun = errors.New("a later fetch has been saved already")
)

// Memory is a Store within one process. Make it with [NewMemory].
type Memory struct {
	now func() time.Time

	mu     sync.Mutex
	state  State     // guarded by mu, as all below
	saved  int64     // number of the Lease that saved state
	issued int64     // number of the last Lease given
	holder int64     // number of the Lease in force; 0 if none
	given  time.Time // when it was given
	life   time.Duration
}

var _ Store = (*Memory)(nil)

// NewMemory makes an empty Memory; now is the clock on the wall.
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
