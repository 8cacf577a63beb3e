package soter

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxASK bounds an ASK's JSON, in bytes; the certificate form of real devices has about 7
// KiB.
const maxASK = 16 << 10

// ASK is what a device exported about the ASK of one app.
type ASK struct {
	Key     *PublicKey // verifies the AuthKeys of the app
	CPUID   string     // cpu_id, the device
	UID     string     // uid, the app on that device
	Counter uint64     // the device's counter when the ASK was made, never 0
	Salt    Salt       // what the export announces, Salt20 if nothing

	// Certificates is the chain of the certificate form in DER, leaf first; nil
	// in the plain form. All that is known of it is that the second certificate
	// signed the first.
	Certificates [][]byte
}

// ParseASK reads an ASK's JSON in either of its forms.
//
// The plain form has the members of an AuthKey and goes by the rules of [ParseAuthKey].
// Only Tencent can tell which device signed it.
//
// The certificate form (SOTER 2.0, Huawei) has certs: leaf, device, CA and root. Each is
// one PEM block and nothing else, with or without an end of line after it. The key is the
// leaf's. The identity stands in the leaf's key description, as its attestationChallenge.
// Members beside certs are copies that the client adds without a signature; they are never
// used. The device certificate must have signed the leaf (PKCS #1 v1.5, SHA-256).
// verify_ask checks the rest of the chain and all dates.
//
// The errors are ErrMalformed, ErrWeakKey and, for the leaf, ErrWrongSignature.
func ParseASK(askJSON []byte) (ASK, error) {
	var r askReader
	if err := readKey(askJSON, maxASK, &r); err != nil {
		return ASK{}, fmt.Errorf("ASK: %w: %w", ErrMalformed, err)
	}
	if r.certs != nil {
		return r.certificateForm()
	}
	key, err := r.plainForm()
	if err != nil {
		return ASK{}, fmt.Errorf("ASK: %w", err)
	}
	return ASK{Key: key, CPUID: r.cpuID, UID: r.uid, Counter: r.counter, Salt: r.salt}, nil
}

type askReader struct {
	keyReader
	certs []string
}

func (r *askReader) member(name []byte, value jsontext.Token) error {
	if string(name) == "certs" {
		return errors.New("is not an array")
	}
	return r.keyReader.member(name, value)
}

func (r *askReader) nested(name []byte, dec *jsontext.Decoder) error {
	if string(name) != "certs" {
		return r.keyReader.nested(name, dec)
	}
	if err := json.UnmarshalDecode(dec, &r.certs); err != nil {
		return fmt.Errorf("is not an array of strings: %w", err)
	}
	return nil
}

func (r *askReader) certificateForm() (ASK, error) {
	if r.pubKey != "" {
		return ASK{}, fmt.Errorf("ASK: %w: has both certs and pub_key", ErrMalformed)
	}
	chain, err := decodeChain(r.certs)
	if err != nil {
		return ASK{}, fmt.Errorf("ASK: %w: certs %w", ErrMalformed, err)
	}
	leaf, err := parseLeaf(chain[0])
	if err != nil {
		return ASK{}, fmt.Errorf("ASK: leaf certificate: %w", err)
	}
	if err := leaf.checkSignedBy(chain[1]); err != nil {
		return ASK{}, fmt.Errorf("ASK: leaf certificate: %w", err)
	}
	return ASK{
		Key: leaf.key, CPUID: leaf.cpuID, UID: leaf.uid, Counter: leaf.counter, Salt: leaf.salt,
		Certificates: chain,
	}, nil
}
