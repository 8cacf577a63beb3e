// Package doctor tries what only the real place can tell of a deployment: the network, the
// clock, WeChat's opinion of its credentials and rights, and the store.
//
// [Plan] says what there is to try; package wiring makes one from the variables. [Run]
// tries it in the order in which a new deployment fails, so that the first line that
// failed is the one to repair. Each line of a [Report] that is not good says what to do.
// A report holds no secret, and can be pasted into a public issue.
//
// Nothing is spent that matters. WeChat gives the stable token that it gives anyway, and
// never a classic one, which would retire the token in use. It verifies one recorded
// event of the sandbox. The store keeps an invented challenge for a minute, and the counter
// of an invented device.
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

// Plan says what is tried of one deployment. Members that are zero are left out.
type Plan struct {
	// API are the base addresses of WeChat's API, and TokenServer those that tokens are
	// fetched from instead; empty: from the API.
	API, TokenServer []*url.URL
	Apps             []App
	// Judge verifies where no app's token is fetched. JudgedBy names it.
	Judge    openapi.Verifier
	JudgedBy string
	// InvocationOnly says that Judge needs what the platform gives to an invocation.
	InvocationOnly bool
	Store          *Store

	// Now is the clock, and Lookup finds a host's addresses; nil for those of the machine.
	Now    func() time.Time
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

// App is an app whose token is fetched.
type App struct {
	ID     string
	Tokens accesstoken.Endpoint
	// ByFunction says that a token function gives the token, for a client secret.
	ByFunction bool
	// Classic says that the deployment fetches classic tokens. Tokens is the endpoint of
	// stable ones nevertheless.
	Classic bool
	// Verifier asks WeChat with the tokens of a source; nil where nothing is verified.
	Verifier func(tokens accesstoken.Source) openapi.Verifier
}

// Store is the store that all instances share.
type Store struct {
	Variable string // the one that names it, such as REDIS_URL
	// Connect finds out what Hopeless returns: why nothing can work as it is configured.
	// Connect may be nil.
	Connect  func(ctx context.Context)
	Hopeless func() error
	Uses     []Use
	// EvictionPolicy returns what the server does when its memory is full; nil where
	// there is no such thing.
	EvictionPolicy func(ctx context.Context) (string, error)
}

// Use is one thing that the deployment does with its store.
type Use struct {
	Name string // such as "consume a challenge"
	Try  func(ctx context.Context) error
}

const (
	// stepTimeout bounds one step, with all attempts.
	stepTimeout = 8 * time.Second
	// maxApps bounds the apps that are tried: each spends a request for a token.
	maxApps = 20
	// connectionLife is how long an idle connection is kept.
	connectionLife = 30 * time.Second
)

// examination is a Report in the making.
type examination struct {
	Plan
	Report
	http http.RoundTripper
	// inInvocation says that the platform has called us; otherwise a person has.
	inInvocation bool
	// reachable says that a host of WeChat's API, and one of the token server's if there
	// is one, takes requests.
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

// step runs do within the time of one step, which is half of what is left to an
// invocation at most: what is mute must not hide all that comes after.
func step[T any](ctx context.Context, do func(ctx context.Context) (T, error)) (T, error) {
	limit := stepTimeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return do(ctx)
}

// Invented returns an ID for an entry of a store that stands for nothing.
func Invented() string { return "check-" + rand.Text() }

func count(n int, what, plural string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %s", n, plural)
}
