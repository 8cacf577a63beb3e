package wechat

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
	"sotercall/internal/upstream"
)

// Warm does in advance what the first call would wait for. It fetches a token, and connects
// to the call's host unless the fetch has done so. The error is the first one, as a call
// returns it.
func (v *Verifier) Warm(ctx context.Context) error {
	used := new(addresses)
	traced := httptrace.WithClientTrace(v.client.begin(ctx), &httptrace.ClientTrace{GetConn: used.add})
	err := v.WarmToken(traced)
	if route := v.hosts.Route(); !used.has(route.Base()) {
		err = cmp.Or(err, v.client.connect(ctx, route.Base()))
	}
	return err
}

// WarmToken fetches a token if tokens are fetched, and there is none. The error is that of
// a call.
func (v *Verifier) WarmToken(ctx context.Context) error {
	tokens, ok := v.tokens.(*accesstoken.Cache)
	if !ok {
		return nil
	}
	if err := tokens.Warm(ctx); err != nil {
		return asCallError(err)
	}
	return nil
}

// Connect opens a connection to hosts and leaves it open. The error is an [openapi.Error].
func (c *API) Connect(ctx context.Context, hosts *upstream.Hosts) error {
	route := hosts.Route()
	return c.connect(ctx, route.Base())
}

// connect sends a request without an effect: [http.Transport] opens a connection for a
// request only.
func (c *API) connect(ctx context.Context, base *url.URL) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, base.JoinPath("/cgi-bin/").String(), nil)
	if err != nil {
		return openapi.NewError(openapi.CodeSystem, "the connection to "+base.Host+" failed", err)
	}
	_, err = c.http.Send(req)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return openapi.NewError(openapi.CodeTimeout, base.Host+" did not answer in time", err)
	}
	message := "the connection to " + base.Host + " failed"
	if obstacle, ok := errors.AsType[*upstream.Obstacle](err); ok {
		message += ": " + obstacle.Sentence()
	}
	return openapi.NewError(openapi.CodeSystem, message, err)
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
