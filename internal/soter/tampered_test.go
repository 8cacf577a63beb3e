package soter

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var tamperedMessage = []byte(`{"raw":"challenge","counter":7,"cpu_id":"c1","uid":"u1"}`)

// tamperedEncodings break one step of the encoding each, after the list of
// C2SP/wycheproof's rsa_pss vectors. The signer is honest about the rest.
var tamperedEncodings = map[string]func(p *pss){
	"salt of 0 bytes":                        func(p *pss) { p.salt = nil },
	"salt of 1 byte":                         func(p *pss) { p.salt = p.salt[:1] },
	"salt one byte shorter":                  func(p *pss) { p.salt = p.salt[1:] },
	"salt one byte longer":                   func(p *pss) { p.salt = append(p.salt, 0) },
	"salt one byte longer, leading zero":     func(p *pss) { p.salt = append([]byte{0}, p.salt...) },
	"salt of 26 bytes":                       func(p *pss) { p.salt = filled(26, 3) },
	"salt of 64 bytes":                       func(p *pss) { p.salt = filled(64, 3) },
	"longest salt":                           func(p *pss) { p.salt = filled(222, 3) },
	"the other salt length":                  func(p *pss) { p.salt = filled(52-len(p.salt), 3) },
	"message hashed with SHA-1":              func(p *pss) { p.messageHash = sha1.New },
	"message hashed with SHA-224":            func(p *pss) { p.messageHash = sha256.New224 },
	"message hashed with SHA-512":            func(p *pss) { p.messageHash = sha512.New },
	"message hashed with SHA-512/256":        func(p *pss) { p.messageHash = sha512.New512_256 },
	"scheme hash SHA-1":                      func(p *pss) { p.scheme = sha1.New },
	"scheme hash SHA-224":                    func(p *pss) { p.scheme = sha256.New224 },
	"scheme hash SHA-384":                    func(p *pss) { p.scheme = sha512.New384 },
	"scheme hash SHA-512/256":                func(p *pss) { p.scheme = sha512.New512_256 },
	"MGF1 with SHA-1":                        func(p *pss) { p.mgf = sha1.New },
	"MGF1 with SHA-224":                      func(p *pss) { p.mgf = sha256.New224 },
	"MGF1 with SHA-512":                      func(p *pss) { p.mgf = sha512.New },
	"MGF1 with SHA-512/256":                  func(p *pss) { p.mgf = sha512.New512_256 },
	"M' without its eight zeros":             func(p *pss) { p.zeros = 0 },
	"M' with nine zeros":                     func(p *pss) { p.zeros = 9 },
	"first byte of mHash modified":           func(p *pss) { p.editMessageHash = func(m []byte) { m[0] ^= 1 } },
	"last byte of mHash modified":            func(p *pss) { p.editMessageHash = func(m []byte) { m[31] ^= 0x80 } },
	"all bits of mHash flipped":              func(p *pss) { p.editMessageHash = flipAll },
	"mHash all zero":                         func(p *pss) { p.editMessageHash = func(m []byte) { clear(m) } },
	"first byte of H modified":               func(p *pss) { p.editHash = func(h []byte) { h[0] ^= 1 } },
	"last byte of H modified":                func(p *pss) { p.editHash = func(h []byte) { h[31] ^= 0x80 } },
	"all bits of H flipped":                  func(p *pss) { p.editHash = flipAll },
	"H all zero":                             func(p *pss) { p.editHash = func(h []byte) { clear(h) } },
	"byte 0 of the zero padding modified":    func(p *pss) { p.editDB = func(db []byte) { db[0] ^= 1 } },
	"byte 7 of the zero padding modified":    func(p *pss) { p.editDB = func(db []byte) { db[7] ^= 1 } },
	"last byte of the zero padding modified": func(p *pss) { at := separator(p) - 1; p.editDB = func(db []byte) { db[at] ^= 0x80 } },
	"all bytes of the zero padding modified": func(p *pss) { at := separator(p); p.editDB = func(db []byte) { flipAll(db[:at]) } },
	"padding begins with 0x01":               func(p *pss) { p.editDB = func(db []byte) { db[0] = 1 } },
	"separator 0x00":                         func(p *pss) { at := separator(p); p.editDB = func(db []byte) { db[at] = 0 } },
	"separator 0x02":                         func(p *pss) { at := separator(p); p.editDB = func(db []byte) { db[at] = 2 } },
	"separator 0x81":                         func(p *pss) { at := separator(p); p.editDB = func(db []byte) { db[at] |= 0x80 } },
	"first byte of the salt modified":        func(p *pss) { at := separator(p) + 1; p.editDB = func(db []byte) { db[at] ^= 1 } },
	"last byte of the salt modified":         func(p *pss) { p.editDB = func(db []byte) { db[len(db)-1] ^= 0x80 } },
	"trailer 0x00":                           func(p *pss) { p.trailer = 0 },
	"trailer 0xbb":                           func(p *pss) { p.trailer = 0xbb },
	"trailer 0xbd":                           func(p *pss) { p.trailer = 0xbd },
	"trailer 0xcc":                           func(p *pss) { p.trailer = 0xcc },
	"trailer 0x34cc of ISO 9796-2":           func(p *pss) { p.editEncoded = func(em []byte) { copy(em[254:], "\x34\xcc") } },
	"first bit set":                          func(p *pss) { p.editEncoded = func(em []byte) { em[0] |= 0x80 } },
	"encoding shifted by one byte":           func(p *pss) { p.editEncoded = func(em []byte) { copy(em[1:], em[:255]); em[0] = 0 } },
	"encoding all zero":                      func(p *pss) { p.editEncoded = func(em []byte) { clear(em) } },
	"masked DB all zero":                     func(p *pss) { p.editEncoded = func(em []byte) { clear(em[:223]) } },
	"encoding of PKCS #1 v1.5": func(p *pss) {
		digest := sha256.Sum256(tamperedMessage)
		p.editEncoded = func(em []byte) { copy(em, pkcs1(digest[:])) }
	},
	"bare digest": func(p *pss) {
		digest := sha256.Sum256(tamperedMessage)
		p.editEncoded = func(em []byte) { clear(em); copy(em[224:], digest[:]) }
	},
}

