package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Obstacle reports that the network, TLS or a proxy keeps a request from the server. Its
// text is one sentence for outside, without a secret; Unwrap returns the cause, for the
// log.
type Obstacle struct {
	sentence string
	err      error
}

// Error returns the sentence and the cause.
func (e *Obstacle) Error() string { return e.sentence + ": " + e.err.Error() }

// Sentence returns the text that may be shown outside.
func (e *Obstacle) Sentence() string { return e.sentence }

// Unwrap returns the cause.
func (e *Obstacle) Unwrap() error { return e.err }

// refusedByProxy is the status of a proxy's response to CONNECT.
type refusedByProxy struct{ status int }

func (e *refusedByProxy) Error() string { return fmt.Sprintf("HTTP status %d", e.status) }

// onProxyResponse implements http.Transport.OnProxyConnectResponse.
func onProxyResponse(_ context.Context, _ *url.URL, _ *http.Request, response *http.Response) error {
	if response.StatusCode != http.StatusOK {
		return &refusedByProxy{response.StatusCode}
	}
	return nil
}

// proxyFor returns the proxy of HTTPS_PROXY, unless NO_PROXY names the host. A request in
// the clear has no proxy: HTTP_PROXY could read it, and CLEARTEXT_HOSTS allows one host
// only.
func proxyFor(r *http.Request) (*url.URL, error) {
	if r.URL.Scheme != "https" {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}

// CheckProxy returns an error if environment names a proxy for https that net/http cannot
// read. net/http would ignore it, and connect without a proxy. The error names the
// variable, and does not quote its value, which may hold a password.
func CheckProxy(environment map[string]string) error {
	// as [http.ProxyFromEnvironment]
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		if text := environment[name]; text != "" && !isProxy(text) {
			return errors.New(name + " must be the address of a proxy, such as http://proxy.internal:3128")
		}
	}
	return nil
}

// isProxy reports whether text is the address of a proxy: scheme://host, or host:port, as
// net/http accepts it.
func isProxy(text string) bool {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return false
	}
	return slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme)
}

// explain wraps err in an [Obstacle] if it is one.
func explain(err error) error {
	if sentence := sentenceFor(err); sentence != "" {
		return &Obstacle{sentence, err}
	}
	return err
}

func sentenceFor(err error) string {
	if proxy, ok := errors.AsType[*refusedByProxy](err); ok {
		return fmt.Sprintf("the proxy of HTTPS_PROXY answers CONNECT with %d", proxy.status)
	}
	ofProxy := isProxyConnect(err)
	if sentence := CertificateSentence(err); sentence != "" {
		if ofProxy {
			return "the proxy of HTTPS_PROXY: " + sentence
		}
		return sentence
	}
	switch {
	case ofProxy && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		return "the proxy of HTTPS_PROXY cannot be reached"
	case isHTTP2Only(err.Error()):
		return "the server speaks HTTP/2 only, and this function HTTP/1.1"
	}
	return ""
}

// isHTTP2Only reports whether text describes a server that speaks HTTP/2 only. crypto/tls
// and net/http have no types for these errors. They are alert 120, and the first frame in
// place of a response, also before the request was sent (net/http, readLoopPeekFailLocked).
func isHTTP2Only(text string) bool {
	return strings.Contains(text, "no application protocol") || strings.Contains(text, `malformed HTTP response "\x00\x00`) ||
		strings.Contains(text, "readLoopPeekFailLocked: %!w(<nil>)")
}

// isProxyConnect reports whether err is about the connection to a proxy.
func isProxyConnect(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) && operation.Op == "proxyconnect"
}

// CertificateSentence returns why a client does not trust a server's certificate, as a
// sentence that a response may contain. It returns "" for other errors.
func CertificateSentence(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate of the server is for another name"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "the certificate of the server has expired, or is not valid yet, by the clock of this machine"
	}
	_, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, hasNoRoots := errors.AsType[x509.SystemRootsError](err)
	_, isInvalid := errors.AsType[*tls.CertificateVerificationError](err)
	if isUnknown || hasNoRoots || isInvalid {
		return "the certificate of the server is not trusted: this machine has no CA roots for it (SSL_CERT_FILE), the server does not send its intermediate certificate, or a proxy inspects TLS"
	}
	return ""
}
