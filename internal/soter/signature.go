package soter

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Signature is an RSA-2048 signature, big-endian as RFC 8017 writes it.
type Signature [256]byte

// signatureText is the length of a Signature in base64, in characters.
const signatureText = 344

// ParseSignature reads jsonSignature: standard base64 with padding, in exactly 344
// characters, canonical. Line breaks, blanks and the URL-safe alphabet are errors. The
// error is ErrMalformed.
func ParseSignature(text string) (Signature, error) {
	if len(text) != signatureText {
		return Signature{}, fmt.Errorf("signature: %w: has %d characters, want %d of base64", ErrMalformed, len(text), signatureText)
	}
	// The decoder's buffer is larger than a Signature: 344 characters without
	// padding would make 258 bytes.
	var decoded [signatureText / 4 * 3]byte
	n, err := base64.StdEncoding.Strict().Decode(decoded[:], []byte(text))
	if err != nil || n != len(Signature{}) { // fewer if it skipped line breaks
		return Signature{}, fmt.Errorf("signature: %w: %s", ErrMalformed, base64Damage(text))
	}
	return Signature(decoded[:n]), nil
}

// base64Damage names the usual damage to a signature in transit.
func base64Damage(text string) string {
	switch {
	case strings.ContainsRune(text, ' '):
		return `holds a blank, most likely a "+" that a form decoder took for one`
	case strings.ContainsAny(text, "\r\n"):
		return "holds a line break, want one line of base64"
	case strings.ContainsAny(text, "-_"):
		return "is in the URL-safe alphabet, want standard base64"
	}
	return "is not canonical base64 of 256 bytes"
}

// Verify returns nil if sig is the key's signature over message, and ErrWrongSignature if
// it is not. The scheme is RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of exactly the
// given length. Any salt but Salt20 and Salt32 is ErrMalformed.
func (k *PublicKey) Verify(message []byte, sig Signature, salt Salt) error {
	// crypto/rsa reads a length of 0 as "any".
	if salt != Salt20 && salt != Salt32 {
		return fmt.Errorf("%w: salt length %d, want 20 or 32", ErrMalformed, salt)
	}
	digest := sha256.Sum256(message)
	err := rsa.VerifyPSS(&k.rsa, crypto.SHA256, digest[:], sig[:], &rsa.PSSOptions{SaltLength: int(salt), Hash: crypto.SHA256})
	if errors.Is(err, rsa.ErrVerification) {
		return ErrWrongSignature
	}
	if err != nil {
		return fmt.Errorf("soter: verifying a signature: %w", err)
	}
	return nil
}

// VerifyResult parses what wx.startSoterAuthentication returned, resultJSON and
// resultJSONSignature. It checks the signature over the bytes of jsonString, with the salt
// length that jsonString announces. On an error the Result is zero: ErrMalformed, before
// any arithmetic, or ErrWrongSignature.
//
// The caller must still check the challenge, the identity and the counter.
func (k *PublicKey) VerifyResult(jsonString, jsonSignature string) (Result, error) {
	sig, err := ParseSignature(jsonSignature)
	if err != nil {
		return Result{}, err
	}
	message := []byte(jsonString)
	result, err := ParseResult(message)
	if err != nil {
		return Result{}, err
	}
	if err := k.Verify(message, sig, result.Salt); err != nil {
		return Result{}, err
	}
	return result, nil
}
