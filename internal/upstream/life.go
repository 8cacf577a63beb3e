package upstream

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Life bounds what a service does beside its calls and after them, such as a fetch for all
// who wait, so that the service can be ended. A deployed function lives as long as its
// process: the nil Life never ends. It may be used concurrently. Make it with [NewLife].
type Life struct {
	ctx context.Context
	end context.CancelFunc

	mu      sync.Mutex
	ended   bool           // guarded by mu
	running sync.WaitGroup // counted up only while mu is held and ended is false
}

// NewLife makes a Life that goes on until [Life.End].
func NewLife() *Life {
	ctx, end := context.WithCancel(context.Background())
	return &Life{ctx: ctx, end: end}
}

// Begin counts a call, until done is called, and returns its context: that of parent, which
// ends with the Life as well. It reports false once the Life has ended.
func (l *Life) Begin(parent context.Context) (ctx context.Context, done func(), ok bool) {
	if !l.enter() {
		return nil, nil, false
	}
	ctx, cancel := l.Bound(parent)
	return ctx, func() { cancel(); l.running.Done() }, true
}

// Bound returns a context that ends with the Life as well as with parent.
func (l *Life) Bound(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	if l == nil {
		return ctx, cancel
	}
	stop := context.AfterFunc(l.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// End ends the contexts of all calls and of what runs beside them, and waits for it.
func (l *Life) End() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.end()
	l.running.Wait()
}

// enter counts something that runs, unless the Life has ended.
func (l *Life) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.running.Add(1)
	return true
}

// Beside runs do beside the call of ctx, in a goroutine of its own and for limit at most. It
// goes on when the call ends, since what it brings is for other calls, too; it ends with the
// Life. The context of do has the values of ctx.
func (l *Life) Beside(ctx context.Context, limit time.Duration, do func(ctx context.Context)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	counted := l != nil && l.enter()
	if l != nil && !counted {
		cancel() // do finds out at once that there is no time
	}
	ctx, stop := l.Bound(ctx)
	go func() {
		if counted {
			defer l.running.Done()
		}
		defer cancel()
		defer stop()
		do(ctx)
	}()
}

// NewTransport is [NewTransport] with connections whose making, name lookups included, ends
// with the Life.
func (l *Life) NewTransport(idle time.Duration, now func() time.Time) *http.Transport {
	dialer := newDialer(now)
	dialer.life = l
	return transportBy(dialer, idle)
}
