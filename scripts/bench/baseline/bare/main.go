// Command bare is a minimal function: it answers every event with {} and links the two
// runtime libraries of the functions. Its start time and size are the platforms' own share.
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
