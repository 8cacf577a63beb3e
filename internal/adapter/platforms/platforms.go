// Package platforms runs a function on the platform that has started the process: AWS
// Lambda, through aws-lambda-go; Tencent SCF (Go1 runtime), through scf-go-lib; or a
// container that takes requests on a port. The two libraries hand over bytes and a context
// and take bytes back, a container's server hands over requests; each file here adds what
// its platform knows of the invocation, and nothing else.
//
// [Platforms] is the table of them. A new one is a file here and a row there.
package platforms

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"sotercall/internal/adapter"
	"sotercall/internal/adapter/scfguard"
)

// Kind is one row of [Platforms]: a platform that a function can run on.
type Kind struct {
	Name adapter.Platform
	// Variable is set in the process that the platform has started, and by it the
	// process knows where it is.
	Variable string
	// VariablesAtStart says that the process has the function's variables from the
	// start; otherwise they come with each invocation.
	VariablesAtStart bool

	// accompanied says that a port is served, beside which [adapter.Handler.Accompany] may
	// serve others.
	accompanied bool
	// preparation is how long the process waits for [adapter.Handler.Prepare] before it tells
	// the platform that it is ready; what is not done by then goes on beside. Zero where
	// being ready early is worth more.
	preparation time.Duration
	// start runs a function there. It returns the exit status of the process, if at
	// all.
	start func(h adapter.Handler, stderr io.Writer) int
}

// Platforms are all of them, in the order in which a process looks for its own:
// with both libraries linked, Lambda's variable is the one that only Lambda sets,
// and PORT is set in many places.
var Platforms = []Kind{
	{Name: adapter.Lambda, Variable: "AWS_LAMBDA_RUNTIME_API", VariablesAtStart: true, preparation: initPreparation, start: func(h adapter.Handler, _ io.Writer) int {
		lambda.Start(onLambda{h})
		return 0
	}},
	{Name: adapter.SCF, Variable: "_LAMBDA_SERVER_PORT", start: func(h adapter.Handler, _ io.Writer) int {
		scfguard.StartHandler(newSCF(h))
		return 0
	}},
	{Name: adapter.HTTP, Variable: httpVariable, VariablesAtStart: true, accompanied: true, start: startHTTP},
}

// leaveTimeToAnswer ends the work a little before the platform ends the function.
func leaveTimeToAnswer(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-adapter.Reserve(time.Until(deadline))))
}

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
func Start(h adapter.Handler, stderr io.Writer) int {
	if kind, ok := found(); ok {
		if kind.accompanied {
			stop, err := h.Accompany()
			if err != nil {
				fmt.Fprintln(stderr, err)
				return NotHosted
			}
			defer stop()
		}
		if kind.VariablesAtStart {
			await(h.Prepare(), kind.preparation)
		}
		return kind.start(h, stderr)
	}
	fmt.Fprintln(stderr, "This is a cloud function: AWS Lambda or Tencent SCF starts it, or PORT names a port to serve HTTP on. To try it here: go run ./scripts/local demo")
	return NotHosted
}
