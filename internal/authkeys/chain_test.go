package authkeys_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sotercall/internal/authkeys"
	"sotercall/internal/openapi"
	"sotercall/internal/soter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	user  = "oUser-0123456789-0123456789"
	cpuID = "0900000026030000241a1e8e9e44c3a8e05b9c0c"
	uid   = "10115"
)

// Keys are made once: under the race detector one takes about a second.
var (
	askKey     = sync.OnceValue(newKey)
	authKey    = sync.OnceValue(newKey)
	anotherKey = sync.OnceValue(newKey)
)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func sign(t require.TestingT, key *rsa.PrivateKey, text string, salt soter.Salt) soter.Signature {
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: int(salt)})
	require.NoError(t, err)
	return soter.Signature(signature)
}

func base64Text(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func spki(t require.TestingT, key *rsa.PrivateKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	return der
}

func pemText(t require.TestingT, key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki(t, key)}))
}

func quote(t require.TestingT, v any) string {
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

// keyJSON is a key's export as devices write it: with the slashes escaped.
func keyJSON(t require.TestingT, pubKey string, members string) string {
	return `{"pub_key":` + strings.ReplaceAll(quote(t, pubKey), "/", `\/`) + `,` + members + `}`
}

func identity(counter int) string {
	return fmt.Sprintf(`"cpu_id":%q,"uid":%q,"counter":%d`, cpuID, uid, counter)
}

// phone is a device with an app: what it exports, and what it signs.
type phone struct {
	ask       string
	exported  string // the AuthKey
	authKey   *rsa.PrivateKey
	salt      soter.Salt
	announces string // the end of each text
}

// newPhone has made its ASK at counter 228 and its AuthKey at 240.
func newPhone(t require.TestingT) phone {
	return phone{
		ask:      keyJSON(t, pemText(t, askKey()), identity(228)),
		exported: keyJSON(t, pemText(t, authKey()), identity(240)),
		authKey:  authKey(),
		salt:     soter.Salt20,
	}
}

func newHuaweiPhone(t require.TestingT) phone {
	p := newPhone(t)
	p.salt, p.announces = soter.Salt32, `,"rsa_pss_saltlen":32`
	p.exported = strings.ReplaceAll(keyJSON(t, pemText(t, authKey()), identity(240)+p.announces), `\n`, "\n")
	p.ask = certificateASK(t)
	return p
}

func (p phone) enrolment(t require.TestingT) authkeys.Enrolment {
	return authkeys.Enrolment{
		OpenID: user, ASKJSON: []byte(p.ask), AuthKeyJSON: []byte(p.exported),
		Signature: sign(t, askKey(), p.exported, p.salt),
	}
}

// answer is what the phone answers to a challenge.
func (p phone) answer(t require.TestingT, counter int) openapi.Request {
	text := fmt.Sprintf(`{"raw":"cd99c126b2fa8cc2022b8fbaa288fd37","fid":"761123376","counter":%d,"tee_n":"t-base","tee_v":"10010","fp_n":"FPC","fp_v":"6516","cpu_id":%q,"uid":%q%s}`,
		counter, cpuID, uid, p.announces)
	return p.signed(t, text)
}

func (p phone) signed(t require.TestingT, text string) openapi.Request {
	signature := sign(t, p.authKey, text, p.salt)
	return openapi.Request{OpenID: user, JSONString: text, JSONSignature: base64Text(signature[:])}
}

// certificateASK is an ASK in the certificate form. The identity in the leaf is
// that of keyJSON; the copies beside it are another's.
func certificateASK(t require.TestingT) string {
	empty := asn1.RawValue{FullBytes: []byte{0x30, 0}}
	description, err := asn1.Marshal(struct {
		AttestationVersion       int
		AttestationSecurityLevel asn1.Enumerated
		KeymasterVersion         int
		KeymasterSecurityLevel   asn1.Enumerated
		AttestationChallenge     []byte
		UniqueID                 []byte
		SoftwareEnforced         asn1.RawValue
		TEEEnforced              asn1.RawValue
	}{2, 1, 3, 1, []byte("{" + identity(228) + `,"rsa_pss_saltlen":32}`), nil, empty, empty})
	require.NoError(t, err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}, Value: description}},
	}
	device := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0)}
	certs := []string{
		certificate(t, leaf, device, askKey()),
		certificate(t, device, device, anotherKey()),
	}
	return `{"certs":` + strings.ReplaceAll(quote(t, certs), "/", `\/`) + `,"cpu_id":"another","uid":1,"counter":1}`
}

// certificate is signed with anotherKey, the device's.
func certificate(t require.TestingT, template, parent *x509.Certificate, key *rsa.PrivateKey) string {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), anotherKey())
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
