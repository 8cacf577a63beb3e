package wechat

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"sotercall/internal/upstream"
)

const (
	// firstBackoff is about the pause before the second attempt; it doubles after.
	firstBackoff = 100 * time.Millisecond
	// maxBackoff bounds it.
	maxBackoff = firstBackoff << 4
	// crowdedBackoff is about the pause after HTTP 429, 432 and 503. Those who were turned
	// away together must not come back together.
	crowdedBackoff = 400 * time.Millisecond
	// maxDead is how many reused connections that died are replaced for nothing. The
	// second replacement is a connection of its own, so that there is no third.
	maxDead = 2
)

// failures is what has gone wrong in a call so far.
type failures struct {
	hosts int // how many there are
	count int // attempts that failed, those in dead not counted
	dead  int // reused connections that died and were replaced for nothing
	left  int // hosts that were left because they are none of the API's
}

// step is what follows a failed attempt.
type step struct {
	stop      bool // another attempt is of no use
	closeIdle bool // the idle connections may be dead
	leave     bool // the next host is asked
	apart     bool // on a connection that no other request uses
	free      bool // it is not charged to the retry budget
	throttled bool // up to maxThrottled requests may be sent

	pause, jitter time.Duration // the pause is between pause and pause+jitter
	retryAfter    time.Duration // and no shorter than this, if the call has as long
}

// plan returns what follows an attempt that failed with err, after the failures before
// it, and the failures with it.
func plan(err error, f failures) (step, failures) {
	noReply, isDead := errors.AsType[*upstream.NoReply](err)
	if isDead && noReply.Reused && f.dead < maxDead {
		// The death tells nothing about the server. The pool's next connection may have
		// been put there by another call a moment ago, and be as dead. To repeat is safe:
		// verify_signature has no side effects, a second token fetch costs one of a day's
		// quota, and net/http repeats such a GET by itself (RFC 9110, section 9.2.2).
		f.dead++
		return step{closeIdle: true, apart: f.dead == maxDead, free: true}, f
	}
	backoff := min(firstBackoff<<f.count, maxBackoff)
	f.count++
	next := step{leave: true, pause: backoff / 2, jitter: backoff}
	status, isStatus := errors.AsType[*badStatus](err)
	switch {
	case errors.Is(err, errBusy): // in WeChat's own words: every host would say so
		next.leave = false
	case isDead:
		next.closeIdle = true
		if f.count == 1 {
			next.pause, next.jitter = 0, 0
		}
	case isStatus && !status.isTransient():
		// Another host is not asked more often for it than it would be as the first.
		f.left++
		next = step{leave: true, free: true, stop: f.left >= f.hosts}
	case isStatus && status.isCrowded():
		next.pause, next.jitter = crowdedBackoff/8, crowdedBackoff
		next.retryAfter, next.throttled = status.retryAfter, status.throttled
	}
	return next, f
}

// wait draws the pause.
func (s step) wait(ctx context.Context) time.Duration {
	wait := s.pause + rand.N(s.jitter+1)
	if leaves(ctx, s.retryAfter) { // else nobody is left to come back so late
		wait = max(wait, s.retryAfter)
	}
	return wait
}

// scfNoInstance is SCF's code for an invocation above the limit of concurrent ones,
// ResourceLimitReached (tencentcloud.com/document/product/583/39848).
const scfNoInstance = 432

// scfFailed are SCF's codes for an invocation that failed, and that may succeed next time:
// an error of the code, its time, its memory, its process (Tencent Cloud document
// 583/42611). Whether a function URL has them as HTTP statuses is not documented.
var scfFailed = []int{430, 433, 434, 439}

// isTransient tells the HTTP statuses that pass: of a server in trouble, and of one
// that is asked too much.
func (e *badStatus) isTransient() bool {
	return e.status >= 500 || e.throttled || e.status == http.StatusTooManyRequests || e.status == http.StatusRequestTimeout ||
		e.function && slices.Contains(scfFailed, e.status)
}

// isCrowded tells a server that is asked too much.
func (e *badStatus) isCrowded() bool {
	return e.throttled || e.status == http.StatusTooManyRequests || e.status == http.StatusServiceUnavailable
}
