// Package secret keeps credentials out of everything that is printed.
//
// An AppSecret, an access_token or a client secret is a [Text] from the moment it enters
// the program. A Text prints as "[redacted]" or a pointer, never as the secret. That holds
// for any verb of fmt, slog and encoding/json, alone or deep inside another value. Only
// [Text.Reveal] returns it, so a search for Reveal finds every place where a secret leaves.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Text is a secret text. The zero Text is the absent secret.
//
// The content is behind a pointer. If a Text is an unexported field of another struct, fmt
// does not call its Formatter, and prints only an address. (If it prints a pointer to a
// struct or an array, it may print the content.)
type Text struct {
	content *string // the Digest of the secret, then the secret
}

// Digest is the hash of a presented text, to be compared with many secrets.
type Digest [sha256.Size]byte

// DigestOf returns the Digest of a text.
func DigestOf(presented string) Digest { return sha256.Sum256([]byte(presented)) }

// New returns a Text of s; the zero Text for the empty string.
func New(s string) Text {
	if s == "" {
		return Text{}
	}
	digest := DigestOf(s)
	content := string(digest[:]) + s
	return Text{&content}
}

// Reveal returns the secret itself, to be sent to its recipient.
func (t Text) Reveal() string {
	if t.content == nil {
		return ""
	}
	return (*t.content)[sha256.Size:]
}

// IsZero reports whether there is no secret.
func (t Text) IsZero() bool { return t.content == nil }

// Equal reports whether both hold the same secret. Its time does not depend on where or in
// length they differ.
func (t Text) Equal(other Text) bool { return !other.IsZero() && t.HasDigest(other.digest()) }

// Matches is Equal with a presented text. The absent secret matches nothing, not even the
// empty text.
func (t Text) Matches(presented string) bool { return t.HasDigest(DigestOf(presented)) }

// HasDigest reports whether t is the text with this Digest. It is Matches for a text that
// is already hashed.
func (t Text) HasDigest(presented Digest) bool {
	if t.IsZero() {
		return false
	}
	own := t.digest()
	return subtle.ConstantTimeCompare(own[:], presented[:]) == 1
}

// digest returns the Digest of t, which is not zero.
func (t Text) digest() Digest { return Digest([]byte((*t.content)[:sha256.Size])) }

// Format implements [fmt.Formatter], so that no verb reaches the content.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements [slog.LogValuer].
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler], which every JSON package calls before it
// looks inside.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]: configuration is parsed straight
// into a Text.
func (t *Text) UnmarshalText(text []byte) error {
	*t = New(string(text))
	return nil
}
