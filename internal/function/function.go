// Package function is one deployed function: what stands between the adapter,
// which hands over bytes, and the API that the function offers.
//
// For each invocation it finds the door (package trigger), keeps a part of the
// time to answer in, calls what stands behind the door, words the answer for
// the door, and writes one log line. Every byte string gets an answer; only a
// bug of ours becomes a function error.
package function

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sotercall/internal/adapter"
	"sotercall/internal/journal"
	"sotercall/internal/openapi"
	"sotercall/internal/trigger"
)

// API is what a function offers behind its doors. All of it may be called
// concurrently.
type API struct {
	// Direct answers an event that is no HTTP request, a Mini Program's call
	// among them. The context carries the openapi.Caller.
	Direct func(ctx context.Context, event []byte) []byte
	// HTTP answers the HTTP request inside an event.
	HTTP http.Handler
	// BadRequest answers an event that has the shape of an HTTP request and is
	// broken inside.
	BadRequest func(w http.ResponseWriter, r *http.Request, err error)
	// Timer answers a timer or a schedule.
	Timer func(ctx context.Context, event []byte) []byte
	// Warm, if set, does early what the first call would wait for: it fetches
	// a token, it connects. Where it fails, the call will try itself.
	Warm func(ctx context.Context)
}

// Handler runs an API. It implements [adapter.Handler].
type Handler struct {
	name  string
	build func(environment map[string]string) API
	log   *slog.Logger
	now   func() time.Time

	once sync.Once
	api  API // set by once
	warm atomic.Bool
}

var _ adapter.Handler = (*Handler)(nil)

// New makes a Handler. build makes the API from the function's variables; it is
// called once, when they are known: on SCF that is with the first invocation.
func New(name string, build func(environment map[string]string) API, log *slog.Logger) *Handler {
	return &Handler{name: name, build: build, log: log, now: time.Now}
}

func (h *Handler) prepare(environment map[string]string) {
	h.once.Do(func() {
		all := map[string]string{}
		for _, variable := range os.Environ() {
			name, value, _ := strings.Cut(variable, "=")
			all[name] = value
		}
		for name, value := range environment {
			all[name] = value
		}
		h.api = h.build(all)
	})
}

// Builder makes the API of a function from its variables. The log is where the
// function writes; its level may be set.
type Builder func(environment map[string]string, log *slog.Logger, level *slog.LevelVar) API

// Main hosts the function called name on the platform that has started the
// process, and does not return. Logs go to stderr as JSON, which both platforms
// collect.
func Main(name string, build Builder) {
	level := new(slog.LevelVar)
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	h := New(name, func(environment map[string]string) API { return build(environment, log, level) }, log)
	if adapter.VariablesAtStart() {
		h.prepare(nil)
		h.goAhead()
	}
	os.Exit(adapter.Start(h, os.Stderr))
}

// preparation bounds what is done before the first call. The platform gives the
// init phase 10 seconds (AWS Lambda, "Lambda runtime environment").
const preparation = 5 * time.Second

// goAhead prepares beside the start of the runtime, which must not wait for the
// network. The first call joins what is under way.
func (h *Handler) goAhead() {
	if h.api.Warm == nil {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), preparation)
		defer cancel()
		h.api.Warm(ctx)
	}()
}

// errBug is all that a caller learns of a bug.
var errBug = errors.New("internal error, the log of the function says more")

// Invoke implements [adapter.Handler].
func (h *Handler) Invoke(ctx context.Context, invocation adapter.Invocation, payload []byte) (answer []byte, err error) {
	begin := h.now()
	ctx, entry := journal.New(ctx)
	entry.Set("function", h.name)
	entry.Set("request_id", invocation.RequestID)
	entry.Set("platform", string(invocation.Platform))
	if invocation.TraceID != "" {
		entry.Set("trace_id", invocation.TraceID)
	}
	entry.Set("cold", !h.warm.Swap(true))
	defer func() {
		if bug := recover(); bug != nil {
			answer, err = nil, errBug
			entry.Set("panic", panicText(bug))
			entry.Set("stack", string(debug.Stack()))
		}
		entry.Spend("total_ms", h.now().Sub(begin))
		h.write(ctx, invocation.Platform, entry, err)
	}()

	ctx, cancel := h.leaveTimeToAnswer(ctx)
	defer cancel()
	h.prepare(invocation.Environment)
	event := trigger.Read(payload)
	entry.Set("door", string(event.Door))
	ctx = adapter.WithInvocation(ctx, invocation)
	caller := trigger.CallerOf(invocation.Environment)
	ctx = openapi.WithCaller(ctx, openapi.Caller{OpenID: caller.OpenID, FromPage: caller.FromPage()})
	return h.answer(ctx, event, payload), nil
}

func (h *Handler) answer(ctx context.Context, event trigger.Event, payload []byte) []byte {
	switch {
	case event.Door == trigger.SCFTimer, event.Door == trigger.AWSSchedule:
		return h.api.Timer(ctx, payload)
	case !event.Door.HTTP():
		return h.api.Direct(ctx, payload)
	}
	w := recorder{header: http.Header{}, status: http.StatusOK}
	if event.Err != nil {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
		if err != nil {
			panic(err) // the arguments are constants
		}
		h.api.BadRequest(&w, r, event.Err)
	} else {
		h.api.HTTP.ServeHTTP(&w, event.Request.WithContext(ctx))
	}
	return event.Respond(w.status, w.header, w.body)
}

// leaveTimeToAnswer ends the work a little before the platform ends the
// function: a tenth of what is left, at most half a second.
func (h *Handler) leaveTimeToAnswer(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(deadline)
	return context.WithDeadline(ctx, deadline.Add(-min(left/10, 500*time.Millisecond)))
}

// write writes the invocation's line. On Lambda it holds the same figures as
// metrics too.
func (h *Handler) write(ctx context.Context, platform adapter.Platform, entry *journal.Entry, err error) {
	level := slog.LevelInfo
	if err != nil {
		level = slog.LevelError
	}
	attrs := entry.Attrs()
	if platform == adapter.Lambda {
		attrs = append(attrs, metrics(attrs, h.now()))
	}
	h.log.LogAttrs(ctx, level, "invocation", attrs...)
}

// panicText tells a runtime error in full; of any other value only the type,
// because the value may hold what was being worked on.
func panicText(bug any) string {
	if e, ok := bug.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("panic with a %T", bug)
}

// recorder is the http.ResponseWriter whose content becomes the answer.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (w *recorder) Header() http.Header    { return w.header }
func (w *recorder) WriteHeader(status int) { w.status = status }
func (w *recorder) Write(b []byte) (int, error) {
	w.body = append(w.body, b...)
	return len(b), nil
}
