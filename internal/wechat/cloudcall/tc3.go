package cloudcall

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sotercall/internal/secret"
)

const (
	algorithm = "TC3-HMAC-SHA256"
	service   = "tcb"

	// MaxAge is how long a signature is valid, and the X-Signature-Expires that the SDK
	// sends. The signature does not cover that header, so a longer time in it is ignored.
	MaxAge = 600 * time.Second

	headerExpires   = "X-Signature-Expires"
	headerTimestamp = "X-Timestamp"
)

// Credentials are the temporary ones that the platform gives a function
// (TENCENTCLOUD_SECRETID, TENCENTCLOUD_SECRETKEY).
type Credentials struct {
	SecretID, SecretKey secret.Text
}

// Message is the content that a signature covers.
type Message struct {
	Host, Path, RawQuery string
	// Header has the Content-Type. Sign covers all of it.
	Header http.Header
	Form   Form
}

// Sign returns the value of Authorization. at becomes X-Timestamp, in whole seconds.
//
// It is the platform's TC3 with changes of @cloudbase/signature-nodejs: the method is in
// lower case, and the address replaces the path. The payload consists of the fields of the
// form, so the boundary does not matter.
func (c Credentials) Sign(m Message, at time.Time) string {
	headers := []string{"host"}
	for name := range m.Header {
		headers = append(headers, strings.ToLower(name))
	}
	slices.Sort(headers)
	var params []string
	for _, field := range m.Form {
		if len(field.Value) > 0 {
			params = append(params, strings.ToLower(field.Name))
		}
	}
	slices.Sort(params)
	return algorithm + " Credential=" + c.SecretID.Reveal() + "/" + scope(at) +
		", SignedParams=" + strings.Join(params, ";") +
		", SignedHeaders=" + strings.Join(headers, ";") +
		", Signature=" + hex.EncodeToString(c.signature(m, headers, params, at))
}

func scope(at time.Time) string {
	return at.UTC().Format(time.DateOnly) + "/" + service + "/tc3_request"
}

func (c Credentials) signature(m Message, headers, params []string, at time.Time) []byte {
	payload := sha256.New()
	for _, name := range params {
		value, ok := m.Form.signed(name)
		if !ok {
			continue
		}
		payload.Write([]byte("&" + name + "="))
		payload.Write(value)
		payload.Write([]byte("\r\n"))
	}
	var canonical strings.Builder
	canonical.WriteString("post\n//" + m.Host + m.Path + "\n" + m.RawQuery + "\n")
	for _, name := range headers {
		canonical.WriteString(name + ":" + m.signedHeader(name) + "\n")
	}
	canonical.WriteString("\n" + strings.Join(headers, ";") + "\n" + hex.EncodeToString(payload.Sum(nil)))

	digest := sha256.Sum256([]byte(canonical.String()))
	text := algorithm + "\n" + strconv.FormatInt(at.Unix(), 10) + "\n" + scope(at) + "\n" + hex.EncodeToString(digest[:])
	key := []byte("TC3" + c.SecretKey.Reveal())
	for _, part := range []string{at.UTC().Format(time.DateOnly), service, "tc3_request"} {
		key = mac(key, part)
	}
	return mac(key, text)
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// signed returns the bytes of a field that are signed. Empty texts are not signed.
func (f Form) signed(lowerName string) (value []byte, ok bool) {
	for _, field := range f {
		if strings.ToLower(field.Name) != lowerName {
			continue
		}
		if field.Binary {
			return field.Value, true
		}
		return bytes.TrimSpace(field.Value), len(field.Value) > 0
	}
	return nil, false
}

func (m Message) signedHeader(lowerName string) string {
	if lowerName == "host" {
		return strings.ToLower(m.Host)
	}
	value := m.Header.Get(lowerName)
	if lowerName == "content-type" && strings.HasPrefix(value, "multipart/form-data") {
		return "multipart/form-data" // the boundary is not known yet
	}
	return strings.ToLower(strings.TrimSpace(value))
}

// Reasons for the refusal of a signature.
var (
	ErrSecretID  = errors.New("secret id error")
	ErrExpired   = errors.New("signature is expired")
	ErrSignature = errors.New("signature error")
)

// Verify checks that the Authorization in the header of m was made with c, and that its
// time is near now. X-Signature-Expires, or else [MaxAge] if that is less, bounds the
// difference in both directions. The error is [ErrSecretID], [ErrExpired] or [ErrSignature].
//
// The signature must cover content-type, host and every field of the form that is not
// empty.
func (c Credentials) Verify(m Message, now time.Time) error {
	a, err := parseAuthorization(m.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	if !c.SecretID.Matches(a.secretID) {
		return ErrSecretID
	}
	seconds, err := strconv.ParseInt(m.Header.Get(headerTimestamp), 10, 64)
	if err != nil {
		return ErrSignature
	}
	at := time.Unix(seconds, 0)
	if a.scope != scope(at) || !a.covers(m) || !hmac.Equal(a.signature, c.signature(m, a.headers, a.params, at)) {
		return ErrSignature
	}
	expires, err := strconv.ParseInt(m.Header.Get(headerExpires), 10, 64)
	if err != nil {
		return ErrSignature
	}
	expires = min(max(expires, 0), int64(MaxAge/time.Second))
	if now.Sub(at).Abs() > time.Duration(expires)*time.Second {
		return ErrExpired
	}
	return nil
}

type authorization struct {
	secretID, scope string
	params, headers []string
	signature       []byte
}

func parseAuthorization(text string) (authorization, error) {
	parameters, ok := strings.CutPrefix(text, algorithm+" ")
	if !ok {
		return authorization{}, ErrSignature
	}
	values := map[string]string{}
	for parameter := range strings.SplitSeq(parameters, ", ") {
		name, value, ok := strings.Cut(parameter, "=")
		if _, twice := values[name]; !ok || twice {
			return authorization{}, ErrSignature
		}
		values[name] = value
	}
	secretID, scope, ok := strings.Cut(values["Credential"], "/")
	signature, err := hex.DecodeString(values["Signature"])
	if !ok || err != nil {
		return authorization{}, ErrSignature
	}
	return authorization{
		secretID:  secretID,
		scope:     scope,
		params:    strings.Split(values["SignedParams"], ";"),
		headers:   strings.Split(values["SignedHeaders"], ";"),
		signature: signature,
	}, nil
}

func (a authorization) covers(m Message) bool {
	for _, field := range m.Form {
		if len(field.Value) > 0 && !slices.Contains(a.params, strings.ToLower(field.Name)) {
			return false
		}
	}
	return slices.Contains(a.headers, "host") && slices.Contains(a.headers, "content-type")
}
