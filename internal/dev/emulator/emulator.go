// Package emulator runs a function binary on this computer the way the clouds run it. Two runtimes stand in for two
// platforms, and both speak the platform's own protocol to the unchanged binary that would be deployed:
//
//   - [StartLambda] is AWS Lambda with an OS-only runtime. The process asks the Runtime API for its next invocation
//     and posts the answer back, one invocation at a time.
//   - [StartSCF] is Tencent SCF with the Go1 runtime. The process is a net/rpc server that the platform calls, several
//     calls at once if they come, with the function's variables inside each call.
//
// Start one, [Runtime.Invoke] it as often as you like, Close it. A process that times out, crashes or exits is gone,
// as on the platform: that call gets the platform's own error document, and the next call starts a new process.
//
// In front of a runtime stand HTTP handlers: [InvokeAPI] for the AWS CLI and SDKs, [SCFAPI] for the SDKs of
// Tencent Cloud, [HTTPAPI] for an API Gateway HTTP API, [FunctionURL] and [RESTAPI] for the other ways to a Lambda function by HTTP,
// [SCFFunctionURL] for the URL of a function on SCF, and [SCFInvokeAPI] for calls as a Mini Program makes them. They authenticate nobody: serve them
// on loopback, behind [sotercall/internal/dev/loopback.Only].
//
// [WithFaults] lets a platform refuse invocations on request, as one that is short of instances does.
//
// Not emulated: memory and disk limits, freezing between invocations, IAM and CAM, asynchronous retries, scaling to
// more than one process.
package emulator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	latestVersion = "$LATEST" // both platforms call the unpublished version so

	defaultTimeout  = 3 * time.Second // both platforms
	defaultMemoryMB = 128             // both platforms
	initLimit       = 10 * time.Second

	// functionErrorUnhandled is the only value of X-Amz-Function-Error that Lambda still sends.
	functionErrorUnhandled = "Unhandled"
)

// ErrClosed is what Invoke returns when the runtime has been closed, before the call or during it.
var ErrClosed = errors.New("emulator: runtime is closed")

var (
	errTimedOut = errors.New("invocation timed out")
	errNotReady = errors.New("not ready within 10 s")
)

// exitError says that the process ended by itself.
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

// allowInvalidUTF8 lets a function's own text into an error document whatever it is, with U+FFFD for what is not text.
var allowInvalidUTF8 = jsontext.AllowInvalidUTF8(true)

// Function is one deployed function: a binary and how the platform runs it.
type Function struct {
	// Name of the function, without version or alias, in the form that the platform takes.
	Name string
	// Binary is the absolute path of the executable. Its folder becomes the working directory, as the unpacked zip
	// does on the platforms.
	Binary string
	// Env holds the function's configured variables. What the platform would not deploy is refused at the start: names
	// that it reserves or does not take, and more than 4 KiB of names and values.
	Env map[string]string
	// Timeout bounds one invocation; 3 s when zero, as on both platforms, which take 1 to 900 whole seconds.
	Timeout time.Duration
	// MemoryMB is what the process is told about its memory; 128 when zero. It is not enforced.
	MemoryMB int
	// Log receives stdout and stderr of the process, one Write for each whole line; nil discards them. It must be safe
	// for concurrent use when several functions share it.
	Log io.Writer
}

// Call is one invocation.
type Call struct {
	// Payload is the event, handed to the function byte for byte.
	Payload []byte
	// RequestID is generated when empty.
	RequestID string
	// TraceID is the X-Ray header on Lambda, where it is generated when empty, and TraceId on SCF.
	TraceID string
	// ClientContext is the invoker's client context, a JSON object.
	ClientContext []byte
	// Environment is what SCF adds to the function's variables for this invocation alone, such as WX_OPENID; it wins
	// over Function.Env. Lambda has no such thing and returns an error. What the platform never says of a caller is an
	// error, too.
	Environment map[string]string
	// Forged lets Environment say of the caller what the platform never says, for tests of functions that must not
	// trust it all the same.
	Forged bool
}

// Answer is what the platform hands back to the invoker.
type Answer struct {
	// Payload is the function's answer, or with FunctionError the platform's error document, which is JSON.
	Payload []byte
	// FunctionError is empty, or "Unhandled" when the function failed, timed out or died.
	FunctionError string
	RequestID     string
	// Duration runs from handing the event over to the end of the invocation.
	Duration time.Duration
	// InitDuration runs from starting the process to its being ready. Only the first call that a process serves
	// reports it.
	InitDuration time.Duration
	// LogTail is the end, at most 4 KiB, of what the process logged during this call, on Lambda between the platform's
	// own lines. Where SCF runs calls in parallel their lines are mixed.
	LogTail []byte
}

// Runtime hosts one function. Both methods are safe for concurrent use.
type Runtime interface {
	// Invoke runs the function once. A function that fails is not an error here: see Answer.FunctionError. The error
	// is ctx's when the caller leaves, in which case the platform finishes the invocation without him; [ErrClosed]; or
	// says that the emulator could not run the function at all.
	Invoke(ctx context.Context, call Call) (Answer, error)
	// Close ends the process and everything that it started, and waits until it is gone. Further calls do nothing.
	Close() error
}

// Platform is where functions can run.
type Platform struct {
	// Name is the one by which functions log it: lambda or scf.
	Name string
	// Title is the one that people use.
	Title string
	// Start starts a function and waits until it takes calls. ctx bounds the start only.
	Start func(ctx context.Context, f Function) (Runtime, error)
}

// Platforms are those that run functions by events; [StartHTTP] is for requests.
var Platforms = []Platform{
	{"lambda", "Lambda", func(ctx context.Context, f Function) (Runtime, error) { return started(StartLambda(ctx, f)) }},
	{"scf", "SCF", func(ctx context.Context, f Function) (Runtime, error) { return started(StartSCF(ctx, f)) }},
}

// Port is a container, whose functions take requests.
var Port = Platform{"http", "HTTP", func(ctx context.Context, f Function) (Runtime, error) { return started(StartHTTP(ctx, f)) }}

// started keeps a nil pointer from becoming a Runtime that is not nil.
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

// await runs an invocation to its end even if the caller leaves first, because the platforms do: the process stays
// busy until the function has returned or timed out.
func await(ctx context.Context, invocation func() (Answer, error)) (Answer, error) {
	type outcome struct {
		answer Answer
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
		return Answer{}, context.Cause(ctx)
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
