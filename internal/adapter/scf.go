package adapter

import (
	"context"
	"time"

	"github.com/tencentyun/scf-go-lib/functioncontext"
)

// onSCF is a Handler as scf-go-lib wants it (cloudfunction.Handler).
type onSCF struct{ handler Handler }

func (f onSCF) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	invocation := Invocation{Platform: SCF}
	limit := timeLimit
	if c, ok := functioncontext.FromContext(ctx); ok {
		invocation.RequestID = c.RequestID
		invocation.TraceID = c.FunctionTrace
		invocation.Environment = c.Environment
		if c.TimeLimitInMs > 0 {
			limit = time.Duration(c.TimeLimitInMs) * time.Millisecond
		}
	}
	// A request without a deadline arrives as one that has passed in 1970
	// (scf-go-lib, cloudfunction/function.go): then the function's limit counts.
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
	}
	return f.handler.Invoke(ctx, invocation, event)
}
