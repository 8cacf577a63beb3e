// Package function is one deployed function: the layer between the adapter, which passes
// events or requests, and the function's calls.
//
// A [Function] is a list of calls. For each invocation a [Host] identifies source and
// caller (package trigger), reserves time for the response, and finds the call. Then it
// wraps the response for the source, and writes one log line. Every byte string gets a
// response; only a bug of ours becomes a function error.
package function

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sotercall/internal/adapter"
	"sotercall/internal/journal"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/trigger"
	"sotercall/internal/version"
)

// Function is a deployed function: a list of calls.
type Function struct {
	// BasePath is a prefix of HTTP paths that a gateway in front of the function keeps,
	// such as /soter; empty for none. The paths without it work as well.
	BasePath string
	// Calls are the function's calls. If it is not configured, each of them is refused.
	// Calls[0] handles events without a "call" member.
	Calls []openapi.Call
	// Warm, if set, does in advance what the first call would wait for: it fetches a token,
	// it connects. If it fails, the call will try itself. The error is that of a call.
	Warm func(ctx context.Context) error
	// Rebuild, if set, builds the successor of this function when a secret has changed. It
	// keeps what the change does not affect: consumed challenges, tokens, budgets,
	// connections. Calls of this one may still be under way.
	Rebuild Builder
	// Health, if set, returns why this configuration can never work, as far as is known so
	// far. It returns at once.
	Health func() error
	// Notices, if set, returns what an operator should know although the function works, a
	// line each. It returns at once, and is called after each invocation, when it can find
	// out more.
	Notices func() []string

	err     error // why this configuration cannot work
	version int   // of the secrets in it
}

// Builder builds a Function from its variables. The error says why this configuration
// cannot work; its calls are then refused with that. The function writes to log, and its
// level may be set.
type Builder func(environment map[string]string, log *slog.Logger, level *slog.LevelVar) (Function, error)

// Host runs a Function. It implements [adapter.Function].
type Host struct {
	name  string
	build Builder
	log   *slog.Logger
	level *slog.LevelVar
	queue *journal.Queue // log's writer; nil if that is no queue
	now   func() time.Time
	// openVault opens vault.
	openVault secret.OpenVault
	// metrics are nil if there are none. served says that this process serves them.
	metrics Metrics
	served  bool

	once        sync.Once
	environment map[string]string // set by once, as are the next two
	vault       secret.Vault      // nil: no secret is in one
	building    sync.Mutex        // held while the function is built with secrets of vault
	function    atomic.Pointer[Function]
	warm        atomic.Bool
}

var _ adapter.Function = (*Host)(nil)

// New returns a Host that logs to w, as JSON. If w is a [journal.Queue], the response to
// an event waits until its line has left the queue, for flushTime. build is called when the
// variables are known, on SCF with the first invocation. When a secret in a vault has
// changed, the function's own Rebuild is called, or build if it has none. Variables that
// name a vault are refused until [Host.SetVault] is called.
func New(name string, build Builder, w io.Writer) *Host {
	level := new(slog.LevelVar)
	queue, _ := w.(*journal.Queue)
	return &Host{name: name, build: build, log: newLog(w, level), level: level, queue: queue, now: time.Now, openVault: secret.NoVault}
}

// NewLogging returns a Host that logs to log, at the level that log has.
func NewLogging(name string, build Builder, log *slog.Logger) *Host {
	return &Host{name: name, build: build, log: log, level: new(slog.LevelVar), now: time.Now, openVault: secret.NoVault}
}

// Main hosts the function called name on the platform that has started the process, and
// ends the process. start runs it there and returns the exit status. Logs go to stderr,
// which all platforms collect. A reader of stderr that goes away or stops reading costs
// lines, and nothing else. Started with -version, the process prints its version and ends.
func Main(name string, build Builder, open secret.OpenVault, start func(h adapter.Function, stderr io.Writer) int, options ...Option) {
	if isVersion(os.Args[1:]) {
		printVersion(os.Stdout, name)
		return
	}
	// Otherwise the runtime ends the process when it writes to a stderr without a reader
	// (os/signal, "SIGPIPE").
	signal.Ignore(syscall.SIGPIPE)
	queue := journal.NewQueue(os.Stderr)
	h := New(name, build, queue)
	h.SetVault(open)
	for _, set := range options {
		set(h)
	}
	takeLibraryLog(h.log, queue)
	status := start(h, queue)
	queue.Flush(flushTime)
	os.Exit(status)
}

// flushTime bounds how long a line may delay the response to an event, or the end of the
// process.
const flushTime = 500 * time.Millisecond

// minFlushTime is flushTime for an invocation that has used up its time. It is shorter than
// the adapter's reserve for the response.
const minFlushTime = 50 * time.Millisecond

// LogDropped implements [adapter.Function].
func (h *Host) LogDropped() int { return h.queue.Dropped() }

// Notices implements [adapter.Function].
func (h *Host) Notices() []string {
	if f := h.function.Load(); f != nil && f.Notices != nil {
		return f.Notices()
	}
	return nil
}

// errBug is the caller's error for a bug.
var errBug = errors.New("internal error, the log of the function says more")

// Invoke implements [adapter.Function].
func (h *Host) Invoke(ctx context.Context, invocation adapter.Invocation, payload []byte) (answer []byte, err error) {
	ctx, end := h.begin(ctx, invocation)
	defer func() {
		if bug := end(recover()); bug != nil {
			answer, err = nil, bug
		}
		// The platform may freeze the process once it has the response.
		deadline, _ := ctx.Deadline()
		h.queue.Flush(max(minFlushTime, min(flushTime, time.Until(deadline))))
	}()
	function := h.configure(ctx, invocation.Environment)
	event := trigger.Read(payload)
	journal.From(ctx).Set("source", event.Source.String())
	ctx = openapi.WithCaller(ctx, caller(invocation))
	return function.answer(ctx, event, payload), nil
}

