package soter

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func base64Text(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func jsonQuote(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}

// replacePubKey sets the value of pub_key in a text of keyJSON.
func replacePubKey(text, quoted string) string {
	_, rest, _ := strings.Cut(text, `","cpu_id"`)
	return `{"pub_key":` + quoted + `,"cpu_id"` + rest
}

const attested = `{"cpu_id":"HUAWEI_1","counter":38,"uid":"10316","rsa_pss_saltlen":32}`

// leafRecipe is a Huawei leaf: a key description, and a CRL extension of one
// zero byte, at which crypto/x509 gives up. editCert comes before the signature.
type leafRecipe struct {
	key       *rsa.PublicKey
	signer    *rsa.PrivateKey
	challenge string
	editCert  func(c *certificate)
}

func honestLeaf() leafRecipe {
	return leafRecipe{key: &deviceKey().PublicKey, signer: otherKey(), challenge: attested}
}

func (r leafRecipe) build(t testing.TB) []byte {
	t.Helper()
	der := func(v any) []byte {
		b, err := asn1.Marshal(v)
		require.NoError(t, err)
		return b
	}
	empty := asn1.RawValue{FullBytes: []byte{0x30, 0}}
	name := asn1.RawValue{FullBytes: der(pkix.Name{CommonName: "Huawei KeyStore   "}.ToRDNSequence())}
	algorithm := pkix.AlgorithmIdentifier{Algorithm: oidSHA256WithRSA}
	cert := certificate{
		TBS: tbsCertificate{
			Version: 2, SerialNumber: big.NewInt(1), SignatureAlgorithm: algorithm,
			Issuer: name, Validity: asn1.RawValue{FullBytes: der([]time.Time{time.Unix(0, 0).UTC(), time.Unix(1, 0).UTC()})}, Subject: name,
			PublicKey: asn1.RawValue{FullBytes: spki(t, r.key)},
			Extensions: []pkix.Extension{
				{Id: asn1.ObjectIdentifier{2, 5, 29, 31}, Value: []byte{0}},
				{Id: oidKeyDescription, Value: der(keyDescription{
					AttestationVersion: 2, AttestationSecurityLevel: 1, KeymasterVersion: 3, KeymasterSecurityLevel: 1,
					AttestationChallenge: []byte(r.challenge), SoftwareEnforced: empty, TEEEnforced: empty,
				})},
			},
		},
		SignatureAlgorithm: algorithm,
	}
	if r.editCert != nil {
		r.editCert(&cert)
	}
	digest := sha256.Sum256(der(cert.TBS))
	sig, err := rsa.SignPKCS1v15(rand.Reader, r.signer, crypto.SHA256, digest[:])
	require.NoError(t, err)
	cert.Signature = asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}
	return der(cert)
}

func deviceCertificate(t testing.TB, signer crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	require.NoError(t, err)
	return der
}

func certPEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func certsJSON(t testing.TB, certs []string, others string) []byte {
	t.Helper()
	quoted := strings.ReplaceAll(string(jsonQuote(t, certs)), "/", `\/`)
	return []byte(`{"certs":` + quoted + others + `}`)
}

func TestParseASKReadsTheCertificateForm(t *testing.T) {
	leaf, device := honestLeaf().build(t), deviceCertificate(t, otherKey())
	_, err := x509.ParseCertificate(leaf)
	require.ErrorContains(t, err, "CRL distribution points", "the leaf is as odd as the real ones")

	for name, others := range map[string]string{
		"certs alone":                  ``,
		"unsigned copies":              `,"cpu_id":"HUAWEI_1","uid":10316,"counter":38`,
		"unsigned copies that lie":     `,"cpu_id":"forged","uid":1,"counter":1,"rsa_pss_saltlen":20`,
		"copies that no device allows": `,"cpu_id":"000","uid":""`,
	} {
		t.Run(name, func(t *testing.T) {
			ask, err := ParseASK(certsJSON(t, []string{certPEM(leaf), certPEM(device)}, others))
			require.NoError(t, err)
			assert.True(t, ask.Key.Equal(publicKey(t, deviceKey())))
			ask.Key = nil
			assert.Equal(t, ASK{CPUID: "HUAWEI_1", UID: "10316", Counter: 38, Salt: Salt32, Certificates: [][]byte{leaf, device}}, ask)
		})
	}
}