// separator is where the 0x01 stands in DB.
func separator(p *pss) int { return 223 - len(p.salt) - 1 }

func flipAll(b []byte) {
	for i := range b {
		b[i] ^= 0xff
	}
}

func pkcs1(digest []byte) []byte {
	info := append([]byte{0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20}, digest...)
	return slices.Concat([]byte{0, 1}, filled(256-3-len(info), 0xff), []byte{0}, info)
}

func TestVerifyRefusesEveryTamperedEncoding(t *testing.T) {
	key := publicKey(t, deviceKey())
	require.GreaterOrEqual(t, len(tamperedEncodings), 50)
	for name, tamper := range tamperedEncodings {
		for _, salt := range []Salt{Salt20, Salt32} {
			t.Run(name, func(t *testing.T) {
				twin, broken := twins(t, int(salt), tamper)
				require.NoError(t, key.Verify(tamperedMessage, twin, salt), "the twin")
				require.ErrorIs(t, key.Verify(tamperedMessage, broken, salt), ErrWrongSignature)
			})
		}
	}
}

// twins answers an honest signature and one that differs from it by tamper
// alone. It looks for a salt with which the tampered encoding stays below the
// modulus, or the signature would be wrong for another reason.
func twins(t *testing.T, salt int, tamper func(*pss)) (twin, broken Signature) {
	t.Helper()
	for b := range byte(200) {
		p := honest(filled(salt, b+1))
		twin, _ = p.sign(deviceKey(), tamperedMessage)
		tamper(&p)
		if broken, ok := p.sign(deviceKey(), tamperedMessage); ok {
			require.NotEqual(t, twin, broken)
			return twin, broken
		}
	}
	require.Fail(t, "no salt keeps the tampered encoding below the modulus")
	return
}

func TestVerifyAcceptsAnySaltOfTheRightLength(t *testing.T) {
	key := publicKey(t, deviceKey())
	for _, b := range []byte{0, 1, 0xff} { // Wycheproof: salt all 0, all 1
		for _, salt := range []Salt{Salt20, Salt32} {
			sig, _ := honest(filled(int(salt), b)).sign(deviceKey(), tamperedMessage)
			require.NoError(t, key.Verify(tamperedMessage, sig, salt))
		}
	}
}

func TestVerifyRefusesEveryTamperedNumber(t *testing.T) {
	n := deviceKey().N
	one := big.NewInt(1)
	tampered := map[string]func(s *big.Int) *big.Int{
		"0":        func(*big.Int) *big.Int { return new(big.Int) },
		"1":        func(*big.Int) *big.Int { return one },
		"n-1":      func(*big.Int) *big.Int { return new(big.Int).Sub(n, one) },
		"n":        func(*big.Int) *big.Int { return n },
		"n+1":      func(*big.Int) *big.Int { return new(big.Int).Add(n, one) },
		"2^2048-1": func(*big.Int) *big.Int { return new(big.Int).SetBytes(filled(256, 0xff)) },
		"s+1":      func(s *big.Int) *big.Int { return new(big.Int).Add(s, one) },
		"s-1":      func(s *big.Int) *big.Int { return new(big.Int).Sub(s, one) },
		"s+n":      func(s *big.Int) *big.Int { return new(big.Int).Add(s, n) },
		"n-s":      func(s *big.Int) *big.Int { return new(big.Int).Sub(n, s) },
		"1/s":      func(s *big.Int) *big.Int { return new(big.Int).ModInverse(s, n) },
		"2s":       func(s *big.Int) *big.Int { return new(big.Int).Mod(new(big.Int).Lsh(s, 1), n) },
		"s^e":      func(s *big.Int) *big.Int { return new(big.Int).Exp(s, big.NewInt(65537), n) },
		"s/256":    func(s *big.Int) *big.Int { return new(big.Int).Rsh(s, 8) },
		"s byte-swapped": func(s *big.Int) *big.Int {
			b := toSignature(s)
			slices.Reverse(b[:])
			return new(big.Int).SetBytes(b[:])
		},
		"s of another key": func(*big.Int) *big.Int {
			s := sign(t, otherKey(), tamperedMessage, Salt20)
			return new(big.Int).SetBytes(s[:])
		},
		"s of another message": func(*big.Int) *big.Int {
			s := sign(t, deviceKey(), tamperedMessage[1:], Salt20)
			return new(big.Int).SetBytes(s[:])
		},
		"s of the message's digest": func(*big.Int) *big.Int {
			digest := sha256.Sum256(tamperedMessage)
			s := sign(t, deviceKey(), digest[:], Salt20)
			return new(big.Int).SetBytes(s[:])
		},
		"s by PKCS #1 v1.5": func(*big.Int) *big.Int {
			digest := sha256.Sum256(tamperedMessage)
			s, err := rsa.SignPKCS1v15(rand.Reader, deviceKey(), crypto.SHA256, digest[:])
			require.NoError(t, err)
			return new(big.Int).SetBytes(s)
		},
	}
	key := publicKey(t, deviceKey())
	twin := smallSignature(t)
	require.NoError(t, key.Verify(tamperedMessage, twin, Salt20), "the twin")
	for name, tamper := range tampered {
		t.Run(name, func(t *testing.T) {
			broken := toSignature(tamper(new(big.Int).SetBytes(twin[:])))
			require.ErrorIs(t, key.Verify(tamperedMessage, broken, Salt20), ErrWrongSignature)
		})
	}
}

