// Package tlstest serves HTTP behind TLS for tests, as in production: with HTTP/2 offered,
// and a certificate of its own certificate authority.
package tlstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// Common are the protocols that most servers negotiate: HTTP/2, or else HTTP/1.1.
var Common = []string{"h2", "http/1.1"}

// Authority is a certificate authority with a server certificate. That is for localhost,
// 127.0.0.1, ::1, names in test (a reserved domain), and 0.0.0.0, which leads to this
// machine although it is no loopback address.
type Authority struct {
	PEM  []byte
	leaf tls.Certificate
}

// Own returns the authority of this process. The first call makes it.
var Own = sync.OnceValue(func() Authority { return New() })

// New returns a new authority, with names in its server certificate as well. It panics on
// an error.
func New(names ...string) Authority {
	caKey, leafKey := newKey(), newKey()
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "sotercall tests"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano() + 1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    append([]string{"localhost", "*.sotercall.test"}, names...), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.IPv4zero},
	}
	caDER := must(x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey))
	leafDER := must(x509.CreateCertificate(rand.Reader, leaf, must(x509.ParseCertificate(caDER)), leafKey.Public(), caKey))
	return Authority{
		PEM:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}),
		leaf: tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: leafKey},
	}
}

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Pool returns a pool with this authority alone.
func (a Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.PEM)
	return pool
}

// Config returns the configuration of a server that negotiates one of protocols by ALPN;
// without protocols it does no ALPN.
func (a Authority) Config(protocols ...string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{a.leaf}, NextProtos: protocols}
}

// Serve starts a server that negotiates one of protocols by ALPN; without protocols
// it does no ALPN. Close the server after use.
func (a Authority) Serve(handler http.Handler, protocols ...string) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // faults break connections
	server.EnableHTTP2 = slices.Contains(protocols, "h2")
	// StartTLS would add http/1.1, which a server without ALPN does not negotiate.
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return a.Config(protocols...), nil
	}, Certificates: []tls.Certificate{a.leaf}}
	server.StartTLS()
	return server
}

// TrustOwn makes the clients of this process trust this process's authority only. Call it
// before the first TLS handshake: Go reads the system's roots once.
var TrustOwn = sync.OnceFunc(func() {
	file := must(os.CreateTemp("", "authority-*.pem"))
	defer os.Remove(file.Name())
	must(file.Write(Own().PEM))
	before, wasSet := os.LookupEnv("SSL_CERT_FILE")
	must(0, os.Setenv("SSL_CERT_FILE", file.Name()))
	must(x509.SystemCertPool())
	if wasSet {
		must(0, os.Setenv("SSL_CERT_FILE", before))
		return
	}
	must(0, os.Unsetenv("SSL_CERT_FILE"))
})

// ServeHTTP2Only serves HTTP/2 only until the test ends, and returns the address. With
// refuse, the handshake fails for a client that does not offer h2 (RFC 7301, section 3.2).
// Without, the server sends an HTTP/2 frame whatever was negotiated.
func ServeHTTP2Only(t testing.TB, refuse bool) (url string) {
	t.Helper()
	config := Own().Config()
	if refuse {
		// Not h2, because crypto/tls then admits clients that offer http/1.1.
		config.NextProtos = []string{"no client offers this"}
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				// An empty SETTINGS frame, the first of a server (RFC 9113, section 3.4).
				if _, err := conn.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0}); err == nil {
					_, _ = conn.Read(make([]byte, 4096))
				}
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return "https://" + listener.Addr().String()
}
