package cloudcall

import (
	"context"
	"crypto/x509"
	"net"

	"sotercall/internal/openapi"
	"sotercall/internal/upstream"
)

// FixBoundary makes every form of v have this boundary.
func (v *Verifier) FixBoundary(boundary string) { v.boundary = func() string { return boundary } }

// DialOnly makes v connect to address whatever the URL says.
func (v *Verifier) DialOnly(address string) {
	transport := upstream.NewTransport(connectionLife, v.now)
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	v.client = upstream.New(transport, v.now)
}

// TrustOnly makes v trust these certificate authorities alone.
func (v *Verifier) TrustOnly(roots *x509.CertPool) {
	transport := upstream.NewTransport(connectionLife, v.now)
	transport.TLSClientConfig.RootCAs = roots
	v.client = upstream.New(transport, v.now)
}

// Send sends what Verify would, with or without a ticket, as the SDK does.
func (v *Verifier) Send(ctx context.Context, r openapi.Request) error {
	i, err := readInvocation(v.environment(ctx))
	if err != nil {
		return err
	}
	req, err := v.request(ctx, i, r)
	if err != nil {
		return err
	}
	_, err = v.client.Send(req)
	return err
}

// CloseConnections ends what v keeps open.
func (v *Verifier) CloseConnections() { v.client.CloseIdle() }

var (
	Quote        = quote
	GatewayCodes = gatewayCodes
)

// Read reads a reply to a request without secrets.
func Read(status int, contentType string, body []byte) (openapi.Verdict, error) {
	return read(nil, status, contentType, body)
}

// GatewayOf returns the address that an invocation's environment leads to.
func GatewayOf(environment map[string]string) (string, error) {
	i, err := readInvocation(environment)
	if err != nil {
		return "", err
	}
	return i.gateway.String(), nil
}
