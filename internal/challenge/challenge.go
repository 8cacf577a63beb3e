// Package challenge sees to it that a genuine signature answers our question,
// and answers it once.
//
// verify_signature says that a phone has signed a text; it does not say that
// anybody asked for it now. A result that was recorded last week has a genuine
// signature for ever. Four things make an answer of it:
//
//   - the text in raw is a challenge that we issued: [Issuer.Issue], [Issuer.Check];
//   - for this user, in this app, for this purpose, and a short while ago: all four
//     stand in the challenge;
//   - nobody has presented it before: a [Ledger] remembers, a store
//     (internal/store) for the whole fleet, [Memory] for one instance;
//   - the device's counter has grown, as the trusted environment promises: the
//     Ledger remembers that too, and [CounterPolicy] says what follows.
//
// [Verifier] puts them around another openapi.Verifier, in this order: read the
// result, check the challenge, ask whether the signature is genuine, consume.
// Whoever cannot sign consumes nothing.
//
// The client's part is wx.startSoterAuthentication with the challenge as it was
// issued. WeChat's page of wx.startSoterAuthentication says what challenge is for: the
// key information that this authentication signs, such as the number of the order that
// the user authorizes. Tencent/soter, server-docs (后台实现流程指引, points 1 and 2), asks
// the server to look after challenge and counter.
package challenge

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// How long a challenge may live. A user needs seconds for a finger or a face;
// the upper limit catches a mistaken unit in the configuration.
const (
	DefaultTTL = 2 * time.Minute
	MinTTL     = time.Second
	MaxTTL     = time.Hour
)

// MinSecret is how many bytes of text a secret must have at least. Text rather
// than entropy can be counted: 32 characters of hex, the poorest alphabet that a
// generator writes, are the 128 bits that the id of a challenge has too.
const MinSecret = 32

// How many characters a challenge has, all of [A-Za-z0-9_-]: with and without an app,
// with and without a purpose. The page takes up to 512 (WeChat,
// wx.startSoterAuthentication), and some Android devices sign broken JSON when one of
// them has to be escaped.
const (
	TextLength           = 96
	AppTextLength        = 120
	PurposeTextLength    = 140
	PurposeAppTextLength = 164
)

// The reasons for which Check refuses a challenge, for errors.Is.
var (
	ErrNotOurs      = errors.New("the challenge is not one that we issued")
	ErrOtherUser    = errors.New("the challenge was issued to another user")
	ErrOtherApp     = errors.New("the challenge was issued in another app")
	ErrNoApp        = errors.New("the challenge was issued in no app that is named, and there are several")
	ErrOtherPurpose = errors.New("the challenge was issued for another purpose")
	ErrPurposeAdded = errors.New("the challenge was issued for no purpose, and the request names one")
	ErrNoPurpose    = errors.New("the challenge was issued for a purpose, and the request names none")
	ErrExpired      = errors.New("the challenge has expired")
)

// The reasons for which a [Verifier] refuses a challenge that passed Check.
var (
	errLongExpired = errors.New("the challenge expired long before the signature was verified")
	errUsed        = errors.New("the challenge was used before")
)

// Challenge is what a Mini Program's page gets to have signed.
type Challenge struct {
	// Text goes into wx.startSoterAuthentication unchanged.
	Text string
	// ExpiresIn is how long a signature over it will be taken.
	ExpiresIn time.Duration
}

// Ticket is a challenge that passed Check.
type Ticket struct {
	// ID tells challenges apart; 22 characters of [A-Za-z0-9_-].
	ID string
	// Expires is the first moment at which Check refuses the challenge.
	Expires time.Time
}

// Issuer issues challenges and recognizes them. It remembers nothing: what has to
// be known about a challenge stands in its text, under a MAC. It may be used
// concurrently, and all that have the same secrets are one.
//
// The text is base64url, without padding, of
//
//	id       16 bytes        random
//	expires   8 bytes        milliseconds since 1970, big-endian
//	purpose  32 bytes        SHA-256 over a label, id and purpose; in formats 3 and 4
//	user     16 or 17 bytes  HMAC-SHA-256 over id and openid, shortened; 17 in 3 and 4
//	app      18 bytes        HMAC-SHA-256 over id and AppID, shortened; in formats 2 and 4
//	mac      32 bytes        HMAC-SHA-256 over a label of the format and all of the above
//
// The user and the app are in it apart from the MAC so that another user's challenge can
// be told from a forged one, and together with id so that two challenges of one user
// have nothing in common for those who see them pass. The purpose needs no key: whoever
// keeps the signed text and the purpose can show that they belong together
// ([PurposeHash]). It is not shortened, so that nobody finds two purposes with one hash,
// not even by choosing both.
type Issuer struct {
	secrets []secret.Text // the first signs
	ttl     time.Duration
	now     func() time.Time
}

