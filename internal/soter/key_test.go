package soter

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func spki(t testing.TB, key *rsa.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	return der
}

// spkiAs is the key under another algorithm identifier.
func spkiAs(t testing.TB, key *rsa.PublicKey, algorithm pkix.AlgorithmIdentifier) []byte {
	t.Helper()
	bits := x509.MarshalPKCS1PublicKey(key)
	der, err := asn1.Marshal(subjectPublicKeyInfo{algorithm, asn1.BitString{Bytes: bits, BitLength: 8 * len(bits)}})
	require.NoError(t, err)
	return der
}

func TestParsePublicKeyReadsEveryFormOfTheField(t *testing.T) {
	want := publicKey(t, deviceKey())
	der := spki(t, &deviceKey().PublicKey)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	oneLine := base64.StdEncoding.EncodeToString(der)
	forms := map[string]string{
		"PEM":                       text,
		"PEM without final newline": strings.TrimSpace(text),
		"PEM with CRLF":             strings.ReplaceAll(text, "\n", "\r\n"),
		"PEM on one long line":      "-----BEGIN PUBLIC KEY-----\n" + oneLine + "\n-----END PUBLIC KEY-----",
		"label CERTIFICATE, four dashes": strings.NewReplacer(
			"BEGIN PUBLIC KEY-----", "BEGIN CERTIFICATE----", "PUBLIC KEY", "CERTIFICATE").Replace(text),
		"bare base64":            oneLine,
		"bare base64 with lines": strings.Join(strings.Split(text, "\n")[1:8], "\n"),
		"DER":                    string(der),
		"id-RSASSA-PSS":          string(spkiAs(t, &deviceKey().PublicKey, pkix.AlgorithmIdentifier{Algorithm: oidRSASSAPSS})),
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			got, err := ParsePublicKey([]byte(form))
			require.NoError(t, err)
			assert.True(t, want.Equal(got))
			assert.Equal(t, text, string(got.PEM()))
		})
	}
	assert.False(t, want.Equal(publicKey(t, otherKey())))
	assert.False(t, want.Equal(nil))
}

func TestParsePublicKeyRefuses(t *testing.T) {
	public := &deviceKey().PublicKey
	der := spki(t, public)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	_, err := ParsePublicKey([]byte(text))
	require.NoError(t, err, "the twin")

	private, err := x509.MarshalPKCS8PrivateKey(deviceKey())
	require.NoError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	elliptic, err := x509.MarshalPKIXPublicKey(&curve.PublicKey)
	require.NoError(t, err)
	null := asn1.RawValue{FullBytes: asn1.NullBytes}
	parameters := asn1.RawValue{FullBytes: []byte{0x30, 0}}

	for name, c := range map[string]struct {
		form   string
		reason string
	}{
		"empty":                          {"", "SubjectPublicKeyInfo"},
		"too long":                       {text + strings.Repeat("\n", 2048), "at most 2048"},
		"no END line":                    {strings.Split(text, "\n-----END")[0], "END line"},
		"BEGIN line only":                {"-----BEGIN PUBLIC KEY-----", "END line"},
		"two blocks":                     {text + text, "END line"},
		"JSON escapes left in":           {strings.ReplaceAll(text, "\n", `\n`), "backslash"},
		"URL-safe base64":                {base64.URLEncoding.EncodeToString(bytes.Replace(der, der[60:63], []byte{0xfb, 0xff, 0xfe}, 1)), "neither PEM, base64 nor DER"},
		"one character missing":          {strings.Replace(text, "IBIj", "IBI", 1), "not base64"},
		"trailing byte":                  {string(der) + "\x00", "SubjectPublicKeyInfo"},
		"truncated":                      {string(der[:len(der)-1]), "SubjectPublicKeyInfo"},
		"PKCS #1":                        {string(x509.MarshalPKCS1PublicKey(public)), "SubjectPublicKeyInfo"},
		"a private key":                  {string(private), "SubjectPublicKeyInfo"},
		"an elliptic curve":              {string(base64.StdEncoding.EncodeToString(elliptic)), "1.2.840.10045.2.1"},
		"rsaEncryption, no parameters":   {string(spkiAs(t, public, pkix.AlgorithmIdentifier{Algorithm: oidRSAEncryption})), "0 bytes of parameters"},
		"id-RSASSA-PSS, NULL parameters": {string(spkiAs(t, public, pkix.AlgorithmIdentifier{Algorithm: oidRSASSAPSS, Parameters: null})), "2 bytes of parameters"},
		"id-RSASSA-PSS, with parameters": {string(spkiAs(t, public, pkix.AlgorithmIdentifier{Algorithm: oidRSASSAPSS, Parameters: parameters})), "2 bytes of parameters"},
		"surplus element":                {string(surplus(der)), "not canonical DER"},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := ParsePublicKey([]byte(c.form))
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, c.reason)
			require.Nil(t, key)
		})
	}
}

