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
	// maxAttempts bounds the requests of an invocation within countedFor if one of them has
	// failed. Fetching a token counts.
	maxAttempts = 4
	// countedFor is the longest time of a fetch. Requests after it have attempts of their
	// own.
	countedFor = 5 * time.Second
	// maxThrottled replaces maxAttempts while a server only says that it is overloaded.
	// Such a response costs it little.
	maxThrottled = 8

	// maxHedgeDelay bounds the wait for a silent attempt before another one begins beside it:
	// its connection may be dead without a sign. hedgeShare bounds it as a share of the
	// time that is left.
	maxHedgeDelay = time.Second
	minHedgeDelay = 20 * time.Millisecond
	hedgeShare    = 1. / 3
	// Limits for a request that costs something to repeat.
	maxHedgeDelayOnce = 1750 * time.Millisecond
	hedgeShareOnce    = 2. / 3
)

// attemptBudget counts the requests for one of our calls, across all functions that get its
// context.
type attemptBudget struct {
	deadline time.Time // of the call; a fetch that others may join outlives it; zero: none
	began    time.Time // when counting began

	mu   sync.Mutex
	sent int // guarded by mu
}

type attemptBudgetKey struct{}

// begin returns a context that starts counting.
func (c *API) begin(ctx context.Context) context.Context {
	c.budget.Call()
	return context.WithValue(ctx, attemptBudgetKey{}, &attemptBudget{deadline: deadlineOf(ctx), began: time.Now()})
}

// beginAnew returns a context that counts from zero again, for the same call. Requests that
// were answered so far do not limit those that follow.
func beginAnew(ctx context.Context) context.Context {
	deadline := deadlineOf(ctx)
	if i, ok := ctx.Value(attemptBudgetKey{}).(*attemptBudget); ok {
		deadline = i.deadline
	}
	return context.WithValue(ctx, attemptBudgetKey{}, &attemptBudget{deadline: deadline, began: time.Now()})
}

func (i *attemptBudget) count() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sent++
}

func (i *attemptBudget) mayRepeat(most int) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sent < most
}

// attempt is one request of a call.
type attempt struct {
	base  *url.URL
	extra bool // begun beside a silent one
	apart bool // on a connection of its own
	began time.Time
}

// attempts is one request in progress. An attempt that stays silent starts another one
// beside itself. The first good reply ends them all.
type attempts struct {
	client     *API
	request    *request
	invocation *attemptBudget
	failures   failures
	beside     sync.WaitGroup     // attempts begun beside a silent one
	cancel     context.CancelFunc // ends all attempts

	mu       sync.Mutex
	route    upstream.Route // guarded by mu, as all that follows
	inFlight int
	extras   int     // attempts begun beside a silent one
	apart    bool    // the next attempt gets a connection of its own
	last     attempt // the last attempt that has ended
	err      error   // the result of last
	done     bool    // err is the result of the call
}

// call sends r until it has a valid reply, or until another attempt is of no use. If it
// returns no error, r.read has read the reply.
func (c *API) call(ctx context.Context, r *request) error {
	switch i, ok := ctx.Value(attemptBudgetKey{}).(*attemptBudget); {
	case !ok:
		ctx = c.begin(ctx)
	case time.Since(i.began) >= countedFor:
		ctx = beginAnew(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := &attempts{
		client: c, request: r, invocation: ctx.Value(attemptBudgetKey{}).(*attemptBudget), cancel: cancel,
		route: r.hosts.Route(), failures: failures{hosts: r.hosts.Count()},
	}
	for {
		a.run(ctx, a.begin())
		a.beside.Wait()
		// No attempt is in flight now, so none can start another one.
		switch {
		case a.done:
			return a.err
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", r.name(), context.Cause(ctx))
		case a.prepareNext(ctx):
			continue
		case errors.Is(a.err, errBusy):
			return nil // it is a reply of WeChat's own
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

// next counts an attempt and returns it. The caller holds a.mu.
func (a *attempts) next(extra bool) attempt {
	a.invocation.count()
	a.inFlight++
	next := attempt{base: a.route.Base(), extra: extra, apart: a.apart, began: a.client.now()}
	a.apart = false
	return next
}

// startBeside starts an attempt beside a silent one, if the limits allow it.
func (a *attempts) startBeside(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inFlight == 0 || ctx.Err() != nil || !a.mayGoOn(a.most(false)) || !a.client.budget.Take() {
		return
	}
	// Connections that were idle as long may be dead as well.
	a.client.http.CloseIdle()
	a.route.Leave()
	a.extras++
	next := a.next(true)
	a.beside.Go(func() { a.run(ctx, next) })
}

// run makes an attempt, and cancels the others if the call ends with it.
func (a *attempts) run(ctx context.Context, this attempt) {
	silence := time.AfterFunc(a.hedgeDelay(ctx), func() { a.startBeside(ctx) })
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

// judge returns nil for a valid reply.
func (a *attempts) judge(reply []byte) error {
	errCode, err := a.request.read(reply)
	switch {
	case errors.Is(err, errServiceBroken):
		return fmt.Errorf("%s: %w", a.request.name(), errServiceBroken)
	case err != nil: // the parser's error could quote a secret
		return fmt.Errorf("%s: %w", a.request.name(), errNonsense)
	case errCode != 0 && openapi.LookUp(errCode).Busy:
		return errBusy
	}
	return nil
}

// settle records that the last attempt was answered. The caller holds a.mu.
func (a *attempts) settle() {
	changed := a.route.Answered(a.last.base)
	if a.last.extra {
		a.client.budget.Return(a.extras)
	}
	if changed || a.last.extra {
		// Connections to a host that is no longer used are of no use, and those beside a
		// dead one cannot be trusted.
		a.client.http.CloseIdle()
	}
}

// prepareNext carries out the plan after the last attempt has failed. It reports whether
// another one may follow. No attempt is in flight.
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

// most returns how many requests the invocation may send, with those for this one.
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

// hedgeDelay returns how long to wait for a reply before another attempt begins.
func (a *attempts) hedgeDelay(ctx context.Context) time.Duration {
	share, most := hedgeShare, maxHedgeDelay
	if a.request.once {
		share, most = hedgeShareOnce, maxHedgeDelayOnce
	}
	for _, deadline := range []time.Time{a.invocation.deadline, deadlineOf(ctx)} {
		if left := time.Until(deadline); !deadline.IsZero() && left > 0 {
			most = min(most, time.Duration(share*float64(left)))
		}
	}
	return max(most, minHedgeDelay)
}

// deadlineOf returns the deadline of ctx; zero if it has none.
func deadlineOf(ctx context.Context) time.Time {
	deadline, _ := ctx.Deadline()
	return deadline
}

// leaves reports whether ctx has time left after a pause of d.
func leaves(ctx context.Context, d time.Duration) bool {
	deadline := deadlineOf(ctx)
	return deadline.IsZero() || time.Until(deadline) > d
}
