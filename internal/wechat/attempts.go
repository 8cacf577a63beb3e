package wechat

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
	"sotercall/internal/upstream"
)

const (
	// maxAttempts bounds how many requests an invocation sends within countedFor, as
	// long as one of them has failed: the fetch of a token included.
	maxAttempts = 4
	// countedFor is as long as a fetch may take: the one after it is repeated again.
	countedFor = 5 * time.Second
	// maxCrowded bounds how often a server is asked that says that it is asked too
	// much. Such an answer costs it little.
	maxCrowded = 8

	// firstBackoff is the pause before the second attempt; it doubles after.
	firstBackoff = 100 * time.Millisecond
	// crowdedBackoff is about the pause after HTTP 429 and 503. Those who were turned
	// away together must not come back together.
	crowdedBackoff = 400 * time.Millisecond

	// maxPatience is how long an attempt may be silent before another begins beside
	// it: a connection may be dead, and nothing tells. Of the time that is left it is
	// patienceShare at most.
	maxPatience   = time.Second
	minPatience   = 20 * time.Millisecond
	patienceShare = 1. / 3
	// For a request that has a price, it is longer.
	maxPatienceOnce   = 1750 * time.Millisecond
	patienceShareOnce = 2. / 3
)

// invocation counts what is sent for one call of ours, through whichever functions
// its context comes.
type invocation struct {
	deadline time.Time // of the call, which a fetch that others may join outlives; zero: none
	began    time.Time // when the count began

	mu   sync.Mutex
	sent int // guarded by mu
}

type invocationKey struct{}

// begin returns a context that counts from here on.
func (c *Client) begin(ctx context.Context) context.Context {
	c.budget.Call()
	return context.WithValue(ctx, invocationKey{}, &invocation{deadline: deadlineOf(ctx), began: time.Now()})
}

// beginAnew returns a context that counts from here on, for the same call. What has
// been answered so far is no reason to repeat less of what follows.
func beginAnew(ctx context.Context) context.Context {
	deadline := deadlineOf(ctx)
	if i, ok := ctx.Value(invocationKey{}).(*invocation); ok {
		deadline = i.deadline
	}
	return context.WithValue(ctx, invocationKey{}, &invocation{deadline: deadline, began: time.Now()})
}

func (i *invocation) count() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sent++
}

func (i *invocation) mayRepeat(most int) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sent < most
}

// attempt is one request of a call.
type attempt struct {
	base  *url.URL
	extra bool // begun beside one that was silent
	apart bool // on a connection of its own
	began time.Time
}

// outcome is how an attempt ended.
type outcome struct {
	attempt
	reply []byte
	err   error
}

// attempts is one request while it is being answered. The first attempt is made by
// the goroutine of the call itself, as long as nothing speaks against it; only a
// server that is silent makes it two goroutines, of which then one watches.
type attempts struct {
	client     *Client
	request    *request
	invocation *invocation
	route      upstream.Route
	outcomes   chan *outcome // while one watches
	running    sync.WaitGroup
	inFlight   int
	extras     int // begun beside a silent one
	failures   int
	dead       int  // reused connections that have died
	left       int  // hosts that were left because they are none of the API's
	apart      bool // the next attempt gets a connection of its own
}

// call sends r until it has a reply that is worth keeping, or until another attempt
// is of no use. When it returns without an error, r.read has read the reply.
func (c *Client) call(ctx context.Context, r *request) error {
	switch i, ok := ctx.Value(invocationKey{}).(*invocation); {
	case !ok:
		ctx = c.begin(ctx)
	case time.Since(i.began) >= countedFor:
		ctx = beginAnew(ctx)
	}
	a := &attempts{
		client: c, request: r, invocation: ctx.Value(invocationKey{}).(*invocation),
		route: r.hosts.Route(), outcomes: make(chan *outcome, maxCrowded),
	}
	// What is still under way when the answer is there ends with the call.
	defer a.running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		o, watched := a.alone(ctx, cancel)
		if watched != nil {
			return <-watched
		}
		if done, err := a.take(ctx, o); done {
			return err
		}
	}
}

