package accesstoken

import (
	"errors"
	"slices"
	"time"

	"sotercall/internal/secret"
)

// Why is why a token is asked for.
type Why int

const (
	anyToken  Why = iota // a call needs one
	beforeUse            // no call needs one yet
	presented            // somebody has presented a token that is not known

	// Refused is the reason to replace a token that WeChat has refused.
	Refused
	// Doubted is Refused for a token that WeChat has accepted a moment ago. Not all of
	// WeChat's front ends know at every moment which tokens are good, so it is replaced if
	// there is another one, but none is made by force.
	Doubted
	// TooNew is Doubted for a token that is a moment old, and that WeChat has not accepted
	// yet.
	TooNew
	// OnRequest is the reason to replace the current token because a client wants a new one.
	OnRequest
)

// isDoubtful reports whether the token may be good although WeChat has refused it.
func (w Why) isDoubtful() bool { return w == Doubted || w == TooNew }

// ask is what a token is asked for.
type ask struct {
	// not must be another one than the token that is returned; zero: any will do.
	not secret.Text
	why Why
	// claimed says that a client claims that WeChat has refused not. Unless WeChat
	// confirms it, the budget is that of OnRequest.
	claimed bool
	// several says that a presented token may belong to one of several apps.
	several bool
}

// action is what becomes of an ask.
type action int

const (
	give  action = iota // the current token; to a presented one, what is known
	fail                // the error says why
	look                // into the store: another instance may have a token
	fetch               // from the endpoint, or from the instance that is faster
)

// memory is what one instance knows of the tokens of one app. It has no clock, no lock
// and no I/O.
type memory struct {
	State
	classic  bool // each fetch retires the token before
	function bool // the endpoint is a token function

	past    []secret.Text // the last tokens that were current, the newest last
	adopted time.Time     // when the current one became known here
	last    outcome       // of the last fetch; zero if it succeeded
	failed  outcome       // of the last fetch that failed, whatever has come after
	named   time.Time     // when a token that is not known was last named to be replaced
	looked  time.Time     // when another token was last looked for because of a presented one
	// insisted is when tokens that are not known began to be presented; see hasInsisted.
	insisted time.Time
}

// outcome is how a fetch ended.
type outcome struct {
	ask
	err  error
	at   time.Time
	life time.Duration // how long nothing is fetched and err is the answer
}

// remembered returns the error while it is too early for the next fetch. A clock that has
// been put back makes it forgotten.
func (o outcome) remembered(now time.Time) error {
	if !now.Before(o.at) && within(now, o.at, o.life) {
		return o.err
	}
	return nil
}

// hasFailed reports whether the endpoint could not be asked, or gave no token.
func (o outcome) hasFailed() bool { return o.err != nil && !errors.Is(o.err, ErrStale) }

// recent returns the error while it is too early for a fetch that is not urgent.
func (o outcome) recent(now time.Time) error {
	if o.hasFailed() && !now.Before(o.at) && within(now, o.at, retryRenewal) {
		return o.err
	}
	return o.remembered(now)
}

// within reports whether at is less than d away from now. A clock may have been put back.
func within(now, at time.Time, d time.Duration) bool { return now.Sub(at).Abs() < d }

// decide says what becomes of q at the time now. It remembers when it has last decided for
// a look or a fetch that nothing but an unknown token speaks for, so that they stay rare.
func (m *memory) decide(q ask, now time.Time) (action, error) {
	switch q.why {
	case anyToken, beforeUse:
		return m.decideAny(q, now)
	case presented:
		return m.decidePresented(q, now)
	default:
		return m.decideReplacement(q, now)
	}
}

// decideAny decides for a call that takes any token.
func (m *memory) decideAny(q ask, now time.Time) (action, error) {
	alive := m.Current.alive(now)
	switch {
	case alive && (q.why == beforeUse || now.Before(m.Current.Renew) || m.last.recent(now) != nil):
		return give, nil
	case !alive && m.last.remembered(now) != nil:
		return fail, m.last.err
	}
	return fetch, nil
}

// decideReplacement decides for a call that needs another token than q.not.
func (m *memory) decideReplacement(q ask, now time.Time) (action, error) {
	another := m.Current.alive(now) && !m.Current.Value.Equal(q.not)
	failure := m.last.remembered(now)
	switch {
	case q.why == OnRequest && !m.mayForce(now, forcedOnRequest):
		return fail, ErrStale
	case another && (failure != nil || !m.mayBeNewer(q.not, now)):
		return give, nil
	case failure != nil:
		return fail, failure
	case !another && m.isKept(q, now):
		return fail, ErrStale
	}
	return fetch, nil
}