// surplus adds a NULL to the outer sequence, which encoding/asn1 passes over.
func surplus(der []byte) []byte {
	longer := append(bytes.Clone(der), asn1.NullBytes...)
	length := len(longer) - 4
	longer[2], longer[3] = byte(length>>8), byte(length)
	return longer
}

func TestParsePublicKeyRefusesWeakKeys(t *testing.T) {
	n := deviceKey().N
	require.NotNil(t, publicKey(t, deviceKey()), "the twin")
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	even := new(big.Int).SetBit(n, 0, 0)
	three := new(big.Int).Sub(n, new(big.Int).Mod(n, big.NewInt(3))) // keeps the length
	if three.Bit(0) == 0 {
		three.Sub(three, big.NewInt(3))
	}
	for name, c := range map[string]struct {
		key    rsa.PublicKey
		reason string
	}{
		"1024 bits":      {small.PublicKey, "1024 bits"},
		"2047 bits":      {rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).SetBit(n, 2047, 0), 2046, 1), E: 65537}, "2047 bits"},
		"2049 bits":      {rsa.PublicKey{N: new(big.Int).SetBit(n, 2048, 1), E: 65537}, "2049 bits"},
		"4096 bits":      {rsa.PublicKey{N: new(big.Int).SetBit(n, 4095, 1), E: 65537}, "4096 bits"},
		"e = 3":          {rsa.PublicKey{N: n, E: 3}, "exponent is 3"},
		"e = 1":          {rsa.PublicKey{N: n, E: 1}, "exponent is 1"},
		"e = 65536":      {rsa.PublicKey{N: n, E: 65536}, "exponent is 65536"},
		"e = 2^31-1":     {rsa.PublicKey{N: n, E: 1<<31 - 1}, "exponent is 2147483647"},
		"even modulus":   {rsa.PublicKey{N: even, E: 65537}, "even"},
		"divisible by 3": {rsa.PublicKey{N: three, E: 65537}, "small prime factor"},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := ParsePublicKey(spki(t, &c.key))
			require.ErrorIs(t, err, ErrWeakKey)
			require.ErrorContains(t, err, c.reason)
			require.Nil(t, parsed)
			made, err := NewPublicKey(&c.key)
			require.ErrorIs(t, err, ErrWeakKey)
			require.Nil(t, made)
		})
	}
	for _, key := range []*rsa.PublicKey{nil, {}, {N: big.NewInt(0), E: 65537}, {N: new(big.Int).Neg(n), E: 65537}} {
		_, err := NewPublicKey(key)
		require.ErrorIs(t, err, ErrWeakKey)
	}
}

func TestNewPublicKeyKeepsItsOwnModulus(t *testing.T) {
	given := rsa.PublicKey{N: new(big.Int).Set(deviceKey().N), E: 65537}
	key, err := NewPublicKey(&given)
	require.NoError(t, err)
	sig := sign(t, deviceKey(), []byte("m"), Salt20)
	given.N.SetInt64(1)
	given.E = 3
	require.NoError(t, key.Verify([]byte("m"), sig, Salt20))
}
