package wechat

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync"

	"sotercall/internal/accesstoken"
	"sotercall/internal/upstream"
)

// Warm does in advance what the first call would wait for. It fetches a token, and connects
// to the call's host unless the fetch has done so. Errors are ignored; the first call will
// report them.
func (v *Verifier) Warm(ctx context.Context) {
	used := new(addresses)
	traced := httptrace.WithClientTrace(v.client.begin(ctx), &httptrace.ClientTrace{GetConn: used.add})
	if tokens, ok := v.tokens.(*accesstoken.Cache); ok {
		tokens.Warm(traced)
	}
	if route := v.hosts.Route(); !used.has(route.Base()) {
		v.client.connect(ctx, route.Base())
	}
}

// Connect opens a connection to hosts and leaves it open.
func (c *API) Connect(ctx context.Context, hosts *upstream.Hosts) {
	route := hosts.Route()
	c.connect(ctx, route.Base())
}

// connect sends a request without an effect: [http.Transport] opens a connection for a
// request only.
func (c *API) connect(ctx context.Context, base *url.URL) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, base.JoinPath("/cgi-bin/").String(), nil)
	if err != nil {
		return
	}
	_, _ = c.http.Send(req)
}

// addresses are the requests' destinations, as host:port.
type addresses struct {
	mu  sync.Mutex
	all []string // guarded by mu
}

func (a *addresses) add(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, address)
}

func (a *addresses) has(base *url.URL) bool {
	port := base.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[base.Scheme]
	}
	address := net.JoinHostPort(base.Hostname(), port)
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.all, address)
}
