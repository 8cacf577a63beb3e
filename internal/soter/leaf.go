package soter

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// maxChain bounds the certificates of an ASK; real devices send four.
const maxChain = 8

// leaf is the certificate of an ASK. crypto/x509 refuses those of Huawei devices ("invalid
// CRL distribution points": the extension is one zero byte). Nor could it chain them: the
// leaf's issuer differs from the device certificate's subject. So leaf reads the few parts
// that are needed.
type leaf struct {
	identity
	key       *PublicKey
	signed    []byte // TBSCertificate
	signature []byte
}

type certificate struct {
	TBS                tbsCertificate
	SignatureAlgorithm pkix.AlgorithmIdentifier
	Signature          asn1.BitString
}

type tbsCertificate struct {
	Raw                asn1.RawContent
	Version            int `asn1:"explicit,tag:0"`
	SerialNumber       *big.Int
	SignatureAlgorithm pkix.AlgorithmIdentifier
	Issuer             asn1.RawValue
	Validity           asn1.RawValue
	Subject            asn1.RawValue
	PublicKey          asn1.RawValue
	Extensions         []pkix.Extension `asn1:"explicit,tag:3"`
}

// keyDescription is Android's key attestation extension (Android Open Source
// Project, "Key and ID attestation").
type keyDescription struct {
	AttestationVersion       int
	AttestationSecurityLevel asn1.Enumerated
	KeymasterVersion         int
	KeymasterSecurityLevel   asn1.Enumerated
	AttestationChallenge     []byte
	UniqueID                 []byte
	SoftwareEnforced         asn1.RawValue
	TEEEnforced              asn1.RawValue
}

var (
	oidSHA256WithRSA  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	oidKeyDescription = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}
)

func decodeChain(certs []string) ([][]byte, error) {
	if len(certs) < 2 || len(certs) > maxChain {
		return nil, fmt.Errorf("has %d certificates, want a leaf and its device, at most %d", len(certs), maxChain)
	}
	chain := make([][]byte, len(certs))
	for i, cert := range certs {
		label, der, err := readPEM([]byte(cert))
		if err != nil || label != "CERTIFICATE" {
			return nil, fmt.Errorf("has something else than one PEM certificate at %d", i)
		}
		chain[i] = der
	}
	return chain, nil
}

func parseLeaf(der []byte) (leaf, error) {
	var cert certificate
	if err := unmarshalDER(der, &cert); err != nil {
		return leaf{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !cert.SignatureAlgorithm.Algorithm.Equal(oidSHA256WithRSA) || !cert.TBS.SignatureAlgorithm.Algorithm.Equal(oidSHA256WithRSA) {
		return leaf{}, fmt.Errorf("%w: not signed with sha256WithRSAEncryption", ErrMalformed)
	}
	id, err := attestedIdentity(cert.TBS.Extensions)
	if err != nil {
		return leaf{}, fmt.Errorf("%w: key description: %w", ErrMalformed, err)
	}
	key, err := parseSPKI(cert.TBS.PublicKey.FullBytes)
	if err != nil {
		return leaf{}, err
	}
	return leaf{identity: id, key: key, signed: cert.TBS.Raw, signature: cert.Signature.RightAlign()}, nil
}

// attestedIdentity reads the identity that the device vouches for: the JSON in its
// attestation challenge.
func attestedIdentity(extensions []pkix.Extension) (identity, error) {
	var value []byte
	for _, extension := range extensions {
		if !extension.Id.Equal(oidKeyDescription) {
			continue
		}
		if value != nil {
			return identity{}, errors.New("is duplicated")
		}
		value = extension.Value
	}
	if value == nil {
		return identity{}, errors.New("is missing")
	}
	var description keyDescription
	if err := unmarshalDER(value, &description); err != nil {
		return identity{}, err
	}
	var id identity
	if err := readFlat(description.AttestationChallenge, exactNames{&id}); err != nil {
		return identity{}, fmt.Errorf("attestationChallenge: %w", err)
	}
	if err := id.complete(); err != nil {
		return identity{}, fmt.Errorf("attestationChallenge: %w", err)
	}
	return id, nil
}

func (l leaf) checkSignedBy(deviceDER []byte) error {
	device, err := x509.ParseCertificate(deviceDER)
	if err != nil {
		return fmt.Errorf("%w: device certificate: %w", ErrMalformed, err)
	}
	key, ok := device.PublicKey.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("%w: device certificate: key is %v, want RSA", ErrMalformed, device.PublicKeyAlgorithm)
	}
	if err := checkStrength(key); err != nil {
		return fmt.Errorf("device certificate: %w", err)
	}
	err = device.CheckSignature(x509.SHA256WithRSA, l.signed, l.signature)
	if errors.Is(err, rsa.ErrVerification) {
		return ErrWrongSignature
	}
	return err
}

func unmarshalDER(der []byte, into any) error {
	rest, err := asn1.Unmarshal(der, into)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("%d bytes of trailing data", len(rest))
	}
	return nil
}
