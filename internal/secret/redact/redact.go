// Package redact quotes foreign servers without the secrets that they may echo. A server
// that echoes a request, by mistake or by intent, echoes the token in it. Connections are
// shared: it may be the token of another app.
//
// The rule does not depend on requests: it is the same for one app and for thousands. It
// decodes nothing: whatever can hold a secret is masked.
package redact

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"sotercall/internal/secret"
)

const (
	// maxText bounds the text that is returned, in bytes. WeChat's longest recorded message
	// has about 200.
	maxText = 512
	// maxRead bounds the text that is read, in bytes. The rest is dropped.
	maxRead = 4 << 10
	// longRun is the minimum length of a run that is masked, in characters.
	longRun = 16
	// minWhole is the minimum length of a secret that is searched for, in bytes.
	minWhole = 4

	mask     = "[redacted]"
	ellipsis = "…"
)

// Redactor masks secrets in foreign texts:
//
//   - every run of 16 or more characters of the alphabet of tokens, openids, signatures,
//     base64 and hex, escapes of URLs, JSON and HTML included. Names of requests (WeChat's
//     rid, UUIDs, numbers), ARNs and WeChat's own long words stay;
//   - everything from a brace on. WeChat's messages have none, and a phone signs a JSON
//     object, with short members;
//   - the secrets that it was made with, where they stand whole. Only secrets that the
//     other rules would not mask, such as short passwords, need that.
//
// A nil Redactor searches for no secrets. It is safe for concurrent use.
type Redactor struct {
	finder atomic.Pointer[finder] // nil if there is nothing to search for

	mu   sync.Mutex
	last []secret.Text // guarded by mu; the secrets of the last Learn
}

// finder searches for whole secrets.
type finder struct {
	replacer *strings.Replacer
	longest  int // bytes of the longest secret
}

// New returns a Redactor that also searches for secrets. The zero Text and secrets under 4
// bytes are left out.
func New(secrets ...secret.Text) *Redactor {
	r := new(Redactor)
	r.Learn(secrets...)
	return r
}

// Learn makes r search for other secrets from now on. It still searches for those that it
// learnt last, because replies to requests with them may be under way.
func (r *Redactor) Learn(secrets ...secret.Text) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finder.Store(newFinder(slices.Concat(secrets, r.last)))
	r.last = secrets
}

// newFinder returns nil if no secret needs it.
func newFinder(secrets []secret.Text) *finder {
	var whole []string
	for _, s := range secrets {
		if text := s.Reveal(); len(text) >= minWhole && masked(text) != mask {
			whole = append(whole, text)
		}
	}
	if len(whole) == 0 {
		return nil
	}
	// Of two secrets at one position, the replacer takes the one that is listed first.
	slices.SortFunc(whole, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	pairs := make([]string, 0, 2*len(whole))
	for _, text := range whole {
		pairs = append(pairs, text, mask)
	}
	return &finder{replacer: strings.NewReplacer(pairs...), longest: len(whole[0])}
}

func (r *Redactor) secrets() *finder {
	if r == nil {
		return nil
	}
	return r.finder.Load()
}

// Text returns a foreign text with "[redacted]" in place of each secret, and at most 512
// bytes. A short text with nothing to mask is returned unchanged, byte for byte.
func (r *Redactor) Text(foreign string) string {
	text := cut(foreign, maxRead)
	isCut := len(text) < len(foreign)
	if secrets := r.secrets(); secrets != nil {
		text = secrets.replacer.Replace(text)
		if isCut { // the cut may have split a secret at the end
			text = cut(text, max(0, len(text)-secrets.longest))
		}
	}
	text = masked(text)
	if len(text) > maxText || isCut {
		return cut(text, maxText-len(ellipsis)) + ellipsis
	}
	return text
}

// masked returns text with each long run masked.
func masked(text string) string {
	var b strings.Builder
	kept := 0 // everything before it is in b
	for i := 0; i < len(text); {
		if name := arnLength(text[i:]); name > 0 {
			i += name
			continue
		}
		if text[i] == '{' {
			b.WriteString(text[kept:i])
			b.WriteString(mask)
			return b.String()
		}
		end := i
		for end < len(text) && inRun[text[end]] {
			end++
		}
		if end-i >= longRun && !isName(text[i:end]) {
			b.WriteString(text[kept:i])
			b.WriteString(mask)
			kept = end
		}
		i = max(end, i+1)
	}
	if kept == 0 {
		return text
	}
	b.WriteString(text[kept:])
	return b.String()
}

// inRun has the characters of base64 in both alphabets, and those of their escapes: %2B,
// \/, \u003d, &#x2F;.
var inRun = func() (in [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+/=" + `%\&#;`) {
		in[c] = true
	}
	return in
}()

// weChats are words of WeChat's messages that are as long as a secret, and are not
// redacted.
var weChats = []string{"getStableAccessToken", "client_credential", "verify_signature", "cloudbase_access_token"}

// isName reports whether a run names a request (a rid, a UUID, a number), or is a word of
// WeChat's messages.
func isName(run string) bool {
	return hasForm(run, "xxxxxxxx-xxxxxxxx-xxxxxxxx") || hasForm(run, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") ||
		len(run) <= 20 && strings.Trim(run, digits) == "" || slices.Contains(weChats, run)
}

// hasForm reports whether text matches form, in which each x stands for a hexadecimal
// digit.
func hasForm(text, form string) bool {
	if len(text) != len(form) {
		return false
	}
	for i := range len(form) {
		isHex := strings.IndexByte("0123456789abcdefABCDEF", text[i]) >= 0
		if form[i] == 'x' && !isHex || form[i] != 'x' && text[i] != form[i] {
			return false
		}
	}
	return true
}

const (
	digits   = "0123456789"
	lower    = "abcdefghijklmnopqrstuvwxyz"
	resource = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + digits + "_+=,.@/:-"
)

// arnLength returns the length of the ARN that text begins with, or 0. The name of a
// resource shows an operator what a policy lacks:
// arn:partition:service:region:account:resource (AWS, "Amazon Resource Names").
func arnLength(text string) int {
	const longest = 256 // of a resource
	rest, found := strings.CutPrefix(text, "arn:aws")
	for _, field := range []string{lower + "-", lower + digits + "-", lower + digits + "-", digits} {
		if !found {
			return 0
		}
		rest, found = strings.CutPrefix(strings.TrimLeft(rest, field), ":")
	}
	if !found {
		return 0
	}
	head, rest := len(text)-len(rest), rest[:min(len(rest), longest)]
	length := len(rest) - len(strings.TrimLeft(rest, resource))
	if length == 0 {
		return 0
	}
	return head + length
}

// Code returns an error code of AWS if it is one word; anything else is masked.
func Code(foreign string) string {
	const longest = 64
	if len(foreign) > longest {
		return mask
	}
	for i := range len(foreign) {
		if !isLetter(foreign[i]) {
			return mask
		}
	}
	return foreign
}

func isLetter(c byte) bool { return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' }

// cut returns at most the first size bytes of text, without splitting a character.
func cut(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}
