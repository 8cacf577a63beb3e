package emulator

import (
	"context"
	"slices"
	"sync"

	"sotercall/internal/dev/rule"
)

// Fault is a refusal of the platform that does not depend on the request.
type Fault string

// The faults. The caller's response depends on the entry point: see the rules "throttled"
// of [Rules].
const (
	// FaultConcurrency means that the maximum of concurrent invocations is running. Lambda:
	// reserved concurrency, 429. SCF: ResourceLimitReached, 432.
	FaultConcurrency Fault = "concurrency"
	// FaultRate means more requests than the platform allows in a time. Lambda: requests a
	// second, 429. SCF: new instances a minute, ResourceLimit, 429.
	FaultRate Fault = "rate"
	// FaultGateway means too many requests to the API in front of the function, 429.
	// [HTTPAPI] and [RESTAPI] have one; elsewhere the fault waits.
	FaultGateway Fault = "gateway"
)

// Throttled is the error of a [Faulty] that refuses an invocation. The function has not seen it.
type Throttled struct{ Fault Fault }

// Error implements error.
func (e *Throttled) Error() string { return "emulator: throttled: " + string(e.Fault) }

// scfRule returns SCF's rule for the refusal.
func (e *Throttled) scfRule() *rule.Rule {
	if e.Fault == FaultRate {
		return scfBurst
	}
	return scfConcurrency
}

// scfAnswer returns SCF's response: page "Function Status Code", 429 and 432, with made-up
// sizes.
func (e *Throttled) scfAnswer(requestID string) Response {
	failed := scfError{Code: -1, Message: "Function concurrency exceeded reserved quota 128 MB", RequestID: requestID, Status: scfLimitReached}
	if e.Fault == FaultRate {
		failed.Message, failed.Status = "ResourceLimit", scfBurstLimit
	}
	return scfFailure(failed)
}

// lambdaReason returns Lambda's own word for the refusal (data type
// TooManyRequestsException).
func (e *Throttled) lambdaReason() string {
	if e.Fault == FaultRate {
		return "ReservedFunctionInvocationRateLimitExceeded"
	}
	return "ReservedFunctionConcurrentInvocationLimitExceeded"
}

// Faulty is a Runtime that refuses invocations on request.
type Faulty struct {
	Runtime
	mu     sync.Mutex
	faults []Fault
}

// WithFaults returns rt with the ability to refuse. Closing it closes rt.
func WithFaults(rt Runtime) *Faulty { return &Faulty{Runtime: rt} }

// Inject refuses that many of the next invocations, after those of earlier faults.
func (f *Faulty) Inject(fault Fault, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, slices.Repeat([]Fault{fault}, times)...)
}

// Invoke implements [Runtime]. For a fault its error is a [*Throttled].
func (f *Faulty) Invoke(ctx context.Context, call Call) (Response, error) {
	if fault, ok := f.take(func(fault Fault) bool { return fault != FaultGateway }); ok {
		return Response{}, &Throttled{fault}
	}
	return f.Runtime.Invoke(ctx, call)
}

// take removes and returns the first fault that fits.
func (f *Faulty) take(fits func(fault Fault) bool) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.faults, fits)
	if i < 0 {
		return "", false
	}
	fault := f.faults[i]
	f.faults = slices.Delete(f.faults, i, i+1)
	return fault, true
}

// gatewayIsThrottled removes a FaultGateway of rt.
func gatewayIsThrottled(rt Runtime) bool {
	f, ok := rt.(*Faulty)
	if !ok {
		return false
	}
	_, ok = f.take(func(fault Fault) bool { return fault == FaultGateway })
	return ok
}

// unwrapped returns the Runtime itself, without faults.
func unwrapped(rt Runtime) Runtime {
	if f, ok := rt.(*Faulty); ok {
		return f.Runtime
	}
	return rt
}