// alone makes an attempt. Once the server has been silent for a while, another
// goroutine watches and decides; how the call ends is then received from watched,
// and cancel ends this attempt if it is no longer wanted.
func (a *attempts) alone(ctx context.Context, cancel context.CancelFunc) (_ outcome, watched <-chan error) {
	first := a.begin(false)
	patience, since := a.patience(ctx), time.Now()
	result := make(chan error, 1)
	glance := time.AfterFunc(patience/glances, func() {
		result <- a.watch(ctx, silentSince(since, patience))
		cancel()
	})
	o := a.send(ctx, first)
	if glance.Stop() {
		return o, nil
	}
	late := o // o itself stays off the heap
	a.outcomes <- &late
	return outcome{}, result
}

// watch is with a call whose first attempt has been silent for a while: it begins
// another one beside it, and returns how the call ends.
func (a *attempts) watch(ctx context.Context, silence *silence) error {
	defer silence.Stop()
	for {
		select {
		case o := <-a.outcomes:
			done, err := a.take(ctx, *o)
			if done {
				return err
			}
			if a.inFlight == 0 {
				a.start(ctx, false)
			}
			silence.begin(a.patience(ctx))
		case <-silence.C:
			if !silence.isOver() {
				continue
			}
			if a.mayRepeat(ctx, maxAttempts-a.request.spare) {
				// Connections that have been idle as long may be as dead.
				a.client.http.CloseIdle()
				a.route.Leave()
				a.start(ctx, true)
			}
			silence.begin(a.patience(ctx))
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", a.request.name(), context.Cause(ctx))
		}
	}
}

// begin counts an attempt, and returns the next one.
func (a *attempts) begin(extra bool) attempt {
	a.invocation.count()
	a.inFlight++
	if extra {
		a.extras++
	}
	next := attempt{base: a.route.Base(), extra: extra, apart: a.apart, began: a.client.now()}
	a.apart = false
	return next
}

func (a *attempts) send(ctx context.Context, next attempt) outcome {
	reply, err := a.client.send(ctx, a.request, next)
	return outcome{attempt: next, reply: reply, err: err}
}

// start makes an attempt in a goroutine of its own.
func (a *attempts) start(ctx context.Context, extra bool) {
	next := a.begin(extra)
	a.running.Go(func() {
		o := a.send(ctx, next)
		a.outcomes <- &o
	})
}

// take looks at how an attempt ended, and waits until the next one is of use. It
// reports whether the call is done; if not, and nothing is in flight, the next one is
// to be made.
func (a *attempts) take(ctx context.Context, o outcome) (done bool, err error) {
	a.inFlight--
	err = a.judge(o)
	switch {
	case err == nil:
		a.settle(o)
		return true, nil
	case ctx.Err() != nil:
		return true, fmt.Errorf("%s: %w", a.request.name(), context.Cause(ctx))
	case a.request.isServiceDown(err), errors.Is(err, errServiceBroken):
		return true, err
	case a.inFlight > 0:
		return false, nil // the others may still answer
	}
	a.failures++
	if !a.prepareNext(ctx, o, err) {
		if errors.Is(err, errBusy) {
			return true, nil // it is WeChat's answer all the same
		}
		return true, err
	}
	return false, nil
}

// judge returns nil for a reply that is worth keeping.
func (a *attempts) judge(o outcome) error {
	if o.err != nil {
		return o.err
	}
	errCode, err := a.request.read(o.reply)
	switch {
	case errors.Is(err, errServiceBroken):
		return fmt.Errorf("%s: %w", a.request.name(), errServiceBroken)
	case err != nil: // the parser's own words could quote a secret
		return fmt.Errorf("%s: %w", a.request.name(), errNonsense)
	case errCode != 0 && openapi.LookUp(errCode).Busy:
		return errBusy
	}
	return nil
}

// settle remembers who has answered.
func (a *attempts) settle(o outcome) {
	changed := a.route.Answered(o.base)
	if o.extra {
		a.client.budget.Return(a.extras)
	}
	if changed || o.extra {
		// Those to a host that is not asked any more are kept for nothing, and those
		// beside a dead one are not to be trusted.
		a.client.http.CloseIdle()
	}
}

