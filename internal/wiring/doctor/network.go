package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"sotercall/internal/upstream"
)

// network tries the hosts.
func (e *examination) network(ctx context.Context) {
	api := false
	var skews []time.Duration
	for _, base := range e.API {
		reached, skew := e.host(ctx, base)
		api, skews = api || reached, append(skews, skew...)
	}
	if len(e.API) > 0 {
		e.clock(skews)
	}
	tokens := len(e.TokenServer) == 0
	for _, base := range e.TokenServer {
		reached, _ := e.host(ctx, base)
		tokens = tokens || reached
	}
	e.reachable = api && tokens
}

// host tries one host. It returns whether the host accepts requests, and how far our clock
// is ahead of the host's; nothing if that is not known.
func (e *examination) host(ctx context.Context, base *url.URL) (reached bool, skew []time.Duration) {
	if !e.dns(ctx, base) {
		return false, nil
	}
	name := base.Host + ": TLS"
	if base.Scheme == "http" {
		name = base.Host + ": connection"
	}
	resp, err := step(ctx, func(ctx context.Context) (*http.Response, error) {
		// Package wechat opens connections in the same manner: the request has no effect.
		r, err := http.NewRequestWithContext(ctx, http.MethodHead, base.JoinPath("/cgi-bin/").String(), nil)
		if err != nil {
			return nil, errors.New("the address cannot be asked")
		}
		resp, err := e.http.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
		return resp, err
	})
	if err != nil {
		text, do := explainConnection(err)
		e.fail(name, text, do)
		return false, nil
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		skew = append(skew, e.Now().Sub(date))
	}
	if base.Scheme == "http" {
		e.ok(name, "HTTP/1.1 in the clear, as the settings allow")
	} else {
		e.ok(name, negotiated(resp)+e.offers(ctx, base))
	}
	return true, skew
}

// negotiated returns the negotiated versions.
func negotiated(resp *http.Response) string {
	version := "TLS"
	if resp.TLS != nil {
		version = tls.VersionName(resp.TLS.Version)
	}
	return version + ", " + resp.Proto
}

// offers returns whether the server would speak HTTP/2, which the functions do not need. It
// does not try it through a proxy.
func (e *examination) offers(ctx context.Context, base *url.URL) string {
	if behindProxy(base) {
		return ", through the proxy of HTTPS_PROXY"
	}
	protocol, err := step(ctx, func(ctx context.Context) (string, error) {
		dialer := &tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}}
		c, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(base.Hostname(), port(base)))
		if err != nil {
			return "", err
		}
		defer c.Close()
		return c.(*tls.Conn).ConnectionState().NegotiatedProtocol, nil
	})
	switch {
	case err != nil:
		return ""
	case protocol == "h2":
		return "; it offers HTTP/2, too"
	}
	return "; it does not offer HTTP/2"
}

func port(base *url.URL) string {
	if port := base.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[base.Scheme]
}

// behindProxy reports whether package upstream would send requests to base through a proxy.
func behindProxy(base *url.URL) bool {
	if base.Scheme != "https" {
		return false
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: base})
	return err != nil || proxy != nil
}

// dns resolves a host's name, unless a proxy does.
func (e *examination) dns(ctx context.Context, base *url.URL) bool {
	name := base.Host + ": DNS"
	if _, err := netip.ParseAddr(base.Hostname()); err == nil {
		return true
	}
	if behindProxy(base) {
		e.skip(name, "the proxy of HTTPS_PROXY looks it up", "")
		return true
	}
	addresses, err := step(ctx, func(ctx context.Context) ([]netip.Addr, error) { return e.Lookup(ctx, base.Hostname()) })
	switch failure, _ := errors.AsType[*net.DNSError](err); {
	case err == nil:
		e.ok(name, count(len(addresses), "address", "addresses"))
		return true
	case failure != nil && failure.IsNotFound:
		e.fail(name, "there is no such name", "correct the address. If it is right, look at the "+
			"DNS settings of the machine, the VPC or the container")
	default:
		e.fail(name, "the name server gives no answer", "look at the DNS settings of the "+
			"machine, the VPC or the container, and whether it may send packets to port 53")
	}
	return false
}

// Advice for a connection that fails.
const (
	letOut = "let the function out to this host and port: NAT gateway, security group, " +
		"firewall; where only a proxy leads out, set HTTPS_PROXY"
	setCA = "install the system's CA certificates, or set SSL_CERT_FILE to a file with the CA " +
		"of the proxy that inspects TLS"
)

// explainConnection returns why a host cannot be reached, and what to do.
func explainConnection(err error) (text, do string) {
	text = "no connection"
	if obstacle, ok := errors.AsType[*upstream.Obstacle](err); ok {
		text = obstacle.Sentence()
	}
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, isOtherName := errors.AsType[x509.HostnameError](err)
	_, isCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	var operation *net.OpError
	switch {
	case isInvalid && invalid.Reason == x509.Expired:
		return text, "compare the clock of this machine with a watch; if it is right, the " +
			"server's operator must renew the certificate"
	case isOtherName:
		return text, "look for what answers in the host's place: a proxy, a portal, an entry in " +
			"/etc/hosts. If it is your own server, use a name that is in its certificate"
	case isCertificate:
		return text, setCA
	case errors.As(err, &operation) && operation.Op == "proxyconnect", strings.Contains(text, "HTTPS_PROXY"):
		return text, "correct HTTPS_PROXY, or add the host to NO_PROXY; the proxy must allow " +
			"CONNECT to it"
	case strings.Contains(text, "HTTP/2 only"):
		return text, "have the server, or the proxy in front of it, speak HTTP/1.1 as well"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time", letOut
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection is refused", "correct the host and the port, or start the server"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "there is no route to the host", letOut
	}
	return text + ": the server, or something on the way, ends it", letOut
}

const (
	// maxSkew is the tolerated error of a clock. Challenges live for minutes, and AWS and
	// Tencent Cloud refuse signatures that are five minutes off.
	maxSkew = 30 * time.Second
	// exact is the uncertainty of a Date in whole seconds, with the time in transit.
	exact = 3 * time.Second
)

// clock judges by how much our clock is ahead of WeChat's hosts.
func (e *examination) clock(skews []time.Duration) {
	const name = "clock"
	if len(skews) == 0 {
		e.skip(name, "WeChat has not said what time it is", "")
		return
	}
	skew := skews[0].Round(time.Second)
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	text := fmt.Sprintf("%v %s WeChat's", skew.Abs(), direction)
	switch {
	case skew.Abs() <= exact:
		e.ok(name, "as WeChat's")
	case skew.Abs() <= maxSkew:
		e.ok(name, text)
	default:
		e.fail(name, text, "set the clock, and keep it right by NTP: challenges end too early "+
			"or too late, and clouds refuse signatures that are five minutes off")
	}
}
