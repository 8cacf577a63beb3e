package platforms

import (
	"context"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"sotercall/internal/adapter"
)

// initPreparation bounds the wait before the first GET /next. Until then the function has a
// whole CPU. After that a function of 128 MB has a fourteenth of it, which makes a TLS
// handshake ten times as long. But after a crash or a timeout, Lambda initialises inside an
// invocation, and the wait counts against the function's limit (AWS Lambda, "Lambda runtime
// environment").
const initPreparation = time.Second

// onLambda is a Function as a lambda.Handler of aws-lambda-go.
type onLambda struct{ handler adapter.Function }

func (f onLambda) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	invocation := adapter.Invocation{Platform: adapter.Lambda, Authorized: true}
	// aws-lambda-go sets it for the X-Ray SDK, under this untyped key
	// (lambda/invoke_loop.go). Concurrent invocations share the variable of the same
	// meaning.
	invocation.TraceID, _ = ctx.Value("x-amzn-trace-id").(string)
	if c, ok := lambdacontext.FromContext(ctx); ok {
		invocation.RequestID = c.AwsRequestID
	}
	ctx, cancel := leaveTimeToAnswer(ctx)
	defer cancel()
	return f.handler.Invoke(ctx, invocation, event)
}
