// Package soter judges Tencent SOTER signatures with keys that we hold.
//
// SOTER lets the trusted environment of a phone sign "the user passed a biometric check for
// this challenge". Three keys form a chain, each of them RSA-2048, and each vouches for the
// next:
//
//	ATTK     made in the factory, signs the ASK; only Tencent can check it (verify_ask)
//	ASK      one per app, signs the AuthKey        ParseASK, VerifyAuthKey
//	AuthKey  one per scene, signs every resultJSON PublicKey.VerifyResult
//
// What is signed is always a small JSON text. The signature is over its bytes as they came:
// a text that was decoded and written again no longer verifies. The scheme is RSASSA-PSS
// with SHA-256 and MGF1-SHA-256. Its salt is 20 bytes long, or as long as rsa_pss_saltlen
// in the JSON says (32 on Huawei devices). No other length, hash or padding is ever tried.
//
// Two functions are enough to begin with: [ParsePublicKey] once, when a key is registered
// or loaded, and [PublicKey.VerifyResult] for every authentication.
//
// A good signature is not yet a login. The caller must compare Result.Raw with the
// challenge that it issued, and CPUID and UID with those stored beside the key. It must
// also demand that Counter grew. Nor does a good signature prove hardware: that takes an
// ASK that verify_ask accepted. In a Mini Program the AuthKey never leaves WeChat, so there
// the verify_signature endpoint is the only judge.
//
// The formats follow Tencent/soter: soter-core (SoterCoreBase, SoterSignatureResult),
// server-docs and soter-samples/server-sample.
package soter

import "errors"

// The reasons for a refusal, for errors.Is. Any other error means that the signature could
// not be judged.
var (
	// ErrWrongSignature says that the signature is well formed and does not
	// match the message, the key and the salt length.
	ErrWrongSignature = errors.New("wrong signature")

	// ErrMalformed says that an input breaks its format; the message names the input and
	// the mistake.
	ErrMalformed = errors.New("malformed input")

	// ErrWeakKey says that a key is readable but unfit: not 2048 bits, not e = 65537, or a
	// modulus with a small factor.
	ErrWeakKey = errors.New("weak key")

	// ErrMismatch says that an AuthKey does not belong to the ASK given with it: another
	// cpu_id or uid, or a counter that did not grow.
	ErrMismatch = errors.New("AuthKey does not belong to the ASK")
)

// Salt is the length of a PSS salt in bytes, Salt20 or Salt32. A JSON text
// without rsa_pss_saltlen means Salt20 (Tencent/soter issue 68).
type Salt int

// The only two salt lengths that SOTER devices use.
const (
	Salt20 Salt = 20
	Salt32 Salt = 32
)
