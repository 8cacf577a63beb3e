// Package emulator runs a function binary on this computer as the clouds run it. Two
// runtimes stand in for two platforms. Both speak the platform's own protocol to the
// unchanged binary that would be deployed:
//
//   - [StartLambda] is AWS Lambda with an OS-only runtime. The process asks the Runtime API
//     for its next invocation and posts the response, one invocation at a time.
//   - [StartSCF] is Tencent SCF with the Go1 runtime. The process is a net/rpc server that
//     the platform calls, several calls at once if they come, with the function's variables
//     inside each call.
//
// Start one, [Runtime.Invoke] it as often as you like, Close it. A process that times out,
// crashes or exits is gone, as on the platform. That call gets the platform's own error
// document, and the next call starts a new process.
//
// HTTP handlers stand in front of a runtime. For calls by SDKs there are [InvokeAPI] (the
// AWS CLI and SDKs) and [SCFAPI] (the SDKs of Tencent Cloud). For HTTP requests there are
// [HTTPAPI] (an API Gateway HTTP API), [FunctionURL] and [RESTAPI], all for Lambda.
// [SCFFunctionURL] is the URL of a function on SCF. [SCFInvokeAPI] takes calls as a Mini
// Program makes them. They authenticate no caller: serve them on loopback, behind
// [sotercall/internal/dev/loopback.Only].
//
// [WithFaults] lets a platform refuse invocations on request, as one that is short of
// instances does.
//
// Not emulated: memory and disk limits, freezing between invocations, IAM
// and CAM, asynchronous retries, scaling to more than one process.
package emulator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	latestVersion = "$LATEST" // on both platforms, the name of the unpublished version

	defaultTimeout  = 3 * time.Second // both platforms
	defaultMemoryMB = 128             // both platforms
	initLimit       = 10 * time.Second

	// functionErrorUnhandled is the only value of X-Amz-Function-Error that Lambda still sends.
	functionErrorUnhandled = "Unhandled"
)

// ErrClosed is Invoke's error if the runtime was closed before the call or during it.
var ErrClosed = errors.New("emulator: runtime is closed")

var (
	errTimedOut = errors.New("invocation timed out")
	errNotReady = errors.New("not ready within 10 s")
)

// exitError says that the process ended without being stopped.
type exitError struct{ status string }

func (e *exitError) Error() string { return "process ended: " + e.status }

// initError says why a process did not become ready for calls.
type initError struct {
	function string
	cause    error
	log      []byte
}

func (e *initError) Error() string {
	return fmt.Sprintf("emulator: function %s: init: %v; its log ends with %q", e.function, e.cause, e.log)
}

func (e *initError) Unwrap() error { return e.cause }

// allowInvalidUTF8 allows any text of a function in an error document; U+FFFD replaces
// invalid bytes.
var allowInvalidUTF8 = jsontext.AllowInvalidUTF8(true)

// Function is one deployed function: a binary and its configuration.
type Function struct {
	// Name of the function, without version or alias, in the form that the platform takes.
	Name string
	// Binary is the absolute path of the executable. Its folder becomes the working
	// directory, as the unpacked zip does on the platforms.
	Binary string
	// Env holds the function's configured variables. The start fails for what the platform
	// would not deploy: names that it reserves or refuses, and more than 4 KiB in total.
	Env map[string]string
	// Timeout bounds one invocation; 3 s when zero, as on both platforms, which allow 1 to
	// 900 whole seconds.
	Timeout time.Duration
	// MemoryMB is the memory size that the process sees; 128 when zero. It is not enforced.
	MemoryMB int
	// Log receives stdout and stderr of the process, one Write for each whole line; nil
	// discards them. It must be safe for concurrent use when several functions share it.
	Log io.Writer
}

// Call is one invocation.
type Call struct {
	// Payload is the event, passed to the function byte for byte.
	Payload []byte
	// RequestID is generated when empty.
	RequestID string
	// TraceID is the X-Ray header on Lambda, where it is generated when empty, and TraceId on SCF.
	TraceID string
	// ClientContext is the invoker's client context, a JSON object.
	ClientContext []byte
	// Environment is what SCF adds to the function's variables for this invocation alone,
	// such as WX_OPENID; it wins over Function.Env. On Lambda it is an error. So is
	// anything that the platform never says of a caller.
	Environment map[string]string
	// Forged allows any Environment. It is for tests of functions that must not trust it.
	Forged bool
}

