package platforms

import (
	"context"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"sotercall/internal/adapter"
)

// initPreparation bounds what is awaited before the first GET /next. Up to there the
// CPU is a whole one; a function of 128 MB has a fourteenth of it after, which makes a
// TLS handshake ten times as long. But where Lambda initialises again inside an
// invocation, after a crash or a timeout, the wait counts against the function's limit
// (AWS Lambda, "Lambda runtime environment").
const initPreparation = time.Second

// onLambda is a Handler as aws-lambda-go wants it (lambda.Handler).
type onLambda struct{ handler adapter.Handler }

func (f onLambda) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	invocation := adapter.Invocation{Platform: adapter.Lambda, Authorized: true}
	// aws-lambda-go sets it for the X-Ray SDK, under this untyped key
	// (lambda/invoke_loop.go); the variable of the same meaning is shared by
	// concurrent invocations.
	invocation.TraceID, _ = ctx.Value("x-amzn-trace-id").(string)
	if c, ok := lambdacontext.FromContext(ctx); ok {
		invocation.RequestID = c.AwsRequestID
	}
	ctx, cancel := leaveTimeToAnswer(ctx)
	defer cancel()
	return f.handler.Invoke(ctx, invocation, event)
}
