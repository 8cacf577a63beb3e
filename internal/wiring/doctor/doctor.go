// Package doctor tests what only a real deployment can show: the network, the clock,
// WeChat's acceptance of its credentials and rights, and the store.
//
// [Plan] lists what to try; package wiring makes one from the variables. [Run] tries it in
// the order in which a new deployment fails, so that the first failed line is the one to
// repair. Each line of a [Report] that is not good says what to do. A report holds no
// secret, and can be pasted into a public issue.
//
// A check spends nothing of value. WeChat returns its stable token, and never a classic
// one, which would retire the token in use. It verifies one recorded event of the sandbox.
// The store keeps an invented challenge for a minute, and the counter of an invented
// device.
package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
	"sotercall/internal/upstream"
)

// Plan lists what to try in one deployment. Zero members are left out.
type Plan struct {
	// API are the base addresses of WeChat's API. TokenServer are those that tokens are
	// fetched from; empty for the API.
	API, TokenServer []*url.URL
	Apps             []App
	// Judge verifies if no app's token is fetched. JudgedBy names it.
	Judge    openapi.Verifier
	JudgedBy string
	// InvocationOnly says that Judge works in an invocation of the platform only.
	InvocationOnly bool
	Store          *Store

	// Now is the clock, and Lookup resolves hosts; nil for those of the machine.
	Now    func() time.Time
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

// App is an app whose token is fetched.
type App struct {
	ID     string
	Tokens accesstoken.Endpoint
	// ByFunction says that a token function returns the token, for a client secret.
	ByFunction bool
	// Classic says that the deployment fetches classic tokens. Tokens is the endpoint of
	// stable ones even then.
	Classic bool
	// Verifier returns a Verifier with the tokens of a source; nil if nothing is verified.
	Verifier func(tokens accesstoken.Source) openapi.Verifier
}

// Store is the store that all instances share.
type Store struct {
	Variable string // the one that names it, such as REDIS_URL
	// Connect finds out what Hopeless returns: why nothing can work as it is configured.
	// Connect may be nil.
	Connect  func(ctx context.Context) error
	Hopeless func() error
	Uses     []Use
	// EvictionPolicy returns the server's policy for a full memory; nil if the store has
	// none.
	EvictionPolicy func(ctx context.Context) (string, error)
}

// Use is one use that the deployment makes of its store.
type Use struct {
	Name string // such as "consume a challenge"
	Try  func(ctx context.Context) error
}

const (
	// stepTimeout bounds one step, with all attempts.
	stepTimeout = 8 * time.Second
	// maxApps bounds the apps that are tried: each costs a request for a token.
	maxApps = 20
	// connectionLife bounds an idle connection.
	connectionLife = 30 * time.Second
)

// examination is a Report in progress.
type examination struct {
	Plan
	Report
	http http.RoundTripper
	// inInvocation says that the platform invoked us; otherwise a person did.
	inInvocation bool
	// reachable says that a host of WeChat's API, and one of the token server's if there is
	// one, accepts requests.
	reachable bool
}

// Run tries p. inInvocation says that it runs within an invocation of the platform.
func Run(ctx context.Context, p Plan, inInvocation bool) Report {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Lookup == nil {
		p.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	client := upstream.New(upstream.NewTransport(connectionLife, p.Now), p.Now)
	defer client.CloseIdle()
	e := &examination{Plan: p, http: client, inInvocation: inInvocation}
	for _, part := range []func(context.Context){e.network, e.apps, e.judge, e.store} {
		if part(ctx); ctx.Err() != nil {
			e.skip("the rest", "not tried, no time was left", "give the function a longer timeout for the check, such as 30 s")
			break
		}
	}
	return e.Report
}

// step runs do within the time limit of one step. In an invocation that is at most half of
// the time that is left, so that a silent server leaves time for the rest.
func step[T any](ctx context.Context, do func(ctx context.Context) (T, error)) (T, error) {
	limit := stepTimeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return do(ctx)
}

// Invented returns an ID for a store's entry that belongs to nothing real.
func Invented() string { return "check-" + rand.Text() }

func count(n int, what, plural string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %s", n, plural)
}
