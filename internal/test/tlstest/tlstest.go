// Package tlstest serves HTTP behind TLS for tests, as in production: with HTTP/2 offered,
// and a certificate of its own certificate authority.
package tlstest

import (
	"crypto"
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
	"path/filepath"
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
	Leaf tls.Certificate // the server's, with its chain
}

// Own returns the authority of this process. The first call makes it.
var Own = sync.OnceValue(func() Authority { return New() })

// New returns a new authority, with names in its server certificate as well. It panics on
// an error.
func New(names ...string) Authority {
	return issue(append([]string{"localhost", "*.sotercall.test"}, names...), net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.IPv4zero)
}

// NewForAddress is New with a server certificate for 127.0.0.1 alone.
func NewForAddress() Authority { return issue(nil, net.IPv4(127, 0, 0, 1)) }

func issue(names []string, addresses ...net.IP) Authority {
	caKey, leafKey := newKey(), newKey()
	ca := Sign(AuthorityTemplate(pkix.Name{CommonName: "sotercall tests"}), nil, caKey, caKey)
	leaf := Sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: names, IPAddresses: addresses,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca, leafKey, caKey)
	return Authority{PEM: PEM(ca), Leaf: tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: leafKey}}
}

// AuthorityTemplate returns the template of a certificate authority, for [Sign].
func AuthorityTemplate(subject pkix.Name) *x509.Certificate {
	return &x509.Certificate{Subject: subject, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
}

// Sign returns a certificate for a day, signed by its issuer; without one it is self-signed.
// It panics on an error.
func Sign(template, issuer *x509.Certificate, key, issuerKey crypto.Signer) *x509.Certificate {
	template.SerialNumber = must(rand.Int(rand.Reader, big.NewInt(1<<62)))
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	if issuer == nil {
		issuer = template
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), issuerKey))))
}

// PEM returns the PEM of a certificate.
func PEM(c *x509.Certificate) []byte { return encode("CERTIFICATE", c.Raw) }

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// WriteFiles writes PEM files for a server that is another program: the authority, the
// server's certificate, and its key. It panics on an error.
func (a Authority) WriteFiles(folder string) (authority, certificate, key string) {
	write := func(name string, content []byte) string {
		file := filepath.Join(folder, name)
		must(0, os.WriteFile(file, content, 0o600))
		return file
	}
	return write("authority.pem", a.PEM), write("server.pem", encode("CERTIFICATE", a.Leaf.Certificate[0])),
		write("server.key", encode("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(a.Leaf.PrivateKey))))
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
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{a.Leaf}, NextProtos: protocols}
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
	}, Certificates: []tls.Certificate{a.Leaf}}
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
