// Package adapter is where a function meets the platform that runs it: AWS
// Lambda, through aws-lambda-go; Tencent SCF (Go1 runtime), through scf-go-lib; or
// a container that takes requests on a port. The two libraries hand over bytes and
// a context and take bytes back, a container's server hands over requests; the
// adapter adds what the platform knows of the invocation, in one form, and nothing
// else. One [Handler] serves all.
//
// [Platforms] is the table of them. A new one is a file here and a row there.
package adapter

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"sotercall/internal/secret"
)

// Platform is who runs the function.
type Platform string

// The platforms.
const (
	Lambda Platform = "lambda"
	SCF    Platform = "scf"
)

// Invocation is what the platform says about one invocation.
type Invocation struct {
	Platform  Platform
	RequestID string
	// TraceID is the platform's trace header; empty when there is none.
	TraceID string
	// Authorized says that the cloud has authorized whoever invoked the function
	// (IAM, CAM), or has invoked it itself. CloudBase says that the process is known to
	// run in a CloudBase environment, where visitors are let in, too.
	Authorized, CloudBase bool
	// Environment came with this invocation and with no other: on SCF the
	// function's variables and, called from a Mini Program, who calls. It is nil
	// on Lambda, whose variables are the process' own.
	//
	// It is the only trustworthy place for the caller: scf-go-lib copies it into
	// the process environment and never clears that, so that os.Getenv may still
	// tell the caller before.
	Environment map[string]string
	// CloudBaseToken is the access_token in the header X-WX-CLOUDBASE-ACCESS-TOKEN of a
	// request that a backend has sent, through WeChat's gateway. Anybody can write the
	// header: it is set once a gate has let the request in.
	CloudBaseToken secret.Text
}

type invocationKey struct{}

// WithInvocation returns a context that carries i, for what is asked of the
// platform on the way to the answer.
func WithInvocation(ctx context.Context, i Invocation) context.Context {
	return context.WithValue(ctx, invocationKey{}, i)
}

// InvocationFrom returns the Invocation of ctx; the zero Invocation if there is
// none.
func InvocationFrom(ctx context.Context) Invocation {
	i, _ := ctx.Value(invocationKey{}).(Invocation)
	return i
}

// Handler is a function. Invoke may be called concurrently; ctx always has a deadline,
// which leaves time to answer before the platform's own. An error is a function error
// to the platform and leaves the function verbatim: it must hold no secret.
type Handler interface {
	Invoke(ctx context.Context, invocation Invocation, event []byte) ([]byte, error)
	// Serve answers a request on a platform that has no events. The context of the
	// invocation is ctx and not that of r.
	Serve(ctx context.Context, invocation Invocation, w http.ResponseWriter, r *http.Request)
	// Configured says why the function cannot work as it is configured; nil if it
	// can.
	Configured() error
	// Prepare begins what the first invocation would wait for. It returns at once; done
	// is closed at the end.
	Prepare() (done <-chan struct{})
	// LogDropped returns how many log lines were lost since the process started.
	LogDropped() int
}

// leaveTimeToAnswer ends the work a little before the platform ends the function.
func leaveTimeToAnswer(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-reserve(time.Until(deadline))))
}

// reserve is how much of the time that is left is for answering: a tenth, at most
// half a second.
func reserve(left time.Duration) time.Duration { return min(left/10, 500*time.Millisecond) }

// found is the platform that has started the process.
func found() (Kind, bool) {
	for _, kind := range Platforms {
		if os.Getenv(kind.Variable) != "" {
			return kind, true
		}
	}
	return Kind{}, false
}

// timeLimit stands in where a platform tells neither a deadline nor a limit; it
// is what both set by default.
const timeLimit = 3 * time.Second

// await waits for done, for so long at most.
func await(done <-chan struct{}, limit time.Duration) {
	if limit == 0 {
		return
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// NotHosted is the exit status of a function that was started by hand.
const NotHosted = 2

// Start runs h on the platform whose variable the process finds, and returns the
// exit status. Started by anybody else, it says on stderr how to run the function
// and returns [NotHosted].
func Start(h Handler, stderr io.Writer) int {
	if kind, ok := found(); ok {
		if kind.VariablesAtStart {
			await(h.Prepare(), kind.preparation)
		}
		return kind.start(h, stderr)
	}
	fmt.Fprintln(stderr, "This is a cloud function: AWS Lambda or Tencent SCF starts it, or PORT names a port to serve HTTP on. To try it here: go run ./scripts/local demo")
	return NotHosted
}
