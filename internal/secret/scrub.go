package secret

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	// maxRead is how much of a text from outside is looked at, in bytes; what
	// comes behind is dropped. The longest that WeChat says has some hundreds.
	maxRead = 16 << 10
	// maxText is how long a text from outside may be when it is passed on.
	maxText = 1 << 10
	// remembered is how many secrets of other requests a Scrubber knows.
	remembered = 64
)

// Scrubber takes secrets out of texts that come from outside: the words of a
// server, and the errors of libraries that quote them. A server that echoes a
// request, by fault or by intent, echoes the token in it.
//
// A Scrubber knows secrets of the function, those of one request, and those of
// some requests before, because connections are shared: what answers one request
// may have been meant for another. It looks for
//
//   - the secret, in any case, and as JSON, Go, HTML and addresses escape it,
//     several times over, with blanks or ends of lines put in;
//   - the secret in base64 (either alphabet) and in hex, also as a part of
//     something longer in base64;
//   - of each of these, 8 letters or digits of the beginning or of the end, or
//     16 from anywhere, because echoes are cut.
//
// It costs next to nothing until there is a text to look at. It may be used
// concurrently; a nil Scrubber knows no secret.
type Scrubber struct {
	known  []Text    // never changes
	recent *ring     // nil but at the root
	parent *Scrubber // knows more; nil at the root
}

// ring holds the secrets of the requests before, and what was learnt.
type ring struct {
	mu     sync.Mutex
	texts  [remembered]Text // guarded by mu, as all below
	next   int              // where the next one goes
	learnt [2][]Text        // the last two lists
}

// NewScrubber makes a Scrubber that knows the secrets of a function.
func NewScrubber(secrets ...Text) *Scrubber {
	return &Scrubber{known: secrets, recent: new(ring)}
}

// Learn makes s, which must come from [NewScrubber], know the secrets that a function
// has from now on. Those of before are known until the next call: requests that carry
// them are under way.
func (s *Scrubber) Learn(secrets ...Text) {
	s.recent.mu.Lock()
	defer s.recent.mu.Unlock()
	s.recent.learnt[0], s.recent.learnt[1] = secrets, s.recent.learnt[0]
}

// With returns a Scrubber for one request, which also knows the secrets that the
// request carries. s remembers them for a while too, but for those above 1 KiB.
func (s *Scrubber) With(secrets ...Text) *Scrubber {
	for at := s; at != nil; at = at.parent {
		at.recent.add(secrets)
	}
	return &Scrubber{known: secrets, parent: s}
}

func (r *ring) add(secrets []Text) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, secret := range secrets {
		isSame := func(t Text) bool { return t.Reveal() == secret.Reveal() }
		if 0 < len(secret.Reveal()) && len(secret.Reveal()) <= maxText && !slices.ContainsFunc(r.texts[:], isSame) {
			r.texts[r.next] = secret
			r.next = (r.next + 1) % remembered
		}
	}
}

// all returns every secret that s knows, zero Texts among them.
func (s *Scrubber) all() (secrets []Text) {
	for ; s != nil; s = s.parent {
		secrets = append(secrets, s.known...)
		if s.recent != nil {
			s.recent.mu.Lock()
			secrets = append(secrets, s.recent.texts[:]...)
			secrets = append(append(secrets, s.recent.learnt[0]...), s.recent.learnt[1]...)
			s.recent.mu.Unlock()
		}
	}
	return secrets
}

// Text returns text with "[redacted]" in the place of each secret, and not longer
// than 1 KiB. A text that holds no secret and is short enough is returned
// unchanged, byte for byte.
func (s *Scrubber) Text(text string) string {
	read := cut(text, maxRead)
	n := normalize(read)
	index := indexOf(n.letters)
	hidden, found := make([]bool, len(read)), false
	for _, known := range s.all() {
		secret := known.Reveal()
		eachPattern(secret, func(pattern []byte) { found = index.mark(pattern, n, hidden) || found })
		found = markShort(read, secret, hidden) || found
	}
	clean := read
	if found {
		clean = replaced(read, hidden)
	}
	if len(clean) > maxText || len(read) < len(text) {
		return cut(clean, maxText-len("…")) + "…"
	}
	return clean
}

// Error returns an error with the text of err after [Scrubber.Text], which
// errors.Is and errors.As take for err. It is nil if err is.
func (s *Scrubber) Error(err error) error {
	if err == nil {
		return nil
	}
	return &scrubbed{text: s.Text(err.Error()), err: err}
}

type scrubbed struct {
	text string
	err  error
}

func (e *scrubbed) Error() string { return e.text }

// Is and As, and no Unwrap: what is inside can be recognized, but whoever walks
// the chain to print it does not come to the text that was scrubbed.
func (e *scrubbed) Is(target error) bool { return errors.Is(e.err, target) }
func (e *scrubbed) As(target any) bool   { return errors.As(e.err, target) }

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

func replaced(text string, hidden []bool) string {
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !hidden[i]:
			b.WriteByte(text[i])
		case i == 0 || !hidden[i-1]:
			b.WriteString(redacted)
		}
	}
	return b.String()
}