// Response is the platform's response to the invoker.
type Response struct {
	// Payload is the function's response, or with FunctionError the platform's error
	// document, which is JSON.
	Payload []byte
	// FunctionError is empty, or "Unhandled" when the function failed, timed out or died.
	FunctionError string
	RequestID     string
	// Duration runs from passing the event to the end of the invocation.
	Duration time.Duration
	// InitDuration runs from starting the process until it is ready. Only the first call
	// that a process serves reports it.
	InitDuration time.Duration
	// LogTail is the end, at most 4 KiB, of the process's log during this call, on Lambda
	// between the platform's own lines. If SCF runs calls in parallel, their lines are
	// mixed.
	LogTail []byte
}

// Runtime hosts one function. Both methods are safe for concurrent use.
type Runtime interface {
	// Invoke runs the function once. A function that fails is not an error here: see
	// Response.FunctionError. The error is that of ctx if the caller leaves, and the
	// invocation is then finished without the caller. Or it is [ErrClosed], or says that
	// the emulator could not run the function.
	Invoke(ctx context.Context, call Call) (Response, error)
	// Close ends the process and everything that it started, and waits until it is gone.
	// Further calls do nothing.
	Close() error
}

// Platform is where functions can run.
type Platform struct {
	// Name is the platform's name in the functions' logs, such as lambda.
	Name string
	// Title is the platform's name for people.
	Title string
	// Start starts a function and waits until it accepts calls. ctx bounds the start only.
	Start func(ctx context.Context, f Function) (Runtime, error)
	// API takes calls of the given functions, by name, at Paths: patterns of http.ServeMux.
	// Below the first, {name}/invocations takes the events of a function. [Port] has none.
	API   func(functions map[string]Runtime) http.Handler
	Paths []string

	limits *limits // nil if the platform has none
}

// Platforms are those that run functions on events; [Port] is for requests.
var Platforms = []Platform{
	{
		Name: "lambda", Title: "Lambda", API: InvokeAPI, Paths: []string{"/2015-03-31/functions/", "/2021-11-15/functions/"}, limits: &lambdaLimits,
		Start: func(ctx context.Context, f Function) (Runtime, error) { return started(StartLambda(ctx, f)) },
	},
	{
		Name: "scf", Title: "SCF", API: SCFInvokeAPI, Paths: []string{"/scf/functions/"}, limits: &scfLimits,
		Start: func(ctx context.Context, f Function) (Runtime, error) { return started(StartSCF(ctx, f)) },
	},
}

// Port is a container, whose functions take requests.
var Port = Platform{
	Name: "http", Title: "HTTP",
	Start: func(ctx context.Context, f Function) (Runtime, error) { return started(StartHTTP(ctx, f)) },
}

// All returns [Platforms], and [Port] behind them.
func All() []Platform { return append(slices.Clone(Platforms), Port) }

// Named returns the platform of [All] with a name. An error names the others.
func Named(name string) (Platform, error) {
	var names []string
	for _, p := range All() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Platform{}, fmt.Errorf("platform %q, want one of %s", name, strings.Join(names, ", "))
}

// started turns a nil pointer into a nil Runtime.
func started[R Runtime](rt R, err error) (Runtime, error) {
	if err != nil {
		return nil, err
	}
	return rt, nil
}

func (f Function) withDefaults() (Function, error) {
	if f.Name == "" {
		return f, errors.New("emulator: the function has no name")
	}
	if !filepath.IsAbs(f.Binary) {
		return f, fmt.Errorf("emulator: function %s: binary %q is not an absolute path", f.Name, f.Binary)
	}
	if f.Timeout < 0 {
		return f, fmt.Errorf("emulator: function %s: negative timeout %s", f.Name, f.Timeout)
	}
	if f.Timeout == 0 {
		f.Timeout = defaultTimeout
	}
	if f.MemoryMB == 0 {
		f.MemoryMB = defaultMemoryMB
	}
	if f.Log == nil {
		f.Log = io.Discard
	}
	return f, nil
}

// await runs an invocation to its end even if the caller leaves first. The platforms do the
// same: the process stays busy until the function has returned or timed out.
func await(ctx context.Context, invocation func() (Response, error)) (Response, error) {
	type outcome struct {
		answer Response
		err    error
	}
	ended := make(chan outcome, 1)
	go func() {
		answer, err := invocation()
		ended <- outcome{answer, err}
	}()
	select {
	case o := <-ended:
		return o.answer, o.err
	case <-ctx.Done():
		return Response{}, context.Cause(ctx)
	}
}

// newRequestID returns a random UUID (version 4), the form of request ids on both platforms.
func newRequestID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