// prepareNext waits as long as is good after an attempt that ended with err, and
// chooses the host of the next. It reports whether there may be one.
func (a *attempts) prepareNext(ctx context.Context, o outcome, err error) bool {
	var noReply *upstream.NoReply
	var status *badStatus
	most, wait := maxAttempts-a.request.spare, firstBackoff<<min(a.failures-1, 4)
	wait = wait/2 + rand.N(wait)
	switch {
	case errors.Is(err, errBusy): // in WeChat's own words: every host would say so
	case errors.As(err, &noReply):
		// Idle connections are as old as the dead one, and may be as dead.
		a.client.http.CloseIdleSince(o.began)
		if noReply.Reused && a.dead < maxDead {
			return a.reconnect(ctx, most)
		}
		a.route.Leave()
		if a.failures == 1 {
			wait = 0
		}
	case errors.As(err, &status) && !isTransient(status.status):
		// Another host is not asked more often for it than it would be as the first.
		a.left++
		a.route.Leave()
		return a.left < a.request.hosts.Count() && a.mayGoOn(ctx, most)
	case errors.As(err, &status) && status.isCrowded():
		if status.status == http.StatusTooManyRequests || a.request.function {
			most = maxCrowded
		}
		wait = crowdedBackoff/8 + rand.N(crowdedBackoff)
		if leaves(ctx, status.retryAfter) { // else nobody is left to come back so late
			wait = max(wait, status.retryAfter)
		}
		a.route.Leave()
	default:
		a.route.Leave()
	}
	if !leaves(ctx, wait) || !a.mayRepeat(ctx, most) {
		return false
	}
	return wait == 0 || a.client.pause(ctx, wait) == nil
}

// maxDead is how many reused connections that died are replaced for nothing. The
// second replacement is a connection of its own, so that there is no third.
const maxDead = 2

// reconnect prepares the attempt after a reused connection has died, and reports
// whether there may be one. The death tells nothing about the server, so that the
// budget is not asked. The pool's next connection may have been put there by another
// call a moment ago, and be as dead: then comes one that no call has used. To repeat
// is safe: verify_signature has no side effects, a second token fetch costs one of a
// day's quota, and net/http repeats such a GET by itself (RFC 9110, section 9.2.2).
func (a *attempts) reconnect(ctx context.Context, most int) bool {
	a.dead++
	a.failures--
	a.apart = a.dead == maxDead
	return a.mayGoOn(ctx, most)
}

// mayRepeat reports whether one more request may be sent, and takes it from the
// budget.
func (a *attempts) mayRepeat(ctx context.Context, most int) bool {
	return a.mayGoOn(ctx, most) && a.client.budget.Take()
}

// mayGoOn reports whether the call may send one more request.
func (a *attempts) mayGoOn(ctx context.Context, most int) bool {
	return !accesstoken.IsForStranger(ctx) && a.invocation.mayRepeat(most)
}

// patience is how long to wait for an answer before another attempt begins.
func (a *attempts) patience(ctx context.Context) time.Duration {
	share, most := patienceShare, maxPatience
	if a.request.once {
		share, most = patienceShareOnce, maxPatienceOnce
	}
	for _, deadline := range []time.Time{a.invocation.deadline, deadlineOf(ctx)} {
		if left := time.Until(deadline); !deadline.IsZero() && left > 0 {
			most = min(most, time.Duration(share*float64(left)))
		}
	}
	return max(most, minPatience)
}

// deadlineOf is the deadline of ctx; zero if it has none.
func deadlineOf(ctx context.Context) time.Time {
	deadline, _ := ctx.Deadline()
	return deadline
}

// leaves reports whether ctx has time left after a pause of d.
func leaves(ctx context.Context, d time.Duration) bool {
	deadline := deadlineOf(ctx)
	return deadline.IsZero() || time.Until(deadline) > d
}

// isTransient tells the HTTP statuses that pass: of a server in trouble, and of one
// that is asked too much.
func isTransient(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// isCrowded tells a server that is asked too much.
func (e *badStatus) isCrowded() bool {
	return e.status == http.StatusTooManyRequests || e.status == http.StatusServiceUnavailable
}
