package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"os"

	"sotercall/internal/test/tlstest"
)

// debianRoots is the number of certificates in the bundle of Debian's ca-certificates.
const debianRoots = 144

// chain is a server's certificate as a public authority issues it: RSA, with an
// intermediate, below one root of a bundle.
type chain struct {
	tlstest.Authority
	bundle string // file
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
	authority := func(name string, issuer *x509.Certificate, key, issuerKey crypto.Signer) *x509.Certificate {
		subject := pkix.Name{CommonName: name, Organization: []string{"sotercall"}}
		return tlstest.Sign(tlstest.AuthorityTemplate(subject), issuer, key, issuerKey)
	}
	var bundle []byte
	for i := range debianRoots - 1 {
		// Roots that sign nothing may share a key.
		bundle = append(bundle, tlstest.PEM(authority(fmt.Sprintf("Root CA %d of the bench", i), nil, keys[0], keys[0]))...)
	}
	root := authority("Root CA of the bench", nil, keys[0], keys[0])
	intermediate := authority("Intermediate CA of the bench", root, keys[1], keys[0])
	server := tlstest.Sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, intermediate, keys[2], keys[1])
	bundle = append(bundle, tlstest.PEM(root)...)
	leaf := tls.Certificate{Certificate: [][]byte{server.Raw, intermediate.Raw}, PrivateKey: keys[2]}
	return chain{tlstest.Authority{PEM: tlstest.PEM(root), Leaf: leaf}, file}, os.WriteFile(file, bundle, 0o600)
}
