package adapter

import (
	"context"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// onLambda is a Handler as aws-lambda-go wants it (lambda.Handler).
type onLambda struct{ handler Handler }

func (f onLambda) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	invocation := Invocation{Platform: Lambda, Authorized: true}
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
