// Package adapter is what a function and the platform that runs it say to each other,
// whichever platform that is: an event or a request goes to a [Handler], together with
// what the platform knows of the invocation, in one form. Nothing of a platform's own
// library is needed for that; package platforms has those, and runs a Handler on each.
//
// [Requests] hands over those of an HTTP server, whoever runs it.
package adapter

import (
	"context"
	"net/http"

	"sotercall/internal/secret"
)

// Platform is who runs the function.
type Platform string

// The platforms.
const (
	Lambda Platform = "lambda"
	SCF    Platform = "scf"
	// HTTP is a container that takes requests on a port: WeChat Cloud Hosting, an HTTP
	// function of CloudBase, Docker, Kubernetes; or a program that serves the calls itself.
	HTTP Platform = "http"
	// Go is the program itself, which calls without an event or a request.
	Go Platform = "go"
)

// Invocation is what the platform says about one invocation.
type Invocation struct {
	Platform  Platform
	RequestID string
	// TraceID is the platform's trace header; empty when there is none.
	TraceID string
	// Authorized says that the cloud has authorized whoever invoked the function
	// (IAM, CAM), or has invoked it itself. CloudBase says that the process is known to
	// run in a CloudBase environment, where visitors are let in, too.
	Authorized, CloudBase bool
	// Environment came with this invocation and with no other: on SCF the
	// function's variables and, called from a Mini Program, who calls. It is nil
	// on Lambda, whose variables are the process' own.
	//
	// It is the only trustworthy place for the caller: scf-go-lib copies it into
	// the process environment and never clears that, so that os.Getenv may still
	// tell the caller before.
	Environment map[string]string
	// CloudBaseToken is the access_token in the header X-WX-CLOUDBASE-ACCESS-TOKEN of a
	// request that a backend has sent, through WeChat's gateway. Anybody can write the
	// header: it is set once a gate has let the request in.
	CloudBaseToken secret.Text
}

type invocationKey struct{}

// WithInvocation returns a context that carries i, for what is asked of the
// platform on the way to the answer.
func WithInvocation(ctx context.Context, i Invocation) context.Context {
	return context.WithValue(ctx, invocationKey{}, i)
}

// InvocationFrom returns the Invocation of ctx; the zero Invocation if there is
// none.
func InvocationFrom(ctx context.Context) Invocation {
	i, _ := ctx.Value(invocationKey{}).(Invocation)
	return i
}

// Handler is a function. Invoke may be called concurrently; ctx always has a deadline,
// which leaves time to answer before the platform's own. An error is a function error
// to the platform and leaves the function verbatim: it must hold no secret.
type Handler interface {
	Invoke(ctx context.Context, invocation Invocation, event []byte) ([]byte, error)
	// Serve answers a request on a platform that has no events. The context of the
	// invocation is ctx and not that of r.
	Serve(ctx context.Context, invocation Invocation, w http.ResponseWriter, r *http.Request)
	// Configured says why the function cannot work as it is configured; nil if it
	// can.
	Configured() error
	// Prepare begins what the first invocation would wait for. It returns at once; done
	// is closed at the end.
	Prepare() (done <-chan struct{})
	// LogDropped returns how many log lines were lost since the process started.
	LogDropped() int
	// Accompany begins what stands beside the function where it serves a port, as metrics
	// do, before anything else. stop ends it. An error refuses the start.
	Accompany() (stop func(), err error)
	// Notices are what an operator should know although the function works, a line each.
	// It returns at once.
	Notices() []string
}