// Offsets that all formats have in common.
const (
	idEnd      = 16
	expiresEnd = idEnd + 8
)

// format is what a challenge is made of, in bytes; 0 for what is not in it. The size of
// each format is a multiple of 3, so that the base64 has no bits to spare, and no two
// have the same.
type format struct {
	label              string // of the MAC
	purpose, user, app int
}

// The formats: with a purpose or without, with an app or without.
var (
	format1 = format{label: "sotercall challenge 1\x00", user: 16}
	format2 = format{label: "sotercall challenge 2\x00", user: 16, app: 18}
	format3 = format{label: "sotercall challenge 3\x00", purpose: sha256.Size, user: 17}
	format4 = format{label: "sotercall challenge 4\x00", purpose: sha256.Size, user: 17, app: 18}
)

// maxSize is the size of the longest format.
const maxSize = expiresEnd + sha256.Size + 17 + 18 + sha256.Size

func (f format) purposeEnd() int { return expiresEnd + f.purpose }
func (f format) userEnd() int    { return f.purposeEnd() + f.user }
func (f format) appEnd() int     { return f.userEnd() + f.app } // where the MAC begins
func (f format) size() int       { return f.appEnd() + sha256.Size }

// formatFor returns the format of a challenge that is issued.
func formatFor(appID, purpose string) format {
	switch {
	case appID == "" && purpose == "":
		return format1
	case purpose == "":
		return format2
	case appID == "":
		return format3
	}
	return format4
}

// formatOf returns the format of a text, by its length.
func formatOf(text string) (format, bool) {
	switch len(text) {
	case TextLength:
		return format1, true
	case AppTextLength:
		return format2, true
	case PurposeTextLength:
		return format3, true
	case PurposeAppTextLength:
		return format4, true
	}
	return format{}, false
}

// The first words of what else is hashed or authenticated: no hash stands for another.
// The labels of user and app are those of the formats that had them first.
const (
	userLabel    = "sotercall challenge 1 user\x00"
	appLabel     = "sotercall challenge 2 app\x00"
	purposeLabel = "sotercall challenge 3 purpose\x00"
)

// NewIssuer makes an Issuer whose challenges live for ttl, from MinTTL to
// MaxTTL. now is the clock, time.Now if nil.
//
// The first of the secrets signs, all of them verify; each has at least
// MinSecret bytes. To change the secret without refusing anybody, give the new
// one to all instances as the second, then as the first with the old one second,
// and after one ttl without the old one.
func NewIssuer(secrets []secret.Text, ttl time.Duration, now func() time.Time) (*Issuer, error) {
	if len(secrets) == 0 {
		return nil, errors.New("challenge: there is no secret")
	}
	for n, s := range secrets {
		if len(s.Reveal()) < MinSecret {
			return nil, fmt.Errorf("challenge: secret %d of %d has fewer than %d bytes", n+1, len(secrets), MinSecret)
		}
	}
	if ttl < MinTTL || ttl > MaxTTL {
		return nil, fmt.Errorf("challenge: a challenge cannot live for %v, only for %v to %v", ttl, MinTTL, MaxTTL)
	}
	if now == nil {
		now = time.Now
	}
	return &Issuer{secrets: append([]secret.Text(nil), secrets...), ttl: ttl, now: now}, nil
}

// Issue makes a challenge for a user of an app, for no purpose. The openid has 1 to
// openapi.MaxOpenID bytes, the AppID at most openapi.MaxAppID; for any other there is an
// error. Without an AppID the challenge is for the user in whatever app.
func (i *Issuer) Issue(openid, appID string) (Challenge, error) {
	return i.IssueFor(openid, appID, "")
}

// IssueFor makes a challenge as Issue does, good for one purpose only: at most
// openapi.MaxPurpose bytes of UTF-8, compared byte for byte. An empty purpose is none.
func (i *Issuer) IssueFor(openid, appID, purpose string) (Challenge, error) {
	switch {
	case openid == "" || len(openid) > openapi.MaxOpenID:
		return Challenge{}, fmt.Errorf("challenge: openid has %d bytes, want 1 to %d", len(openid), openapi.MaxOpenID)
	case len(appID) > openapi.MaxAppID:
		return Challenge{}, fmt.Errorf("challenge: appid has %d bytes, want at most %d", len(appID), openapi.MaxAppID)
	case len(purpose) > openapi.MaxPurpose:
		return Challenge{}, fmt.Errorf("challenge: purpose has %d bytes, want at most %d", len(purpose), openapi.MaxPurpose)
	case !utf8.ValidString(purpose):
		return Challenge{}, errors.New("challenge: purpose is not UTF-8")
	}
	var id [idEnd]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	label, b := i.signed(id, i.now().Add(i.ttl), openid, appID, purpose)
	b = append(b, mac(i.secrets[0], label, b)...)
	return Challenge{Text: base64.RawURLEncoding.EncodeToString(b), ExpiresIn: i.ttl}, nil
}

