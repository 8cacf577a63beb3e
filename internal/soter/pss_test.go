package soter

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"math/big"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Key generation is slow under the race detector: two keys serve all tests.
var (
	deviceKey = sync.OnceValue(generateKey)
	otherKey  = sync.OnceValue(generateKey)
)

func generateKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func publicKey(t testing.TB, key *rsa.PrivateKey) *PublicKey {
	t.Helper()
	public, err := NewPublicKey(&key.PublicKey)
	require.NoError(t, err)
	return public
}

// sign is crypto/rsa's signature; the suite of tampered signatures encodes by
// hand instead.
func sign(t testing.TB, key *rsa.PrivateKey, message []byte, salt Salt) Signature {
	t.Helper()
	digest := sha256.Sum256(message)
	sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: int(salt)})
	require.NoError(t, err)
	return Signature(sig)
}

func encodeSignature(sig Signature) string { return base64.StdEncoding.EncodeToString(sig[:]) }

// pss is EMSA-PSS-ENCODE of RFC 8017, section 9.1.1, step by step, with every
// step open to tampering. emBits is 2047 and emLen is 256.
type pss struct {
	messageHash func() hash.Hash // step 2
	scheme      func() hash.Hash // step 6
	mgf         func() hash.Hash // step 9
	salt        []byte
	zeros       int // leading zeros of M'
	trailer     byte

	editMessageHash func(mHash []byte)
	editHash        func(h []byte)
	editDB          func(db []byte) // padding zeros, 0x01, salt; before masking
	editEncoded     func(em []byte)
}

func honest(salt []byte) pss {
	return pss{messageHash: sha256.New, scheme: sha256.New, mgf: sha256.New, salt: salt, zeros: 8, trailer: 0xbc}
}

func (p pss) encode(message []byte) *big.Int {
	const emLen = 256
	mHash := sum(p.messageHash, message)
	edit(p.editMessageHash, mHash)
	h := sum(p.scheme, make([]byte, p.zeros), mHash, p.salt)
	edit(p.editHash, h)
	db := make([]byte, emLen-len(h)-1)
	db[len(db)-len(p.salt)-1] = 1
	copy(db[len(db)-len(p.salt):], p.salt)
	edit(p.editDB, db)
	for i, b := range mgf1(p.mgf, h, len(db)) {
		db[i] ^= b
	}
	db[0] &= 0x7f
	em := append(append(db, h...), p.trailer)
	edit(p.editEncoded, em)
	return new(big.Int).SetBytes(em)
}

// sign answers the signature, or false where the tampered encoding is not below
// the modulus.
func (p pss) sign(key *rsa.PrivateKey, message []byte) (Signature, bool) {
	em := p.encode(message)
	if em.Cmp(key.N) >= 0 {
		return Signature{}, false
	}
	return rawSign(key, em), true
}

func rawSign(key *rsa.PrivateKey, em *big.Int) Signature {
	return toSignature(new(big.Int).Exp(em, key.D, key.N))
}

func toSignature(n *big.Int) (sig Signature) {
	n.FillBytes(sig[:])
	return sig
}

func edit(f func([]byte), b []byte) {
	if f != nil {
		f(b)
	}
}

func sum(h func() hash.Hash, parts ...[]byte) []byte {
	w := h()
	for _, part := range parts {
		w.Write(part)
	}
	return w.Sum(nil)
}

func mgf1(h func() hash.Hash, seed []byte, length int) (mask []byte) {
	for i := uint32(0); len(mask) < length; i++ {
		mask = append(mask, sum(h, seed, binary.BigEndian.AppendUint32(nil, i))...)
	}
	return mask[:length]
}

func filled(length int, b byte) []byte {
	s := make([]byte, length)
	for i := range s {
		s[i] = b
	}
	return s
}

func TestHandMadeEncodingIsTheOneOfCryptoRSA(t *testing.T) {
	message := []byte("the suite of tampered signatures rests on this")
	for _, length := range []int{20, 32} {
		sig, ok := honest(filled(length, 7)).sign(deviceKey(), message)
		require.True(t, ok)
		digest := sha256.Sum256(message)
		require.NoError(t, rsa.VerifyPSS(&deviceKey().PublicKey, crypto.SHA256, digest[:], sig[:], &rsa.PSSOptions{SaltLength: length}))
	}
}