// smallSignature answers a good signature s with s+n below 2^2048.
func smallSignature(t *testing.T) Signature {
	t.Helper()
	room := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 2048), deviceKey().N)
	for {
		sig := sign(t, deviceKey(), tamperedMessage, Salt20)
		if new(big.Int).SetBytes(sig[:]).Cmp(room) < 0 {
			return sig
		}
	}
}

func TestVerifyRefusesEveryTamperedMessage(t *testing.T) {
	key := publicKey(t, deviceKey())
	sig := sign(t, deviceKey(), tamperedMessage, Salt20)
	require.NoError(t, key.Verify(tamperedMessage, sig, Salt20), "the twin")
	for name, message := range map[string][]byte{
		"empty":              nil,
		"last byte missing":  tamperedMessage[:len(tamperedMessage)-1],
		"first byte missing": tamperedMessage[1:],
		"NUL appended":       append(slices.Clone(tamperedMessage), 0),
		"LF appended":        append(slices.Clone(tamperedMessage), '\n'),
		"blank inside":       bytes.Replace(tamperedMessage, []byte(":"), []byte(": "), 1),
		"counter changed":    bytes.Replace(tamperedMessage, []byte("7"), []byte("8"), 1),
		"twice":              slices.Concat(tamperedMessage, tamperedMessage),
	} {
		require.ErrorIs(t, key.Verify(message, sig, Salt20), ErrWrongSignature, name)
	}
}

func TestVerifyRefusesEverySaltLengthButTwo(t *testing.T) {
	key := publicKey(t, deviceKey())
	for _, length := range []int{-2, -1, 0, 1, 19, 21, 31, 33, 222} {
		sig, _ := honest(filled(max(length, 20), 1)).sign(deviceKey(), tamperedMessage)
		require.ErrorIs(t, key.Verify(tamperedMessage, sig, Salt(length)), ErrMalformed, "salt length %d", length)
	}
	sig := sign(t, deviceKey(), tamperedMessage, Salt20)
	require.NoError(t, key.Verify(tamperedMessage, sig, Salt20), "the twin")
	require.ErrorIs(t, key.Verify(tamperedMessage, sig, 0), ErrMalformed, "0 means any length to crypto/rsa")
}

func TestVerifyWithoutAKeyIsNoVerdict(t *testing.T) {
	err := new(PublicKey).Verify(tamperedMessage, Signature{}, Salt20)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrWrongSignature, "nothing was found out")
}

func TestVerifyRefusesEverySingleBitFlip(t *testing.T) {
	key := publicKey(t, deviceKey())
	sig := sign(t, deviceKey(), tamperedMessage, Salt20)
	require.NoError(t, key.Verify(tamperedMessage, sig, Salt20), "the twin")
	for bit := range 8 * len(sig) {
		broken := sig
		broken[bit/8] ^= 1 << (bit % 8)
		require.ErrorIs(t, key.Verify(tamperedMessage, broken, Salt20), ErrWrongSignature, "bit %d of the signature", bit)
	}
	for bit := range 8 * len(tamperedMessage) {
		broken := slices.Clone(tamperedMessage)
		broken[bit/8] ^= 1 << (bit % 8)
		require.ErrorIs(t, key.Verify(broken, sig, Salt20), ErrWrongSignature, "bit %d of the message", bit)
		result, err := key.VerifyResult(string(broken), encodeSignature(sig))
		require.Error(t, err, "bit %d of the message", bit)
		require.Zero(t, result)
	}
}