func TestParseASKRefusesBadLeaves(t *testing.T) {
	device := certPEM(deviceCertificate(t, otherKey()))
	parse := func(leaf leafRecipe) (ASK, error) {
		return ParseASK(certsJSON(t, []string{certPEM(leaf.build(t)), device}, ""))
	}
	_, err := parse(honestLeaf())
	require.NoError(t, err, "the twin")

	sha384 := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}
	for name, c := range map[string]struct {
		tamper  func(r *leafRecipe)
		reason  error
		message string
	}{
		"signed by another key":      {func(r *leafRecipe) { r.signer = deviceKey() }, ErrWrongSignature, "leaf certificate"},
		"weak key":                   {func(r *leafRecipe) { r.key = &rsa.PublicKey{N: deviceKey().N, E: 3} }, ErrWeakKey, "exponent is 3"},
		"challenge empty":            {func(r *leafRecipe) { r.challenge = "" }, ErrMalformed, "attestationChallenge"},
		"challenge without cpu_id":   {func(r *leafRecipe) { r.challenge = strings.Replace(attested, "cpu_id", "cpuid", 1) }, ErrMalformed, "cpu_id is missing"},
		"challenge without uid":      {func(r *leafRecipe) { r.challenge = strings.Replace(attested, "uid", "u_id", 1) }, ErrMalformed, "uid is missing"},
		"challenge without counter":  {func(r *leafRecipe) { r.challenge = strings.Replace(attested, "counter", "count", 1) }, ErrMalformed, "counter is missing"},
		"challenge announces salt 0": {func(r *leafRecipe) { r.challenge = strings.Replace(attested, ":32", ":0", 1) }, ErrMalformed, "neither 20 nor 32"},
		"challenge nested":           {func(r *leafRecipe) { r.challenge = strings.Replace(attested, `:32`, `:[32]`, 1) }, ErrMalformed, "nested"},
		"no key description":         {func(r *leafRecipe) { r.editCert = func(c *certificate) { c.TBS.Extensions = c.TBS.Extensions[:1] } }, ErrMalformed, "key description: is missing"},
		"two key descriptions": {func(r *leafRecipe) {
			r.editCert = func(c *certificate) { c.TBS.Extensions = append(c.TBS.Extensions, c.TBS.Extensions[1]) }
		}, ErrMalformed, "is duplicated"},
		"key description with a tail": {func(r *leafRecipe) {
			r.editCert = func(c *certificate) { c.TBS.Extensions[1].Value = append(c.TBS.Extensions[1].Value, 0) }
		}, ErrMalformed, "trailing data"},
		"key description no sequence": {func(r *leafRecipe) {
			r.editCert = func(c *certificate) { c.TBS.Extensions[1].Value = []byte{5, 0} }
		}, ErrMalformed, "structure error"},
		"algorithm outside": {func(r *leafRecipe) { r.editCert = func(c *certificate) { c.SignatureAlgorithm.Algorithm = sha384 } }, ErrMalformed, "sha256WithRSAEncryption"},
		"algorithm inside":  {func(r *leafRecipe) { r.editCert = func(c *certificate) { c.TBS.SignatureAlgorithm.Algorithm = sha384 } }, ErrMalformed, "sha256WithRSAEncryption"},
		"key of no SPKI":    {func(r *leafRecipe) { r.editCert = func(c *certificate) { c.TBS.PublicKey = c.TBS.Subject } }, ErrMalformed, "SubjectPublicKeyInfo"},
		"no extensions":     {func(r *leafRecipe) { r.editCert = func(c *certificate) { c.TBS.Extensions = nil } }, ErrMalformed, "key description: is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			recipe := honestLeaf()
			c.tamper(&recipe)
			ask, err := parse(recipe)
			require.ErrorIs(t, err, c.reason)
			require.ErrorContains(t, err, c.message)
			require.Zero(t, ask)
		})
	}
}

