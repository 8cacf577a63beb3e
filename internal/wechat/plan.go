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
	// firstBackoff is about the pause before the second attempt; it doubles with each
	// attempt.
	firstBackoff = 100 * time.Millisecond
	// maxBackoff bounds it.
	maxBackoff = firstBackoff << 4
	// crowdedBackoff is about the pause after HTTP 429, 432 and 503. It is spread at
	// random, so that clients that were refused together do not return together.
	crowdedBackoff = 400 * time.Millisecond
	// maxDead is how many dead reused connections are replaced without charge. The second
	// replacement is a connection of its own, so there is no third.
	maxDead = 2
)

// failures counts the failures of a call so far.
type failures struct {
	hosts int // the number of hosts
	count int // failed attempts, without those in dead
	dead  int // dead reused connections that were replaced without charge
	left  int // hosts that were left because their replies are not the API's
}

// step describes what follows a failed attempt.
type step struct {
	stop      bool // another attempt is of no use
	closeIdle bool // the idle connections may be dead
	leave     bool // use the next host
	apart     bool // use a connection that no other request uses
	free      bool // do not charge the retry budget
	throttled bool // allow up to maxThrottled requests

	pause, jitter time.Duration // the pause is between pause and pause+jitter
	retryAfter    time.Duration // the minimum pause, if the call has that much time
}

// plan returns the next step after an attempt that failed with err. f counts the earlier
// failures; the returned failures include this one.
func plan(err error, f failures) (step, failures) {
	noReply, isDead := errors.AsType[*upstream.NoReply](err)
	if isDead && noReply.Reused && f.dead < maxDead {
		// A dead connection tells nothing about the server. Another call may just have
		// returned the pool's next connection, and it may be dead as well. Repeating is
		// safe: verify_signature has no side effects, and a second token fetch costs one of
		// a day's quota. net/http repeats such a GET by itself (RFC 9110, section 9.2.2).
		f.dead++
		return step{closeIdle: true, apart: f.dead == maxDead, free: true}, f
	}
	backoff := min(firstBackoff<<f.count, maxBackoff)
	f.count++
	next := step{leave: true, pause: backoff / 2, jitter: backoff}
	status, isStatus := errors.AsType[*badStatus](err)
	switch {
	case errors.Is(err, errBusy): // WeChat's own reply: every host would say so
		next.leave = false
	case isDead:
		next.closeIdle = true
		if f.count == 1 {
			next.pause, next.jitter = 0, 0
		}
	case isStatus && !status.isTransient():
		// This failure gives another host no more attempts than it would have as the first.
		f.left++
		next = step{leave: true, free: true, stop: f.left >= f.hosts}
	case isStatus && status.isCrowded():
		next.pause, next.jitter = crowdedBackoff/8, crowdedBackoff
		next.retryAfter, next.throttled = status.retryAfter, status.throttled
	}
	return next, f
}

// wait returns a random pause.
func (s step) wait(ctx context.Context) time.Duration {
	wait := s.pause + rand.N(s.jitter+1)
	if leaves(ctx, s.retryAfter) { // else the call would have ended by then
		wait = max(wait, s.retryAfter)
	}
	return wait
}

// scfNoInstance is SCF's code for an invocation above the limit of concurrent ones,
// ResourceLimitReached (tencentcloud.com/document/product/583/39848).
const scfNoInstance = 432

// scfFailed are SCF's codes for a failed invocation that may succeed next time. The code,
// its time, its memory or its process failed (Tencent Cloud document 583/42611). Whether a
// function URL has them as HTTP statuses is not documented.
var scfFailed = []int{430, 433, 434, 439}

// isTransient reports whether an HTTP status may pass: the server fails, or is overloaded.
func (e *badStatus) isTransient() bool {
	return e.status >= 500 || e.throttled || e.status == http.StatusTooManyRequests || e.status == http.StatusRequestTimeout ||
		e.function && slices.Contains(scfFailed, e.status)
}

// isCrowded reports whether the server is overloaded.
func (e *badStatus) isCrowded() bool {
	return e.throttled || e.status == http.StatusTooManyRequests || e.status == http.StatusServiceUnavailable
}
