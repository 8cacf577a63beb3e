package upstream

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Life bounds the work of a service beside its calls and after them, so that the service
// can be ended. Such work is a fetch that several calls wait for. A deployed function lives
// as long as its process: the nil Life never ends. It is safe for concurrent use. Use
// [NewLife] to make one.
type Life struct {
	ctx context.Context
	end context.CancelFunc

	mu      sync.Mutex
	ended   bool           // guarded by mu
	running sync.WaitGroup // counted up only while mu is held and ended is false
}

// NewLife returns a Life that goes on until [Life.End].
func NewLife() *Life {
	ctx, end := context.WithCancel(context.Background())
	return &Life{ctx: ctx, end: end}
}

// Begin counts a call, until done is called, and returns its context, which ends with
// parent and with the Life. It reports false once the Life has ended.
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

// End ends the contexts of all calls and of the work beside them, and waits until all have
// returned.
func (l *Life) End() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.end()
	l.running.Wait()
}

// enter counts running work, unless the Life has ended.
func (l *Life) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.running.Add(1)
	return true
}

// Beside runs do beside the call of ctx, in a goroutine of its own and for limit at most.
// It goes on when the call ends, because its result is for other calls as well; it ends
// with the Life. The context of do has the values of ctx.
func (l *Life) Beside(ctx context.Context, limit time.Duration, do func(ctx context.Context)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	counted := l != nil && l.enter()
	if l != nil && !counted {
		cancel() // do then sees at once that there is no time
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

// NewTransport is [NewTransport] with dials and name lookups that end with the Life.
func (l *Life) NewTransport(idle time.Duration, now func() time.Time) *http.Transport {
	dialer := newDialer(now)
	dialer.life = l
	return transportBy(dialer, idle)
}
