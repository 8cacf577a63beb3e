// Package challenge sees to it that a genuine signature answers our question,
// and answers it once.
//
// verify_signature says that a phone has signed a text; it does not say that
// anybody asked for it now. A result that was recorded last week has a genuine
// signature for ever. Four things make an answer of it:
//
//   - the text in raw is a challenge that we issued: [Issuer.Issue], [Issuer.Check];
//   - for this user, in this app, and a short while ago: all three stand in the
//     challenge;
//   - nobody has presented it before: a [Ledger] remembers, [Redis] or [DynamoDB]
//     for the whole fleet, [Memory] for one instance;
//   - the device's counter has grown, as the trusted environment promises: the
//     Ledger remembers that too, and [CounterPolicy] says what follows.
//
// [Verifier] puts them around another openapi.Verifier, in this order: read the
// result, check the challenge, ask whether the signature is genuine, consume.
// Whoever cannot sign consumes nothing.
//
// The client's part is wx.startSoterAuthentication with the challenge as it was
// issued. That the server looks after challenge and counter is asked for by
// Tencent/soter, server-docs (后台实现流程指引, points 1 and 2); WeChat's page of
// wx.startSoterAuthentication does not mention it.
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

// How many characters a challenge has, all of [A-Za-z0-9_-]: with and without an app.
// The page takes up to 512 (WeChat, wx.startSoterAuthentication), and some Android
// devices sign broken JSON when one of them has to be escaped.
const (
	TextLength    = 96
	AppTextLength = 120
)

// The reasons for which Check refuses a challenge, for errors.Is.
var (
	ErrNotOurs   = errors.New("the challenge is not one that we issued")
	ErrOtherUser = errors.New("the challenge was issued to another user")
	ErrOtherApp  = errors.New("the challenge was issued in another app")
	ErrNoApp     = errors.New("the challenge was issued in no app that is named, and there are several")
	ErrExpired   = errors.New("the challenge has expired")
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
//	id       16 bytes  random
//	expires   8 bytes  milliseconds since 1970, big-endian
//	user     16 bytes  HMAC-SHA-256 over id and openid, shortened
//	app      18 bytes  HMAC-SHA-256 over id and AppID, shortened; not in format 1
//	mac      32 bytes  HMAC-SHA-256 over all of the above
//
// Format 1 is for a user of no app that is named, format 2 for one of an app. The
// user and the app are in it apart from the MAC so that another user's challenge can
// be told from a forged one, and together with id so that two challenges of one user
// have nothing in common for those who see them pass.
type Issuer struct {
	secrets []secret.Text // the first signs
	ttl     time.Duration
	now     func() time.Time
}

const (
	idEnd      = 16
	expiresEnd = idEnd + 8
	userEnd    = expiresEnd + 16
	appEnd     = userEnd + 18 // format 2
	// Both lengths are multiples of 3: no spare bits in the base64.
	macEnd    = userEnd + sha256.Size
	appMACEnd = appEnd + sha256.Size
)

// The first words of what is authenticated: no MAC stands for another, nor for
// that of another format.
const (
	userLabel   = "sotercall challenge 1 user\x00"
	macLabel    = "sotercall challenge 1\x00"
	appLabel    = "sotercall challenge 2 app\x00"
	appMACLabel = "sotercall challenge 2\x00"
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

// Issue makes a challenge for a user of an app. The openid has 1 to openapi.MaxOpenID
// bytes, the AppID at most openapi.MaxAppID; for any other there is an error. Without
// an AppID the challenge is for the user in whatever app.
func (i *Issuer) Issue(openid, appID string) (Challenge, error) {
	if openid == "" || len(openid) > openapi.MaxOpenID {
		return Challenge{}, fmt.Errorf("challenge: openid has %d bytes, want 1 to %d", len(openid), openapi.MaxOpenID)
	}
	if len(appID) > openapi.MaxAppID {
		return Challenge{}, fmt.Errorf("challenge: appid has %d bytes, want at most %d", len(appID), openapi.MaxAppID)
	}
	b := make([]byte, idEnd, appMACEnd)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	b = binary.BigEndian.AppendUint64(b, uint64(i.now().Add(i.ttl).UnixMilli()))
	b = append(b, userTag(i.secrets[0], b[:idEnd], openid)...)
	label := macLabel
	if appID != "" {
		b = append(b, appTag(i.secrets[0], b[:idEnd], appID)...)
		label = appMACLabel
	}
	b = append(b, mac(i.secrets[0], label, b)...)
	return Challenge{Text: base64.RawURLEncoding.EncodeToString(b), ExpiresIn: i.ttl}, nil
}

// User is whom a challenge is to be for.
type User struct {
	OpenID string
	// AppID is the app whose user that is. Empty if nobody knows, where there is one
	// app only: then the challenge may be of any.
	AppID string
	// OneOfSeveral says that there are other apps, so that a challenge which names none
	// is not for this one.
	OneOfSeveral bool
}

// Check recognizes a challenge. The errors are ErrNotOurs, ErrOtherUser, ErrOtherApp
// or ErrNoApp, and ErrExpired, looked for in this order.
func (i *Issuer) Check(text string, user User) (Ticket, error) {
	// The decoder passes over line breaks; a text of the right length that has
	// some comes out too short.
	var room [appMACEnd]byte
	size, tagged, label := macEnd, userEnd, macLabel
	switch len(text) {
	case TextLength:
	case AppTextLength:
		size, tagged, label = appMACEnd, appEnd, appMACLabel
	default:
		return Ticket{}, ErrNotOurs
	}
	decoded := room[:size]
	if n, err := base64.RawURLEncoding.Decode(decoded, []byte(text)); err != nil || n != size {
		return Ticket{}, ErrNotOurs
	}
	signer, ok := i.signer(decoded[:tagged], decoded[tagged:], label)
	if !ok {
		return Ticket{}, ErrNotOurs
	}
	id := decoded[:idEnd]
	if !hmac.Equal(decoded[expiresEnd:userEnd], userTag(signer, id, user.OpenID)) {
		return Ticket{}, ErrOtherUser
	}
	switch {
	case tagged == userEnd && user.OneOfSeveral:
		return Ticket{}, ErrNoApp
	case tagged == appEnd && user.AppID != "" && !hmac.Equal(decoded[userEnd:appEnd], appTag(signer, id, user.AppID)):
		return Ticket{}, ErrOtherApp
	}
	expires := time.UnixMilli(int64(binary.BigEndian.Uint64(decoded[idEnd:expiresEnd])))
	if !i.now().Before(expires) {
		return Ticket{}, ErrExpired
	}
	return Ticket{ID: base64.RawURLEncoding.EncodeToString(id), Expires: expires}, nil
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

func userTag(key secret.Text, id []byte, openid string) []byte {
	return mac(key, userLabel, id, []byte(openid))[:userEnd-expiresEnd]
}

func appTag(key secret.Text, id []byte, appID string) []byte {
	return mac(key, appLabel, id, []byte(appID))[:appEnd-userEnd]
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
