package adapter

import (
	"io"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"sotercall/internal/adapter/scfguard"
)

// Kind is one row of [Platforms]: a platform that a function can run on.
type Kind struct {
	Name Platform
	// Variable is set in the process that the platform has started, and by it the
	// process knows where it is.
	Variable string
	// VariablesAtStart says that the process has the function's variables from the
	// start; otherwise they come with each invocation.
	VariablesAtStart bool

	// preparation is how long the process waits for [Handler.Prepare] before it tells
	// the platform that it is ready; what is not done by then goes on beside. Zero where
	// being ready early is worth more.
	preparation time.Duration
	// start runs a function there. It returns the exit status of the process, if at
	// all.
	start func(h Handler, stderr io.Writer) int
}

// Platforms are all of them, in the order in which a process looks for its own:
// with both libraries linked, Lambda's variable is the one that only Lambda sets,
// and PORT is set in many places.
var Platforms = []Kind{
	{Name: Lambda, Variable: "AWS_LAMBDA_RUNTIME_API", VariablesAtStart: true, preparation: initPreparation, start: func(h Handler, _ io.Writer) int {
		lambda.Start(onLambda{h})
		return 0
	}},
	{Name: SCF, Variable: "_LAMBDA_SERVER_PORT", start: func(h Handler, _ io.Writer) int {
		scfguard.StartHandler(newSCF(h))
		return 0
	}},
	{Name: HTTP, Variable: httpVariable, VariablesAtStart: true, start: startHTTP},
}
