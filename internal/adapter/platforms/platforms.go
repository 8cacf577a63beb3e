// Package platforms runs a function on the platform that has started the process. Those are
// AWS Lambda, through aws-lambda-go; Tencent SCF (Go1 runtime), through scf-go-lib; and a
// container that serves requests on a port. The two libraries exchange bytes, with a
// context. A container's server passes requests. Each file here adds its platform's
// description of the invocation, and nothing else.
//
// [Platforms] is the table of them. To add one, add a file and a row.
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

// Kind is one row of [Platforms]: a platform that can run a function.
type Kind struct {
	Name adapter.Platform
	// Variable is set in a process that the platform has started. It identifies the
	// platform.
	Variable string
	// VariablesAtStart says that the process has the function's variables from the start;
	// otherwise they come with each invocation.
	VariablesAtStart bool

	// accompanied says that the platform serves a port. [adapter.Function.Accompany] may then
	// serve others.
	accompanied bool
	// preparation bounds the wait for [adapter.Function.Prepare] before the process reports
	// to the platform that it is ready. Unfinished work then goes on beside. Zero where
	// being ready early is worth more.
	preparation time.Duration
	// start runs a function there. If it returns, the result is the exit status of the
	// process.
	start func(h adapter.Function, stderr io.Writer) int
}

// Platforms are all supported platforms, in the order in which a process looks for its own.
// With both libraries linked, only Lambda sets Lambda's variable. PORT is last, because it
// is set in many places.
var Platforms = []Kind{
	{Name: adapter.Lambda, Variable: "AWS_LAMBDA_RUNTIME_API", VariablesAtStart: true, preparation: initPreparation, start: func(h adapter.Function, _ io.Writer) int {
		lambda.Start(onLambda{h})
		return 0
	}},
	{Name: adapter.SCF, Variable: "_LAMBDA_SERVER_PORT", start: func(h adapter.Function, _ io.Writer) int {
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

// found returns the platform that has started the process.
func found() (Kind, bool) {
	for _, kind := range Platforms {
		if os.Getenv(kind.Variable) != "" {
			return kind, true
		}
	}
	return Kind{}, false
}

// timeLimit is the limit if a platform states neither a deadline nor a limit: the default
// of both.
const timeLimit = 3 * time.Second

// await waits for done, for at most limit.
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

// NotHosted is the exit status of a function that a person started.
const NotHosted = 2

// Start runs h on the platform whose variable is set, and returns the exit status. If none
// is set, it prints on stderr how to run the function and returns [NotHosted].
func Start(h adapter.Function, stderr io.Writer) int {
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
