package soter

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// maxAuthKey bounds an AuthKey's JSON, in bytes; those of real devices have 555 and 576.
const maxAuthKey = 8 << 10

// AuthKey is what a device exported about one of its AuthKeys.
type AuthKey struct {
	Key     *PublicKey // verifies every resultJSON of its scene
	CPUID   string     // cpu_id, the device
	UID     string     // uid, the app on that device
	Counter uint64     // the device's counter when the key was exported, never 0
	Salt    Salt       // of the ASK's signature over this export; a resultJSON announces its own
}

// ParseAuthKey reads an AuthKey's JSON without judging its signature: pub_key, cpu_id, uid,
// counter and rsa_pss_saltlen, under the rules of [ParseResult]. A name that differs from
// these in case only is refused.
//
// One departure from JSON is accepted: unescaped line feeds in the value of pub_key. Huawei
// devices write and sign them so (hw_auth_key_json.txt of Tencent's server-sample).
//
// The errors are ErrMalformed and ErrWeakKey.
func ParseAuthKey(authKeyJSON []byte) (AuthKey, error) {
	var r keyReader
	if err := readKey(authKeyJSON, maxAuthKey, &r); err != nil {
		return AuthKey{}, fmt.Errorf("AuthKey: %w: %w", ErrMalformed, err)
	}
	key, err := r.plainForm()
	if err != nil {
		return AuthKey{}, fmt.Errorf("AuthKey: %w", err)
	}
	return AuthKey{Key: key, CPUID: r.cpuID, UID: r.uid, Counter: r.counter, Salt: r.salt}, nil
}

// VerifyAuthKey checks an AuthKey at registration. The ASK must have signed the bytes of
// authKeyJSON, with the salt length that they announce. Both keys must come from one device
// (cpu_id) and one app (uid), and the AuthKey's counter must be above the ASK's. The
// signature is the raw one, 256 bytes.
//
// This proves that the holder of the ASK made the AuthKey, and nothing about hardware:
// emulators write consistent chains. Only Tencent can judge the ASK (POST
// /cgi-bin/soter_3rdapp/verify_ask), so pass one that it accepted. The AuthKeys of Mini
// Programs stay with WeChat and cannot be checked here.
//
// The errors are ErrMalformed, ErrWeakKey, ErrWrongSignature and ErrMismatch.
func VerifyAuthKey(ask ASK, authKeyJSON, signature []byte) (AuthKey, error) {
	if ask.Key == nil {
		return AuthKey{}, fmt.Errorf("%w: ASK without a key", ErrMalformed)
	}
	if len(signature) != len(Signature{}) {
		return AuthKey{}, fmt.Errorf("AuthKey: %w: signature has %d bytes, want %d", ErrMalformed, len(signature), len(Signature{}))
	}
	authKey, err := ParseAuthKey(authKeyJSON)
	if err != nil {
		return AuthKey{}, err
	}
	if err := ask.Key.Verify(authKeyJSON, Signature(signature), authKey.Salt); err != nil {
		return AuthKey{}, fmt.Errorf("AuthKey: %w", err)
	}
	switch {
	case authKey.CPUID != ask.CPUID:
		return AuthKey{}, fmt.Errorf("%w: cpu_id differs", ErrMismatch)
	case authKey.UID != ask.UID:
		return AuthKey{}, fmt.Errorf("%w: uid differs", ErrMismatch)
	case authKey.Counter <= ask.Counter:
		return AuthKey{}, fmt.Errorf("%w: counter %d of the AuthKey is not above %d of the ASK", ErrMismatch, authKey.Counter, ask.Counter)
	}
	return authKey, nil
}

// readKey is readFlat for the texts that carry a pub_key.
func readKey(text []byte, limit int, r memberReader) error {
	if err := checkSize(text, limit); err != nil {
		return err
	}
	return readFlat(escapeLineFeeds(text), exactNames{r})
}

// exactNames refuses a member whose name differs from one of ours in case only. Other
// unknown names are ignored. But many parsers, encoding/json among them, read "Pub_Key" as
// pub_key, and would see a second key.
type exactNames struct{ memberReader }

func (r exactNames) member(name []byte, value jsontext.Token) error {
	if err := checkCase(name); err != nil {
		return err
	}
	return r.memberReader.member(name, value)
}

func (r exactNames) nested(name []byte, dec *jsontext.Decoder) error {
	if err := checkCase(name); err != nil {
		return err
	}
	return r.memberReader.nested(name, dec)
}

func checkCase(name []byte) error {
	for _, ours := range []string{"pub_key", "certs", "cpu_id", "uid", "counter", "rsa_pss_saltlen"} {
		if string(name) != ours && strings.EqualFold(string(name), ours) {
			return fmt.Errorf("is not spelled %q", ours)
		}
	}
	return nil
}

var pubKeyMember = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`"pub_key"\s*:\s*("(?:[^"\\]|\\.)*")`)
})

// escapeLineFeeds makes JSON of a text whose only fault is line feeds in the value of
// pub_key. Parse its result, but verify the signature over text.
func escapeLineFeeds(text []byte) []byte {
	at := pubKeyMember().FindSubmatchIndex(text)
	if at == nil {
		return text
	}
	value := bytes.ReplaceAll(text[at[2]:at[3]], []byte("\n"), []byte(`\n`))
	return bytes.Join([][]byte{text[:at[2]], value, text[at[3]:]}, nil)
}

type keyReader struct {
	identity
	pubKey string
}

func (r *keyReader) member(name []byte, value jsontext.Token) error {
	if string(name) == "pub_key" {
		return readString(&r.pubKey, value)
	}
	return r.identity.member(name, value)
}

// plainForm checks the members that were read and returns the key in pub_key.
func (r *keyReader) plainForm() (*PublicKey, error) {
	if r.pubKey == "" {
		return nil, fmt.Errorf("%w: pub_key is missing or empty", ErrMalformed)
	}
	if err := r.complete(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return ParsePublicKey([]byte(r.pubKey))
}
