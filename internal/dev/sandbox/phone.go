package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"unicode/utf8"

	"sotercall/internal/soter"
)

// ErrArgument says that an argument cannot be used; the message names it.
var ErrArgument = errors.New("sandbox: bad argument")

const (
	maxChallenge = 512 // characters, wx.startSoterAuthentication
	maxOpenID    = 128 // bytes; WeChat's own have 28
)

// Phone is a software phone with one enrolled user. Like the trusted environment of a
// device, it keeps the AuthKey, counts, and signs. It is safe for concurrent use, and any
// number of Phones may stand for the same one.
type Phone struct {
	phones phones
	record record
	model  model
	key    *rsa.PrivateKey
}

// Signed is what a Mini Program sends to its server after wx.startSoterAuthentication
// succeeded: resultJSON and resultJSONSignature, under the names that the function expects.
type Signed struct {
	OpenID        string `json:"openid"`
	JSONString    string `json:"jsonString"`
	JSONSignature string `json:"jsonSignature"`
}

// Phone is App.Phone of the first app.
func (s *Sandbox) Phone(openid string, device Device) (*Phone, error) {
	return s.app.Phone(openid, device)
}

// Phone returns the user's phone of that make. The first call enrols it: it makes an
// AuthKey, a cpu_id, a uid and a fid, which stay; with Options.Dir they outlive the
// process. verify_signature knows it from then on, also in other processes with the same
// Dir.
//
// A user may own one phone of each make. openid is any text of 1 to 128 bytes in UTF-8 that
// is no user of another app. The errors: ErrArgument, or the folder could not be used.
func (a *App) Phone(openid string, device Device) (*Phone, error) {
	if err := checkOpenID(openid); err != nil {
		return nil, err
	}
	m, err := device.model()
	if err != nil {
		return nil, err
	}
	r, err := a.enrolled(openid, device)
	if err != nil {
		return nil, err
	}
	key, err := parsePrivateKey(r.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("sandbox: AuthKey of the %s phone of %q: %w", device, openid, err)
	}
	return &Phone{phones: a.sandbox.phones, record: r, model: m, key: key}, nil
}

func (a *App) enrolled(openid string, device Device) (record, error) {
	s := a.sandbox
	records, err := s.phones.of(openid)
	if err != nil {
		return record{}, err
	}
	for _, r := range records {
		if !a.owns(r) {
			return record{}, fmt.Errorf("%w: %q is a user of another app", ErrArgument, openid)
		}
		if r.Device == device {
			return r, nil
		}
	}
	// Making the key takes a tenth of a second, so it is made before enrol takes the lock.
	key, err := s.newKey()
	if err != nil {
		return record{}, fmt.Errorf("sandbox: making an AuthKey: %w", err)
	}
	r, err := newRecord(openid, device, key)
	if err != nil {
		return record{}, err
	}
	r.AppID = a.id
	return s.phones.enrol(r)
}

func newRecord(openid string, device Device, key *rsa.PrivateKey) (record, error) {
	public, err := soter.NewPublicKey(&key.PublicKey)
	if err != nil {
		return record{}, fmt.Errorf("sandbox: making an AuthKey: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return record{}, fmt.Errorf("sandbox: making an AuthKey: %w", err)
	}
	r := record{
		OpenID:     openid,
		Device:     device,
		AuthKey:    string(public.PEM()),
		PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		// Exporting the ASK and the AuthKey took the first two.
		Counter: 2,
	}
	m, err := device.model()
	if err != nil {
		return record{}, err
	}
	id := m.identity()
	r.CPUID, r.UID, r.FID = id.cpuID, id.uid, id.fid
	return r, nil
}

func parsePrivateKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("private key is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("private key is a %T, want RSA", key)
	}
	return private, nil
}

// OpenID returns the owner.
func (p *Phone) OpenID() string { return p.record.OpenID }

// CPUID returns the cpu_id in everything that the phone signs, "" if the device
// has none.
func (p *Phone) CPUID() string { return p.record.CPUID }

// UID returns the uid in everything that the phone signs, "" if the device has
// none.
func (p *Phone) UID() string { return p.record.UID }

// AuthKey returns the public AuthKey in PEM, for a verifier that holds its keys itself.
// WeChat never publishes it.
func (p *Phone) AuthKey() string { return p.record.AuthKey }

// Sign stands for the fingerprint on the sensor. It signs a resultJSON with the challenge,
// as wx.startSoterAuthentication does, and increments the counter. The challenge has 1 to
// 512 characters in UTF-8 (Unicode code points; the page does not define them). Any
// character is accepted, although some real Android devices fail on a quotation mark.
//
// JSONString may hold what strict JSON parsers refuse, see [Devices].
func (p *Phone) Sign(challenge string) (Signed, error) {
	return p.sign(challenge, func(digest []byte) ([]byte, error) {
		return rsa.SignPSS(rand.Reader, p.key, crypto.SHA256, digest, &rsa.PSSOptions{
			SaltLength: p.model.salt,
			Hash:       crypto.SHA256,
		})
	})
}

// SignPKCS1v15 is Sign with the genuine key and the wrong padding, PKCS #1 v1.5 in place of
// PSS. No device does this. It shows that a verifier accepts one scheme only: WeChat, the
// sandbox and package soter all must refuse it.
func (p *Phone) SignPKCS1v15(challenge string) (Signed, error) {
	return p.sign(challenge, func(digest []byte) ([]byte, error) {
		return rsa.SignPKCS1v15(nil, p.key, crypto.SHA256, digest)
	})
}

func (p *Phone) sign(challenge string, signer func(digest []byte) ([]byte, error)) (Signed, error) {
	if err := checkChallenge(challenge); err != nil {
		return Signed{}, err
	}
	counter, err := p.phones.count(p.record.OpenID, p.record.Device)
	if err != nil {
		return Signed{}, err
	}
	text, err := p.model.resultJSON(p.record, challenge, counter)
	if err != nil {
		return Signed{}, err
	}
	digest := sha256.Sum256([]byte(text))
	signature, err := signer(digest[:])
	if err != nil {
		return Signed{}, fmt.Errorf("sandbox: signing: %w", err)
	}
	return Signed{
		OpenID:        p.record.OpenID,
		JSONString:    text,
		JSONSignature: base64.StdEncoding.EncodeToString(signature),
	}, nil
}

func checkOpenID(openid string) error {
	if !utf8.ValidString(openid) {
		return fmt.Errorf("%w: openid is not UTF-8", ErrArgument)
	}
	if n := len(openid); n < 1 || n > maxOpenID {
		return fmt.Errorf("%w: openid has %d bytes, want 1 to %d", ErrArgument, n, maxOpenID)
	}
	return nil
}

func checkChallenge(challenge string) error {
	if !utf8.ValidString(challenge) {
		return fmt.Errorf("%w: challenge is not UTF-8", ErrArgument)
	}
	if n := utf8.RuneCountInString(challenge); n < 1 || n > maxChallenge {
		return fmt.Errorf("%w: challenge has %d characters, want 1 to %d", ErrArgument, n, maxChallenge)
	}
	return nil
}