// decidePresented decides for a stranger, whose token is not known.
func (m *memory) decidePresented(q ask, now time.Time) (action, error) {
	failure := m.last.recent(now)
	switch {
	case m.mayOnlyLook(q, now):
		return look, nil
	case m.knowsEnough(now):
		return m.lookFurther(now), nil
	case failure != nil:
		return fail, failure
	}
	return fetch, nil
}

// mayOnlyLook reports whether a fetch might retire the token of another app than the one that
// the presented token belongs to.
func (m *memory) mayOnlyLook(q ask, now time.Time) bool {
	return m.classic && q.several && !m.Current.alive(now)
}

// knowsEnough reports whether a stranger is answered at once: a token is there, and nothing
// is due.
func (m *memory) knowsEnough(now time.Time) bool {
	return m.Current.alive(now) && (now.Before(m.Current.Renew) || m.last.recent(now) != nil)
}

// lookFurther decides whether it is time to find out if there is a token that this instance
// does not know. WeChat is asked only when such tokens have been presented for a while,
// because somebody else may have retired the current one there.
func (m *memory) lookFurther(now time.Time) action {
	if within(now, m.looked, recheck) {
		return give
	}
	m.looked = now
	switch {
	case m.classic, m.last.remembered(now) != nil:
		return look
	case m.function, m.hasInsisted(now):
		return fetch
	}
	return look
}

// hasInsisted reports whether tokens that are not known have been presented for a while,
// and lately too.
func (m *memory) hasInsisted(now time.Time) bool {
	since := now.Sub(m.insisted)
	if since < 0 || since > 2*insist {
		m.insisted, since = now, 0
	}
	return since >= insist
}

// mayBeNewer reports whether it is to be found out that WeChat has gone on to stale, and
// beyond.
func (m *memory) mayBeNewer(stale secret.Text, now time.Time) bool {
	if m.classic || within(now, m.named, recheck) || slices.ContainsFunc(m.past, stale.Equal) {
		return false
	}
	m.named = now
	return true
}

// isKept reports whether the last fetch has failed to replace q.not, and nothing has
// changed since: there is no refresh left, and a normal fetch, which would see it if
// somebody else had forced one, is not due again. In classic mode, where every fetch makes
// a token, a new one is kept: front ends that do not know it yet would not know the next
// one either.
func (m *memory) isKept(q ask, now time.Time) bool {
	if q.why == TooNew && m.classic && within(now, m.adopted, newFor) {
		return true
	}
	if !errors.Is(m.last.err, ErrStale) || !m.last.not.Equal(q.not) {
		return false
	}
	if q.why.isDoubtful() {
		return within(now, m.last.at, recheckDoubtful)
	}
	mayForce := !m.classic && m.mayForce(now, forcedPerDay)
	return !mayForce && within(now, m.last.at, recheck)
}

// owns reports whether a token is in force.
func (m *memory) owns(presented secret.Digest, now time.Time) bool {
	return m.Current.Value.HasDigest(presented) && m.Current.alive(now) ||
		m.Previous.Value.HasDigest(presented) && m.Previous.alive(now)
}

// maxPast is how many tokens are recognised as ones that were current: those of
// half a day, or of eight rotations.
const maxPast = 8

// adopt makes state what this instance knows.
func (m *memory) adopt(state State, now time.Time) {
	if value := state.Current.Value; !value.IsZero() && !value.Equal(m.Current.Value) {
		m.past = append(m.past, value)
		m.past = m.past[max(0, len(m.past)-maxPast):]
		m.adopted = now
	}
	m.State = state
}

// learn adopts what another instance has stored, or a fetch has brought late, if it is
// newer.
func (m *memory) learn(state State, not secret.Text, now time.Time) {
	if state.supersedes(m.State, not, now) {
		m.adopt(state.with(m.State, now), now)
	}
}

// note remembers how a fetch for q has ended. With an error, state has what was spent.
func (m *memory) note(q ask, state State, err error, now time.Time) {
	m.last = outcome{}
	if err == nil {
		m.adopt(state, now)
		return
	}
	m.Forced, m.Spent = state.Forced, state.Spent
	if errors.Is(err, errGood) {
		return
	}
	m.last = outcome{ask: q, err: err, at: now}
	if m.last.hasFailed() {
		if !m.function && q.why != beforeUse { // a token function remembers failures itself
			m.last.life = retryAfter(err)
		}
		m.failed = m.last
	}
}
