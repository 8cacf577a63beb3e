// Package adapter is where a function meets the platform that runs it: AWS
// Lambda, through aws-lambda-go, or Tencent SCF (Go1 runtime), through
// scf-go-lib. Both libraries hand over bytes and a context and take bytes back;
// the adapter adds what they know of the invocation, in one form, and nothing
// else. One [Handler] serves both.
package adapter

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"sotercall/internal/scfguard"
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
	// Environment came with this invocation and with no other: on SCF the
	// function's variables and, called from a Mini Program, who calls. It is nil
	// on Lambda, whose variables are the process' own.
	//
	// It is the only trustworthy place for the caller: scf-go-lib copies it into
	// the process environment and never clears that, so that os.Getenv may still
	// tell the caller before.
	Environment map[string]string
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

// Handler is a function. Invoke may be called concurrently; ctx always has the
// deadline of the invocation. An error is a function error to the platform and
// leaves the function verbatim: it must hold no secret.
type Handler interface {
	Invoke(ctx context.Context, invocation Invocation, event []byte) ([]byte, error)
}

// VariablesAtStart reports whether the process has the function's variables from
// the start, as on Lambda. On SCF they come with each invocation.
func VariablesAtStart() bool { return os.Getenv(lambdaVariable) != "" }

// The variables by which a process knows its platform.
const (
	lambdaVariable = "AWS_LAMBDA_RUNTIME_API"
	scfVariable    = "_LAMBDA_SERVER_PORT"
)

// timeLimit stands in where a platform tells neither a deadline nor a limit; it
// is what both set by default.
const timeLimit = 3 * time.Second

// NotHosted is the exit status of a function that was started by hand.
const NotHosted = 2

// Start runs h on the platform whose variables the process finds, and does not
// return there. Started by anybody else, it says on stderr how to run the
// function and returns [NotHosted].
//
// Lambda goes first: with both libraries linked, its variable is the one that
// only Lambda sets.
func Start(h Handler, stderr io.Writer) int {
	switch {
	case os.Getenv(lambdaVariable) != "":
		lambda.Start(onLambda{h})
	case os.Getenv(scfVariable) != "":
		scfguard.StartHandler(onSCF{h})
	}
	fmt.Fprintln(stderr, "This is a cloud function: AWS Lambda or Tencent SCF starts it. To try it here: go run ./scripts/local demo")
	return NotHosted
}
