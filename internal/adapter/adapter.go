// Package adapter is the interface between a function and its platform, whichever it is. An
// event or a request goes to a [Function], with the platform's description of the invocation
// in one form. It needs none of the platforms' own libraries; package platforms has those,
// and runs a Function on each.
//
// [Requests] serves the requests of any HTTP server.
package adapter

import (
	"context"
	"net/http"

	"sotercall/internal/secret"
)

// Platform is the platform that runs the function.
type Platform string

// The platforms.
const (
	Lambda Platform = "lambda"
	SCF    Platform = "scf"
	// HTTP is a container that serves requests on a port: WeChat Cloud Hosting, an HTTP
	// function of CloudBase, Docker, Kubernetes. A program that serves the calls itself is
	// one as well.
	HTTP Platform = "http"
	// Go is a Go program that makes the calls itself, without an event or a request.
	Go Platform = "go"
)

// Invocation is the platform's description of one invocation.
type Invocation struct {
	Platform  Platform
	RequestID string
	// TraceID is the platform's trace header; empty if there is none.
	TraceID string
	// Authorized says that the cloud has authorized the invoker (IAM, CAM), or has invoked
	// the function itself. CloudBase says that the process is known to run in a CloudBase
	// environment, where visitors are admitted as well.
	Authorized, CloudBase bool
	// Environment came with this invocation and with no other. On SCF it has the function's
	// variables and, for a call from a Mini Program, the caller's. It is nil on Lambda,
	// whose variables are the process' own.
	//
	// It is the only trustworthy source of the caller. scf-go-lib copies it into the
	// process environment and never clears that, so os.Getenv may return an earlier caller.
	Environment map[string]string
	// CloudBaseToken is the access_token in the header X-WX-CLOUDBASE-ACCESS-TOKEN of a
	// backend's request through WeChat's gateway. Anybody can write the header: it is set
	// only after a gate has admitted the request.
	CloudBaseToken secret.Text
}

type invocationKey struct{}

// WithInvocation returns a context that carries i, for functions that need the platform's
// values.
func WithInvocation(ctx context.Context, i Invocation) context.Context {
	return context.WithValue(ctx, invocationKey{}, i)
}

// InvocationFrom returns the Invocation of ctx; the zero Invocation if there is
// none.
func InvocationFrom(ctx context.Context) Invocation {
	i, _ := ctx.Value(invocationKey{}).(Invocation)
	return i
}

// Function is a deployed function. Invoke may be called concurrently; ctx always has a
// deadline, which leaves time to respond before the platform's own. An error is a function error to
// the platform and leaves the function verbatim: it must hold no secret.
type Function interface {
	Invoke(ctx context.Context, invocation Invocation, event []byte) ([]byte, error)
	// Serve handles a request on a platform without events. The invocation's context is
	// ctx, not that of r.
	Serve(ctx context.Context, invocation Invocation, w http.ResponseWriter, r *http.Request)
	// Configured returns why the function cannot work with its configuration; nil if it
	// can.
	Configured() error
	// Prepare begins what the first invocation would wait for. It returns at once; done is
	// closed at the end.
	Prepare() (done <-chan struct{})
	// LogDropped returns how many log lines were lost since the process started.
	LogDropped() int
	// Accompany starts what runs beside a function that serves a port, such as metrics. It is
	// called before anything else. stop ends it. An error refuses the start.
	Accompany() (stop func(), err error)
	// Notices returns what an operator should know although the function works, a line each.
	// It returns at once.
	Notices() []string
}
