package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"time"
)

// debianRoots is the number of certificates in the bundle of Debian's ca-certificates.
const debianRoots = 144

// chain is a server's certificate as a public authority issues it: RSA, with an
// intermediate, below one root of a bundle.
type chain struct {
	certificate tls.Certificate
	bundle      string // file
}

// newChain makes a chain for 127.0.0.1, and writes the bundle to a file.
func newChain(file string) (chain, error) {
	var keys [3]*rsa.PrivateKey // of the root, of the intermediate and of the server
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return chain{}, err
		}
	}
	var bundle []byte
	for i := range debianRoots - 1 {
		// Roots that sign nothing may share a key.
		other, err := sign(authority(fmt.Sprintf("Root CA %d of the bench", i)), nil, keys[0], keys[0])
		if err != nil {
			return chain{}, err
		}
		bundle = append(bundle, pemOf(other)...)
	}
	root, err := sign(authority("Root CA of the bench"), nil, keys[0], keys[0])
	if err != nil {
		return chain{}, err
	}
	intermediate, err := sign(authority("Intermediate CA of the bench"), root, keys[1], keys[0])
	if err != nil {
		return chain{}, err
	}
	server, err := sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, intermediate, keys[2], keys[1])
	if err != nil {
		return chain{}, err
	}
	if err := os.WriteFile(file, append(bundle, pemOf(root)...), 0o600); err != nil {
		return chain{}, err
	}
	return chain{bundle: file, certificate: tls.Certificate{Certificate: [][]byte{server.Raw, intermediate.Raw}, PrivateKey: keys[2]}}, nil
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name, Organization: []string{"sotercall"}}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

// sign signs a certificate by its issuer; without one it is self-signed.
func sign(template, issuer *x509.Certificate, key, issuerKey *rsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	if issuer == nil {
		issuer = template
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, issuerKey)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(raw)
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// serve serves a handler behind the chain. The caller must close the server.
func (c chain) serve(handler http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // killed functions cause errors
	server.TLS = &tls.Config{Certificates: []tls.Certificate{c.certificate}}
	server.StartTLS()
	return server
}
