// Command bare is the least function there can be: it answers every event with
// {} and links the two runtime libraries that the functions link. What it takes
// to start, and to ship, is what the platforms take from everybody.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"sotercall/internal/adapter/scfguard"
)

type handler struct{}

func (handler) Invoke(context.Context, []byte) ([]byte, error) { return []byte("{}"), nil }

func main() {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambda.Start(handler{})
		return
	}
	scfguard.StartHandler(handler{})
}
