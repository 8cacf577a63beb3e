package accesstoken

import (
	"errors"
	"slices"
	"time"

	"sotercall/internal/secret"
)

// Why is the reason of a request for a token.
type Why int

const (
	anyToken  Why = iota // a call needs one
	beforeUse            // no call needs one yet
	presented            // a caller has presented an unknown token

	// Refused is the reason to replace a token that WeChat has refused.
	Refused
	// Doubted is Refused for a token that WeChat has accepted a moment ago. WeChat's front
	// ends do not all know the valid tokens at every moment. So it is replaced if there is
	// another one, but none is made by force.
	Doubted
	// TooNew is Doubted for a new token that WeChat has not accepted yet.
	TooNew
	// OnRequest is the reason to replace the current token because a client requests a new
	// one.
	OnRequest
)

// isDoubtful reports whether the token may be good although WeChat has refused it.
func (w Why) isDoubtful() bool { return w == Doubted || w == TooNew }

// ask is a request for a token.
type ask struct {
	// not is a token that must not be returned; zero: any will do.
	not secret.Text
	why Why
	// claimed says that a client claims that WeChat has refused not. Unless WeChat confirms
	// it, the budget is that of OnRequest.
	claimed bool
	// several says that a presented token may belong to one of several apps.
	several bool
}

// action is the decision on an ask.
type action int

const (
	give  action = iota // return the current token; for a presented one, what is known
	fail                // return the error
	look                // look into the store: another instance may have a token
	fetch               // fetch from the endpoint, or wait for an instance that is faster
)

// memory is one instance's knowledge of the tokens of one app. It has no clock, no lock and
// no I/O.
type memory struct {
	State
	classic  bool // each fetch retires the previous token
	function bool // the endpoint is a token function

	past    []secret.Text // the last current tokens, the newest last
	adopted time.Time     // when the current one became known here
	last    outcome       // of the last fetch; zero if it succeeded
	failed  outcome       // the last fetch that failed, even if one has succeeded since
	named   time.Time     // when an unknown token was last named to be replaced
	looked  time.Time     // when a presented token last caused a search for a newer one
	// insisted is when unknown tokens began to be presented; see hasInsisted.
	insisted time.Time
}

// outcome is the result of a fetch.
type outcome struct {
	ask
	err  error
	at   time.Time
	life time.Duration // how long err is returned without a fetch
}

// remembered returns the error while it is too early for the next fetch. If the clock was
// set back, it returns nil.
func (o outcome) remembered(now time.Time) error {
	if !now.Before(o.at) && within(now, o.at, o.life) {
		return o.err
	}
	return nil
}

// hasFailed reports whether the endpoint could not be reached, or returned no token.
func (o outcome) hasFailed() bool { return o.err != nil && !errors.Is(o.err, ErrStale) }

// recent returns the error while it is too early for a fetch that is not urgent.
func (o outcome) recent(now time.Time) error {
	if o.hasFailed() && !now.Before(o.at) && within(now, o.at, retryRenewal) {
		return o.err
	}
	return o.remembered(now)
}

// within reports whether at is less than d away from now, before or after: a clock may have
// been set back.
func within(now, at time.Time, d time.Duration) bool { return now.Sub(at).Abs() < d }

// decide returns the action for q at the time now. It records its last look and fetch for
// an unknown token without any other reason, so that they stay rare.
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

// decidePresented decides for a stranger with an unknown token.
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

// mayOnlyLook reports whether a fetch might retire the token of an app that the presented
// token does not belong to.
func (m *memory) mayOnlyLook(q ask, now time.Time) bool {
	return m.classic && q.several && !m.Current.alive(now)
}

// knowsEnough reports whether a stranger gets an answer at once: there is a token, and
// nothing is due.
func (m *memory) knowsEnough(now time.Time) bool {
	return m.Current.alive(now) && (now.Before(m.Current.Renew) || m.last.recent(now) != nil)
}

// lookFurther decides whether to search for a token that this instance does not know. It
// asks WeChat only when such tokens have been presented for a while, because another party
// may have retired the current one there.
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

// hasInsisted reports whether unknown tokens have been presented for a while, and recently.
func (m *memory) hasInsisted(now time.Time) bool {
	since := now.Sub(m.insisted)
	if since < 0 || since > 2*insist {
		m.insisted, since = now, 0
	}
	return since >= insist
}

// mayBeNewer reports whether to check if stale is a newer token of WeChat's than the
// current one.
func (m *memory) mayBeNewer(stale secret.Text, now time.Time) bool {
	if m.classic || within(now, m.named, recheck) || slices.ContainsFunc(m.past, stale.Equal) {
		return false
	}
	m.named = now
	return true
}

// isKept reports whether the last fetch has failed to replace q.not, and nothing has
// changed since. No refresh is left, and a normal fetch, which would find another party's
// forced refresh, is not due again. In classic mode every fetch makes a token, so a new one
// is kept. Front ends that do not know it would not know the next one either.
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

// owns reports whether a token is valid and ours.
func (m *memory) owns(presented secret.Digest, now time.Time) bool {
	return m.Current.Value.HasDigest(presented) && m.Current.alive(now) ||
		m.Previous.Value.HasDigest(presented) && m.Previous.alive(now)
}

// maxPast bounds the former tokens that are recognised: those of half a day, or of eight
// rotations.
const maxPast = 8

// adopt makes state the knowledge of this instance.
func (m *memory) adopt(state State, now time.Time) {
	if value := state.Current.Value; !value.IsZero() && !value.Equal(m.Current.Value) {
		m.past = append(m.past, value)
		m.past = m.past[max(0, len(m.past)-maxPast):]
		m.adopted = now
	}
	m.State = state
}

// learn adopts a state that another instance has stored, or that a fetch returned late, if
// it is newer.
func (m *memory) learn(state State, not secret.Text, now time.Time) {
	if state.supersedes(m.State, not, now) {
		m.adopt(state.with(m.State, now), now)
	}
}

// note records the result of a fetch for q. With an error, state has what was spent.
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
		if !m.function && q.why != beforeUse { // a token function caches failures itself
			m.last.life = retryAfter(err)
		}
		m.failed = m.last
	}
}