// Serve implements [adapter.Function]. It sends the response before it writes the line.
func (h *Host) Serve(ctx context.Context, invocation adapter.Invocation, w http.ResponseWriter, r *http.Request) {
	ctx, end := h.begin(ctx, invocation)
	var function *Function
	defer func() {
		if bug := end(recover()); bug != nil {
			write(w, http.StatusInternalServerError, function.first().Body(openapi.Refused(openapi.NewError(openapi.CodeSystem, bug.Error(), nil))))
		}
	}()
	function = h.configure(ctx, nil)
	journal.From(ctx).Set("source", string(invocation.Platform))
	answer := recorder{header: w.Header(), status: http.StatusOK}
	function.serveHTTP(&answer, r.WithContext(openapi.WithCaller(ctx, caller(invocation))))
	if err := answer.send(w); err != nil || r.Context().Err() != nil {
		journal.From(ctx).Set("client_gone", true)
	}
}

// Call handles a call of the program itself, as its own backend. The event names the call
// and is otherwise as in a direct invocation. A bug is a refusal.
func (h *Host) Call(ctx context.Context, invocation adapter.Invocation, event []byte) (result openapi.Result) {
	ctx, end := h.begin(ctx, invocation)
	defer func() {
		if bug := end(recover()); bug != nil {
			result = openapi.Refused(openapi.NewError(openapi.CodeSystem, bug.Error(), nil))
		}
	}()
	function := h.configure(ctx, invocation.Environment)
	journal.From(ctx).Set("source", string(invocation.Platform))
	ctx = openapi.WithCaller(ctx, openapi.Backend())
	return function.serve(function.direct(event), openapi.NewEvent(ctx, event))
}

// Serves reports whether the function, which has been configured, has a call of that name.
func (h *Host) Serves(name string) bool {
	function := h.function.Load()
	return function != nil && slices.ContainsFunc(function.Calls, func(c openapi.Call) bool { return c.Name == name })
}

// caller returns the caller, as far as the platform proves it.
func caller(invocation adapter.Invocation) openapi.Caller {
	if !invocation.Authorized {
		return openapi.Unknown("the platform does not say who calls")
	}
	return trigger.CallerOf(invocation.Environment, invocation.CloudBase)
}

// begin opens an invocation. end closes it, with the result of recover: it writes the log
// line, and returns the error of a bug.
func (h *Host) begin(ctx context.Context, invocation adapter.Invocation) (_ context.Context, end func(bug any) error) {
	begin := h.now()
	ctx, entry := journal.New(ctx)
	entry.Set("function", h.name)
	entry.Set("version", version.String())
	entry.Set("request_id", invocation.RequestID)
	entry.Set("platform", string(invocation.Platform))
	if invocation.TraceID != "" {
		entry.Set("trace_id", invocation.TraceID)
	}
	entry.Set("cold", !h.warm.Swap(true))
	ctx = adapter.WithInvocation(ctx, invocation)
	return ctx, func(bug any) (err error) {
		if bug != nil {
			err = errBug
			entry.Set("panic", panicText(bug))
			entry.Set("stack", strings.Split(strings.TrimSpace(string(debug.Stack())), "\n"))
		}
		entry.Spend("total_ms", h.now().Sub(begin))
		h.Notices()
		h.write(ctx, invocation.Platform, entry, err)
		return err
	}
}

func (f *Function) answer(ctx context.Context, event trigger.Event, payload []byte) []byte {
	switch {
	case event.Source.IsTimer():
		return f.timer(ctx)
	case event.Source == trigger.Unknown:
		return f.refuse(ctx, f.first(), openapi.NewError(openapi.CodeInvalidParam, event.Err.Error(), event.Err))
	case !event.Source.IsHTTP():
		call := f.direct(payload)
		return call.Body(f.serve(call, openapi.NewEvent(ctx, payload)))
	}
	w := recorder{header: http.Header{}, status: http.StatusOK}
	if event.Err != nil {
		f.badRequest(ctx, &w, event.Err)
	} else {
		f.serveHTTP(&w, event.Request.WithContext(ctx))
	}
	return event.Respond(w.status, w.header, w.body)
}

// write writes the invocation's line. On Lambda it has the figures as metrics as well.
func (h *Host) write(ctx context.Context, platform adapter.Platform, entry *journal.Entry, err error) {
	level := slog.LevelInfo
	if err != nil {
		level = slog.LevelError
	}
	if !h.log.Enabled(ctx, level) && h.metrics == nil {
		return
	}
	if dropped := h.queue.Dropped(); dropped > 0 {
		entry.Set("log_dropped", dropped)
	}
	line := entry.Record(h.now(), level, "invocation")
	if h.metrics != nil {
		h.metrics.Invocation(line)
		if !h.log.Enabled(ctx, level) {
			return
		}
	}
	if platform == adapter.Lambda {
		line.AddAttrs(metrics(line))
	}
	_ = h.log.Handler().Handle(ctx, line)
}

// panicText returns a runtime error in full. Of any other value it returns only the type,
// because the value may hold data.
func panicText(bug any) string {
	if e, ok := bug.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("panic with a %T", bug)
}

// recorder is the http.ResponseWriter of events.
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

// send writes the response to the client. An error means that the client has gone.
func (w *recorder) send(to http.ResponseWriter) error {
	w.header.Set("Content-Length", strconv.Itoa(len(w.body)))
	to.WriteHeader(w.status)
	if _, err := to.Write(w.body); err != nil {
		return err
	}
	return http.NewResponseController(to).Flush()
}
