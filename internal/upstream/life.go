package upstream

import (
	"context"
	"sync"
	"time"
)

// Life bounds what a service does beside its calls and after them, such as a fetch for all
// who wait, so that the service can be ended: a deployed function lives as long as its
// process and has none. It may be used concurrently. Make it with [NewLife].
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

type lifeKey struct{}

// Begin counts a call, until done is called, and returns its context: that of parent, which
// ends with the Life as well. It reports false once the Life has ended.
func (l *Life) Begin(parent context.Context) (ctx context.Context, done func(), ok bool) {
	if !l.enter() {
		return nil, nil, false
	}
	ctx, cancel := context.WithCancel(context.WithValue(parent, lifeKey{}, l))
	stop := context.AfterFunc(l.ctx, cancel)
	return ctx, func() { stop(); cancel(); l.running.Done() }, true
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

// lifeOf returns the Life of ctx; nil if it has none.
func lifeOf(ctx context.Context) *Life {
	l, _ := ctx.Value(lifeKey{}).(*Life)
	return l
}

// Beside runs do beside the call of ctx, in a goroutine of its own and for limit at most. It
// goes on when the call ends, since what it brings is for other calls, too; it ends with the
// [Life] of ctx. The context of do has the values of ctx.
func Beside(ctx context.Context, limit time.Duration, do func(ctx context.Context)) {
	life := lifeOf(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	if life == nil {
		go func() {
			defer cancel()
			do(ctx)
		}()
		return
	}
	if !life.enter() {
		cancel()
		go do(ctx) // which finds out at once that there is no time
		return
	}
	stop := context.AfterFunc(life.ctx, cancel)
	go func() {
		defer life.running.Done()
		defer cancel()
		defer stop()
		do(ctx)
	}()
}

// UntilLifeEnds returns a context that ends with the [Life] of ctx as well.
func UntilLifeEnds(ctx context.Context) (context.Context, context.CancelFunc) {
	life := lifeOf(ctx)
	ctx, cancel := context.WithCancel(ctx)
	if life == nil {
		return ctx, cancel
	}
	stop := context.AfterFunc(life.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}
