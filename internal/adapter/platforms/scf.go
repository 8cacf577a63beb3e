package platforms

import (
	"context"
	"os"
	"slices"
	"time"

	"github.com/tencentyun/scf-go-lib/functioncontext"

	"sotercall/internal/adapter"
	"sotercall/internal/trigger"
)

// onSCF is a Function as a cloudfunction.Handler of scf-go-lib.
type onSCF struct {
	handler adapter.Function
	// cloudBase says that the process was started with variables of CloudBase. Later they
	// prove nothing: the library copies those of each invocation there.
	cloudBase bool
}

// httpAPITime is how long WeChat's HTTP API invokeCloudFunction waits for the function that
// it calls, whatever the function's own limit. Source: developers.weixin.qq.com,
// doc/oplatform/openApi/cloudbase-common/scf-management/api_invokecloudfunction.
const httpAPITime = 5 * time.Second

func newSCF(h adapter.Function) onSCF {
	return onSCF{handler: h, cloudBase: slices.ContainsFunc(os.Environ(), trigger.IsCloudBase)}
}

func (f onSCF) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	invocation := adapter.Invocation{Platform: adapter.SCF, Authorized: true, CloudBase: f.cloudBase}
	limit := timeLimit
	if c, ok := functioncontext.FromContext(ctx); ok {
		invocation.RequestID = c.RequestID
		invocation.TraceID = c.FunctionTrace
		invocation.Environment = c.Environment
		if c.TimeLimitInMs > 0 {
			limit = time.Duration(c.TimeLimitInMs) * time.Millisecond
		}
	}
	// For a request without a deadline the library sets one in 1970 (scf-go-lib,
	// cloudfunction/function.go): then the function's limit counts.
	if ctx.Err() != nil {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer end()
	}
	if invocation.Environment["TCB_SOURCE"] == "wx_http" {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, httpAPITime)
		defer end()
	}
	ctx, cancel := leaveTimeToAnswer(ctx)
	defer cancel()
	return f.handler.Invoke(ctx, invocation, event)
}
