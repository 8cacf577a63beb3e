package secret

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	gram     = 8  // letters of the beginning or the end that give a secret away
	interior = 16 // letters of the middle that do
	// stride is the distance of the grams of a pattern that are looked up: of 16
	// letters in a row, one gram at least lies in a place that stride divides.
	stride = interior - gram + 1
	// short is the fewest bytes of a secret that is looked for.
	short = 4
	// long is how many bytes make sure that a secret has the letters of a gram.
	long = 128
)

// eachPattern calls f with the forms in which a secret may stand in a text,
// normalized. Those that escape characters are the secret itself once they are
// normalized. A pattern is good until f returns.
func eachPattern(secret string, f func(pattern []byte)) {
	if secret == "" {
		return
	}
	f([]byte(normalize(secret).letters))
	var encoded []byte
	for _, written := range writings(secret) {
		// As a part of something longer, its first byte may be the first, second
		// or third of a group of four base64 characters. Characters that hold bits
		// of a neighbour are left out.
		for before := range 3 {
			groups := (before + len(written)) / 3
			encoded = base64.StdEncoding.AppendEncode(encoded[:0], []byte("\x00\x00"[:before]+written))
			if first := (before*8 + 5) / 6; groups*4 > first {
				f(onlyLetters(encoded[first : groups*4]))
			}
		}
	}
	f(hex.AppendEncode(encoded[:0], []byte(secret)))
}

// onlyLetters normalizes base64 in place.
func onlyLetters(encoded []byte) []byte {
	letters := encoded[:0]
	for _, b := range encoded {
		if isLetter(b) {
			letters = append(letters, lower(b))
		}
	}
	return letters
}

// escapedHTML is what encoding/json escapes beyond need.
var escapedHTML = strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`)

// writings are the ways to write a secret into a request, which may then be
// encoded as a whole.
func writings(secret string) []string {
	quoted, _ := jsontext.AppendQuote(nil, secret)
	inJSON := string(quoted[1 : len(quoted)-1])
	all := []string{secret}
	for _, other := range []string{
		url.QueryEscape(secret), url.PathEscape(secret), inJSON, strings.ReplaceAll(inJSON, "/", `\/`),
		escapedHTML.Replace(inJSON),
	} {
		if !slices.Contains(all, other) {
			all = append(all, other)
		}
	}
	return all
}

// textIndex finds eight letters in a row in a text: a hash table whose chains go
// from a place in the text to the next one. Both count from 1; 0 is the end.
type textIndex struct {
	letters string
	heads   [1 << indexBits]int32
	next    []int32
	packed  []uint64 // the letters from each place on
}

const indexBits = 9

func indexOf(letters string) *textIndex {
	x := &textIndex{letters: letters, next: make([]int32, len(letters)+1), packed: make([]uint64, len(letters))}
	for i := len(letters) - gram; i >= 0; i-- {
		x.packed[i] = pack(letters[i:])
		head := &x.heads[slot(x.packed[i])]
		x.next[i+1], *head = *head, int32(i+1)
	}
	return x
}

func pack[T string | []byte](letters T) (packed uint64) {
	for i := range gram {
		packed = packed<<8 | uint64(letters[i])
	}
	return packed
}

// slot spreads by the golden ratio (Knuth, The Art of Computer Programming, 6.4).
func slot(packed uint64) uint64 { return packed * 0x9e3779b97f4a7c15 >> (64 - indexBits) }

// mark hides what text has of pattern: see [Scrubber].
func (x *textIndex) mark(pattern []byte, n normalized, hidden []bool) (found bool) {
	last := len(pattern) - gram
	if last < 0 {
		return false
	}
	look := func(p int) {
		packed := pack(pattern[p:])
		for at := x.heads[slot(packed)]; at != 0; at = x.next[at] {
			i := int(at) - 1
			if x.packed[i] != packed || hidden[n.start[i]] && hidden[n.end[i+gram-1]-1] {
				continue
			}
			before, after := 0, gram
			for before < min(p, i) && pattern[p-before-1] == x.letters[i-before-1] {
				before++
			}
			for p+after < len(pattern) && i+after < len(x.letters) && pattern[p+after] == x.letters[i+after] {
				after++
			}
			if before+after < interior && before != p && p+after != len(pattern) {
				continue
			}
			for k := n.start[i-before]; k < n.end[i+after-1]; k++ {
				hidden[k] = true
			}
			found = true
		}
	}
	for p := 0; p < last; p += stride {
		look(p)
	}
	look(last)
	return found
}

// markShort hides a secret that has too few letters for the index, where it
// stands as it is or as an address escapes it.
func markShort(text, secret string, hidden []bool) (found bool) {
	if len(secret) < short || len(secret) >= long || len(normalize(secret).letters) >= gram {
		return false
	}
	for _, written := range writings(secret) {
		for from := 0; ; {
			at := strings.Index(text[from:], written)
			if at < 0 {
				break
			}
			for k := range len(written) {
				hidden[from+at+k] = true
			}
			from, found = from+at+len(written), true
		}
	}
	return found
}
