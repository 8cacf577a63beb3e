// Package redact quotes what foreign servers say, without the secrets that they may
// echo. A server that echoes a request, by fault or by intent, echoes the token in it,
// and connections are shared: it may be the token of another app.
//
// The rule knows nothing of requests, so that it is the same for one app and for
// thousands. It decodes nothing: what can hold a secret is masked, whatever it is.
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
	// maxText bounds the text that is passed on, in bytes. WeChat's longest message on
	// record has about 200.
	maxText = 512
	// maxRead bounds the text that is read. What follows is dropped.
	maxRead = 4 << 10
	// longRun is the fewest characters of a run that is masked.
	longRun = 16
	// minWhole is the fewest bytes of a secret that is looked for whole.
	minWhole = 4

	mask     = "[redacted]"
	ellipsis = "…"
)

// Redactor masks secrets in foreign texts:
//
//   - every run of 16 or more characters of which tokens, openids, signatures, base64
//     and hex consist, and those with which URLs, JSON and HTML escape them. Names of
//     requests (WeChat's rid, UUIDs, numbers), ARNs and WeChat's own long words stay;
//   - everything from a brace on: WeChat's messages have none, and the text that a phone
//     has signed is a JSON object, with short members;
//   - the secrets that it was made with, where they stand whole. Only secrets that the
//     other rules would not mask, such as short passwords, need that.
//
// A nil Redactor looks for no secrets. It may be used concurrently.
type Redactor struct {
	finder atomic.Pointer[finder] // nil if there is nothing to look for

	mu   sync.Mutex
	last []secret.Text // guarded by mu; what was learnt last
}

// finder looks for secrets whole.
type finder struct {
	replacer *strings.Replacer
	longest  int // bytes of the longest secret
}

// New returns a Redactor that looks for secrets as well. The zero Text and secrets
// under 4 bytes are left out.
func New(secrets ...secret.Text) *Redactor {
	r := new(Redactor)
	r.Learn(secrets...)
	return r
}

// Learn makes r look for other secrets from now on, and still for those that it learnt
// last: replies to requests that carry them are under way.
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
	// Of two that begin at one place, the replacer takes the one that is named first.
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

// Text returns a foreign text with "[redacted]" in the place of each secret, and not
// longer than 512 bytes. A text that is short and holds nothing to mask is returned
// unchanged, byte for byte.
func (r *Redactor) Text(foreign string) string {
	text := cut(foreign, maxRead)
	isCut := len(text) < len(foreign)
	if secrets := r.secrets(); secrets != nil {
		text = secrets.replacer.Replace(text)
		if isCut { // a secret may be cut in two at the end
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
	kept := 0 // what stands before is in b
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

// inRun has the characters of base64 in both alphabets, and those that escape them:
// %2B, \/, \u003d, &#x2F;.
var inRun = func() (in [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+/=" + `%\&#;`) {
		in[c] = true
	}
	return in
}()

// weChats are the words of WeChat's messages that are as long as a secret.
var weChats = []string{"getStableAccessToken", "client_credential", "verify_signature", "cloudbase_access_token"}

// isName reports whether a run names a request (a rid, a UUID, a number), or is a word
// of WeChat's.
func isName(run string) bool {
	return hasForm(run, "xxxxxxxx-xxxxxxxx-xxxxxxxx") || hasForm(run, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") ||
		len(run) <= 20 && strings.Trim(run, digits) == "" || slices.Contains(weChats, run)
}

// hasForm reports whether text has a hexadecimal digit for each x of form, and is form
// otherwise.
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

// arnLength is the length of the ARN with which text begins, or 0. It is the name of a
// resource of AWS, by which an operator finds what a policy lacks:
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

// Code returns an error code of AWS, which is one word; anything else is masked.
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

// cut returns the first size bytes of text at most, and no part of a character.
func cut(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}