func TestParseASKRefusesBadChains(t *testing.T) {
	leaf, device := honestLeaf().build(t), deviceCertificate(t, otherKey())
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	twin := []string{certPEM(leaf), certPEM(device)}
	_, err = ParseASK(certsJSON(t, twin, ""))
	require.NoError(t, err, "the twin")

	plainKey := strings.TrimSuffix(keyJSON(t, deviceKey(), `"x":0`), "}")[1:]
	for name, c := range map[string]struct {
		text    []byte
		reason  error
		message string
	}{
		"leaf alone":            {certsJSON(t, twin[:1], ""), ErrMalformed, "has 1 certificates"},
		"no certificates":       {certsJSON(t, []string{}, ""), ErrMalformed, "has 0 certificates"},
		"nine certificates":     {certsJSON(t, append(twin, strings.Split("7654321", "")...), ""), ErrMalformed, "has 9 certificates"},
		"device before leaf":    {certsJSON(t, []string{twin[1], twin[0]}, ""), ErrMalformed, "key description: is missing"},
		"leaf twice":            {certsJSON(t, []string{twin[0], twin[0]}, ""), ErrMalformed, "device certificate"},
		"another device":        {certsJSON(t, []string{twin[0], certPEM(deviceCertificate(t, deviceKey()))}, ""), ErrWrongSignature, "leaf certificate"},
		"elliptic device":       {certsJSON(t, []string{twin[0], certPEM(deviceCertificate(t, curve))}, ""), ErrMalformed, "ECDSA"},
		"device of 1024 bits":   {certsJSON(t, []string{twin[0], certPEM(deviceCertificate(t, small))}, ""), ErrWeakKey, "1024 bits"},
		"leaf, flipped bit":     {certsJSON(t, []string{certPEM(flipBit(leaf, len(leaf)-1)), twin[1]}, ""), ErrWrongSignature, "leaf certificate"},
		"leaf, trailing byte":   {certsJSON(t, []string{certPEM(append(leaf, 0)), twin[1]}, ""), ErrMalformed, "trailing data"},
		"two PEM in one":        {certsJSON(t, []string{twin[0] + twin[1], twin[1]}, ""), ErrMalformed, "one PEM certificate at 0"},
		"base64 without PEM":    {certsJSON(t, []string{twin[0], base64Text(device)}, ""), ErrMalformed, "one PEM certificate at 1"},
		"another label":         {certsJSON(t, []string{strings.ReplaceAll(twin[0], "CERTIFICATE", "PUBLIC KEY"), twin[1]}, ""), ErrMalformed, "one PEM certificate at 0"},
		"certs a string":        {[]byte(`{"certs":"x"}`), ErrMalformed, `"certs" is not an array`},
		"certs null":            {[]byte(`{"certs":null}`), ErrMalformed, `"certs" is not an array`},
		"certs an object":       {[]byte(`{"certs":{}}`), ErrMalformed, `"certs" is not an array of strings`},
		"certs of numbers":      {[]byte(`{"certs":[1,2]}`), ErrMalformed, `"certs" is not an array of strings`},
		"certs twice":           {certsJSON(t, twin, `,"certs":[]`), ErrMalformed, "duplicate"},
		"another array":         {certsJSON(t, twin, `,"x":[]`), ErrMalformed, `"x" is nested`},
		"copy of counter -1":    {certsJSON(t, twin, `,"counter":-1`), ErrMalformed, `"counter" is not a plain whole number`},
		"pub_key as well":       {certsJSON(t, twin, ","+plainKey), ErrMalformed, "both certs and pub_key"},
		"over 16 KiB":           {certsJSON(t, twin, `,"x":"`+strings.Repeat("x", 16<<10)+`"`), ErrMalformed, "at most 16384"},
		"neither form":          {[]byte(`{"cpu_id":"c1","counter":3,"uid":"10115"}`), ErrMalformed, "pub_key is missing"},
		"plain, without cpu_id": {[]byte(keyJSON(t, deviceKey(), `"counter":3,"uid":"10115"`)), ErrMalformed, "cpu_id is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			ask, err := ParseASK(c.text)
			require.ErrorIs(t, err, c.reason)
			require.ErrorContains(t, err, c.message)
			require.Zero(t, ask)
		})
	}
}

func flipBit(b []byte, at int) []byte {
	b = append([]byte(nil), b...)
	b[at] ^= 1
	return b
}

func TestParseASKReadsThePlainForm(t *testing.T) {
	ask := twinASK(t)
	assert.True(t, ask.Key.Equal(publicKey(t, deviceKey())))
	ask.Key = nil
	assert.Equal(t, ASK{CPUID: "c1", UID: "10115", Counter: 3, Salt: Salt20}, ask)
}

func TestVerifyAuthKeyUnderACertificateASK(t *testing.T) {
	chain := []string{certPEM(honestLeaf().build(t)), certPEM(deviceCertificate(t, otherKey()))}
	ask, err := ParseASK(certsJSON(t, chain, `,"cpu_id":"forged","uid":1,"counter":100`))
	require.NoError(t, err)
	text := []byte(keyJSON(t, otherKey(), `"cpu_id":"HUAWEI_1","counter":47,"uid":"10316","rsa_pss_saltlen":32`))
	sig := sign(t, deviceKey(), text, Salt32)
	_, err = VerifyAuthKey(ask, text, sig[:])
	require.NoError(t, err)
}
