package wechat

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"sotercall/internal/openapi"
	"sotercall/internal/upstream"
)

const (
	// maxAttempts bounds how many requests an invocation sends within countedFor, as
	// long as one of them has failed: the fetch of a token included.
	maxAttempts = 4
	// countedFor is as long as a fetch may take: the one after it is repeated again.
	countedFor = 5 * time.Second
	// maxThrottled bounds the same while a server only says that it is asked too much.
	// Such an answer costs it little.
	maxThrottled = 8

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

// attempts is one request while it is being answered. An attempt that stays silent
// starts another one beside itself. The first good reply ends them all.
type attempts struct {
	client     *Client
	request    *request
	invocation *invocation
	failures   failures
	beside     sync.WaitGroup     // attempts begun beside a silent one
	cancel     context.CancelFunc // ends all attempts

	mu       sync.Mutex
	route    upstream.Route // guarded by mu, as is all that follows
	inFlight int
	extras   int     // begun beside a silent one
	apart    bool    // the next attempt gets a connection of its own
	last     attempt // that has ended
	err      error   // how last has ended
	done     bool    // err is how the call ends
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := &attempts{
		client: c, request: r, invocation: ctx.Value(invocationKey{}).(*invocation), cancel: cancel,
		route: r.hosts.Route(), failures: failures{hosts: r.hosts.Count()},
	}
	for {
		a.run(ctx, a.begin())
		a.beside.Wait()
		// None is in flight now, and so none can start another one.
		switch {
		case a.done:
			return a.err
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", r.name(), context.Cause(ctx))
		case a.prepareNext(ctx):
			continue
		case errors.Is(a.err, errBusy):
			return nil // it is WeChat's answer all the same
		}
		return a.err
	}
}

// begin returns the next attempt.
func (a *attempts) begin() attempt {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.next(false)
}

// next counts an attempt and returns it. a.mu is held.
func (a *attempts) next(extra bool) attempt {
	a.invocation.count()
	a.inFlight++
	next := attempt{base: a.route.Base(), extra: extra, apart: a.apart, began: a.client.now()}
	a.apart = false
	return next
}

// startBeside makes an attempt beside one that has been silent, if there may be one.
func (a *attempts) startBeside(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inFlight == 0 || ctx.Err() != nil || !a.mayGoOn(a.most(false)) || !a.client.budget.Take() {
		return
	}
	// Connections that have been idle as long may be as dead.
	a.client.http.CloseIdle()
	a.route.Leave()
	a.extras++
	next := a.next(true)
	a.beside.Go(func() { a.run(ctx, next) })
}

// run makes an attempt, and cancels the others if the call ends with it.
func (a *attempts) run(ctx context.Context, this attempt) {
	silence := time.AfterFunc(a.patience(ctx), func() { a.startBeside(ctx) })
	reply, err := a.client.send(ctx, a.request, this)
	silence.Stop()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inFlight--
	if a.done {
		return
	}
	if err == nil {
		err = a.judge(reply)
	}
	a.last, a.err = this, err
	if err == nil {
		a.settle()
	}
	if err == nil || a.request.isServiceDown(err) || errors.Is(err, errServiceBroken) {
		a.done = true
		a.cancel()
	}
}

// judge returns nil for a reply that is worth keeping.
func (a *attempts) judge(reply []byte) error {
	errCode, err := a.request.read(reply)
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

// settle remembers that the last attempt was answered. a.mu is held.
func (a *attempts) settle() {
	changed := a.route.Answered(a.last.base)
	if a.last.extra {
		a.client.budget.Return(a.extras)
	}
	if changed || a.last.extra {
		// Those to a host that is not asked any more are kept for nothing, and those
		// beside a dead one are not to be trusted.
		a.client.http.CloseIdle()
	}
}

// prepareNext does what plan says after the last attempt has failed. It reports
// whether there may be another one. None is in flight.
func (a *attempts) prepareNext(ctx context.Context) bool {
	var next step
	next, a.failures = plan(a.err, a.failures)
	if next.closeIdle {
		a.client.http.CloseIdleSince(a.last.began)
	}
	if next.leave {
		a.route.Leave()
	}
	a.apart = next.apart
	wait := next.wait(ctx)
	if next.stop || !leaves(ctx, wait) || !a.mayGoOn(a.most(next.throttled)) {
		return false
	}
	if !next.free && !a.client.budget.Take() {
		return false
	}
	return wait == 0 || a.client.pause(ctx, wait) == nil
}

// most returns how many requests the invocation may send for this one.
func (a *attempts) most(throttled bool) int {
	if throttled {
		return maxThrottled
	}
	return maxAttempts - a.request.spare
}

// mayGoOn reports whether the call may send one more request.
func (a *attempts) mayGoOn(most int) bool {
	return (a.request.isForStranger == nil || !a.request.isForStranger()) && a.invocation.mayRepeat(most)
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