// signed returns what the MAC of a challenge is over: a label, and all that comes before
// the MAC.
func (i *Issuer) signed(id [idEnd]byte, expires time.Time, openid, appID, purpose string) (label string, b []byte) {
	f := formatFor(appID, purpose)
	b = append(make([]byte, 0, maxSize), id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(expires.UnixMilli()))
	if f.purpose > 0 {
		b = append(b, PurposeHash(id, purpose)...)
	}
	b = append(b, mac(i.secrets[0], userLabel, id[:], []byte(openid))[:f.user]...)
	if f.app > 0 {
		b = append(b, mac(i.secrets[0], appLabel, id[:], []byte(appID))[:f.app]...)
	}
	return f.label, b
}

// PurposeHash returns what stands for a purpose in a challenge with this id: SHA-256 over
// a label of 30 bytes, the id and the purpose.
func PurposeHash(id [16]byte, purpose string) []byte {
	h := sha256.New()
	_, _ = h.Write([]byte(purposeLabel))
	_, _ = h.Write(id[:])
	_, _ = h.Write([]byte(purpose))
	return h.Sum(nil)
}

// User is whom a challenge is to be for, and for what.
type User struct {
	OpenID string
	// AppID is the app whose user that is. Empty if nobody knows, where there is one
	// app only: then the challenge may be of any.
	AppID string
	// OneOfSeveral says that there are other apps, so that a challenge which names none
	// is not for this one.
	OneOfSeveral bool
	// Purpose is what the challenge must have been issued for. Empty: for no purpose.
	Purpose string
}

// Check recognizes a challenge. The errors are ErrNotOurs, ErrOtherUser, ErrOtherApp
// or ErrNoApp, ErrOtherPurpose or ErrPurposeAdded or ErrNoPurpose, and ErrExpired, looked
// for in this order.
func (i *Issuer) Check(text string, user User) (Ticket, error) {
	f, known := formatOf(text)
	if !known {
		return Ticket{}, ErrNotOurs
	}
	// The decoder passes over line breaks; a text of the right length that has
	// some comes out too short.
	var room [maxSize]byte
	decoded := room[:f.size()]
	if n, err := base64.RawURLEncoding.Decode(decoded, []byte(text)); err != nil || n != f.size() {
		return Ticket{}, ErrNotOurs
	}
	signer, ok := i.signer(decoded[:f.appEnd()], decoded[f.appEnd():], f.label)
	if !ok {
		return Ticket{}, ErrNotOurs
	}
	id := [idEnd]byte(decoded)
	userTag := mac(signer, userLabel, id[:], []byte(user.OpenID))[:f.user]
	if !hmac.Equal(decoded[f.purposeEnd():f.userEnd()], userTag) {
		return Ticket{}, ErrOtherUser
	}
	switch {
	case f.app == 0 && user.OneOfSeveral:
		return Ticket{}, ErrNoApp
	case f.app > 0 && user.AppID != "" &&
		!hmac.Equal(decoded[f.userEnd():f.appEnd()], mac(signer, appLabel, id[:], []byte(user.AppID))[:f.app]):
		return Ticket{}, ErrOtherApp
	case f.purpose == 0 && user.Purpose != "":
		return Ticket{}, ErrPurposeAdded
	case f.purpose > 0 && user.Purpose == "":
		return Ticket{}, ErrNoPurpose
	case f.purpose > 0 && !hmac.Equal(decoded[expiresEnd:f.purposeEnd()], PurposeHash(id, user.Purpose)):
		return Ticket{}, ErrOtherPurpose
	}
	expires := time.UnixMilli(int64(binary.BigEndian.Uint64(decoded[idEnd:expiresEnd])))
	if !i.now().Before(expires) {
		return Ticket{}, ErrExpired
	}
	return Ticket{ID: base64.RawURLEncoding.EncodeToString(id[:]), Expires: expires}, nil
}

// signer finds the secret that has signed.
func (i *Issuer) signer(signed, sum []byte, label string) (signer secret.Text, ok bool) {
	for _, s := range i.secrets { // all of them, whichever it is
		if hmac.Equal(sum, mac(s, label, signed)) {
			signer, ok = s, true
		}
	}
	return signer, ok
}

// mac is unambiguous because only the last part has no fixed length.
func mac(key secret.Text, label string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	_, _ = h.Write([]byte(label))
	for _, part := range parts {
		_, _ = h.Write(part)
	}
	return h.Sum(nil)
}
