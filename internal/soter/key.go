package soter

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"sync"
)

const (
	keyBits     = 2048
	keyExponent = 65537

	// maxKeyText bounds the text of a key. A real key in PEM has 451 bytes; a modulus that
	// is expensive to check has far more than 2048.
	maxKeyText = 2048
)

// PublicKey is an ASK or AuthKey: RSA-2048 with exponent 65537. ParsePublicKey and
// NewPublicKey return it. It is immutable and safe for concurrent use.
type PublicKey struct {
	rsa rsa.PublicKey
	der []byte // the canonical SPKI
}

// NewPublicKey takes a copy of key. The error is ErrWeakKey.
func NewPublicKey(key *rsa.PublicKey) (*PublicKey, error) {
	if err := checkStrength(key); err != nil {
		return nil, err
	}
	own := rsa.PublicKey{N: new(big.Int).Set(key.N), E: key.E}
	der, err := x509.MarshalPKIXPublicKey(&own)
	if err != nil {
		return nil, fmt.Errorf("soter: encoding a public key: %w", err)
	}
	return &PublicKey{rsa: own, der: der}, nil
}

func checkStrength(key *rsa.PublicKey) error {
	if key == nil || key.N == nil || key.N.Sign() <= 0 {
		return fmt.Errorf("public key: %w: no modulus", ErrWeakKey)
	}
	if bits := key.N.BitLen(); bits != keyBits {
		return fmt.Errorf("public key: %w: modulus has %d bits, want %d", ErrWeakKey, bits, keyBits)
	}
	if key.E != keyExponent {
		return fmt.Errorf("public key: %w: exponent is %d, want %d", ErrWeakKey, key.E, keyExponent)
	}
	if key.N.Bit(0) == 0 {
		return fmt.Errorf("public key: %w: modulus is even", ErrWeakKey)
	}
	if gcd := new(big.Int).GCD(nil, nil, key.N, smallPrimes()); gcd.BitLen() > 1 {
		return fmt.Errorf("public key: %w: modulus has a small prime factor", ErrWeakKey)
	}
	return nil
}

// smallPrimes is the product of all primes below 2000.
var smallPrimes = sync.OnceValue(func() *big.Int {
	product := big.NewInt(1)
	for n := int64(2); n < 2000; n++ {
		if p := big.NewInt(n); p.ProbablyPrime(0) { // exact for numbers this small
			product.Mul(product, p)
		}
	}
	return product
})

// ParsePublicKey reads an RSA key as SubjectPublicKeyInfo: PEM, the base64 body of a PEM
// alone, or DER, with blanks and empty lines around the text. PEM is one block and nothing
// else; its base64 may be one long line. Any label is accepted: keys in the field are
// labelled CERTIFICATE, with four dashes at the end (hw_ask.pem of Tencent's
// server-sample). A key marked id-RSASSA-PSS is accepted if it states no parameters.
//
// The errors are ErrMalformed and ErrWeakKey.
func ParsePublicKey(data []byte) (*PublicKey, error) {
	if len(data) > maxKeyText {
		return nil, fmt.Errorf("public key: %w: has %d bytes, want at most %d", ErrMalformed, len(data), maxKeyText)
	}
	if len(data) > 1 && data[0] == 0x30 && data[1] >= 0x80 { // a long SEQUENCE, not text
		return parseSPKI(data)
	}
	der, err := unarmour(data)
	if err != nil {
		return nil, fmt.Errorf("public key: %w: %w", ErrMalformed, err)
	}
	return parseSPKI(der)
}

// unarmour decodes one PEM block, or bare base64.
func unarmour(text []byte) ([]byte, error) {
	text = bytes.Trim(text, " \t\r\n")
	if bytes.ContainsRune(text, '\\') {
		return nil, errors.New("holds a backslash, want the text after JSON decoding")
	}
	if bytes.HasPrefix(text, []byte(pemBegin)) {
		_, der, err := readPEM(text)
		return der, err
	}
	der, err := readBase64(text)
	if err != nil {
		return nil, fmt.Errorf("neither PEM, base64 nor DER: %w", err)
	}
	return der, nil
}

type subjectPublicKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	PublicKey asn1.BitString
}

var (
	oidRSAEncryption = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidRSASSAPSS     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
)

// parseSPKI replaces x509.ParsePKIXPublicKey, which does not know id-RSASSA-PSS.
func parseSPKI(der []byte) (*PublicKey, error) {
	var info subjectPublicKeyInfo
	rest, err := asn1.Unmarshal(der, &info)
	if err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("public key: %w: not one SubjectPublicKeyInfo", ErrMalformed)
	}
	parameters := info.Algorithm.Parameters.FullBytes
	switch algorithm := info.Algorithm.Algorithm; {
	case algorithm.Equal(oidRSAEncryption) && bytes.Equal(parameters, asn1.NullBytes):
	case algorithm.Equal(oidRSASSAPSS) && len(parameters) == 0:
	default:
		return nil, fmt.Errorf("public key: %w: has algorithm %v with %d bytes of parameters, want RSA", ErrMalformed, algorithm, len(parameters))
	}
	key, err := x509.ParsePKCS1PublicKey(info.PublicKey.RightAlign())
	if err != nil {
		return nil, fmt.Errorf("public key: %w: %w", ErrMalformed, err)
	}
	// encoding/asn1 ignores surplus elements; a key must have exactly one encoding.
	info.PublicKey.Bytes = x509.MarshalPKCS1PublicKey(key)
	info.PublicKey.BitLength = 8 * len(info.PublicKey.Bytes)
	if canonical, err := asn1.Marshal(info); err != nil || !bytes.Equal(canonical, der) {
		return nil, fmt.Errorf("public key: %w: not canonical DER", ErrMalformed)
	}
	return NewPublicKey(key)
}

// PEM returns the key as SubjectPublicKeyInfo in PEM: one text for one key, whatever form
// it was read from.
func (k *PublicKey) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.der})
}

// Equal reports whether both are the same key.
func (k *PublicKey) Equal(other *PublicKey) bool {
	return other != nil && bytes.Equal(k.der, other.der)
}
