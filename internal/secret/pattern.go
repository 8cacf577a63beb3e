package secret

import (
	"encoding/base64"
	"encoding/binary"
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
)

// patterns are the forms in which a secret may stand in a text, normalized. Those
// that escape characters are the secret itself once they are normalized.
func patterns(secret string) []string {
	if secret == "" {
		return nil
	}
	forms := []string{secret}
	for _, written := range writings(secret) {
		// As a part of something longer, its first byte may be the first, second
		// or third of a group of four base64 characters. Characters that hold bits
		// of a neighbour are left out.
		for before := range 3 {
			groups := (before + len(written)) / 3
			encoded := base64.StdEncoding.EncodeToString([]byte("\x00\x00"[:before] + written))
			if first := (before*8 + 5) / 6; groups*4 > first {
				forms = append(forms, encoded[first:groups*4])
			}
		}
	}
	forms = append(forms, hex.EncodeToString([]byte(secret)))
	for i, form := range forms {
		if i == 0 {
			forms[i] = normalize(form).letters
		} else {
			forms[i] = strings.ToLower(strings.Map(keepLetters, form))
		}
	}
	return forms
}

// writings are the ways to write a secret into a request, which may then be
// encoded as a whole.
func writings(secret string) []string {
	quoted, _ := jsontext.AppendQuote(nil, secret)
	inJSON := string(quoted[1 : len(quoted)-1])
	all := []string{secret}
	for _, other := range []string{
		url.QueryEscape(secret), url.PathEscape(secret), inJSON, strings.ReplaceAll(inJSON, "/", `\/`),
		strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`).Replace(inJSON), // encoding/json
	} {
		if !slices.Contains(all, other) {
			all = append(all, other)
		}
	}
	return all
}

func keepLetters(c rune) rune {
	if c < 0x80 && !isLetter(byte(c)) {
		return -1
	}
	return c
}

// textIndex finds eight letters in a row in a text.
type textIndex struct {
	letters string
	at      map[uint64][]int
}

func indexOf(letters string) textIndex {
	index := textIndex{letters: letters, at: make(map[uint64][]int, len(letters))}
	for i := 0; i+gram <= len(letters); i++ {
		key := pack(letters[i:])
		index.at[key] = append(index.at[key], i)
	}
	return index
}

func pack(letters string) uint64 { return binary.LittleEndian.Uint64([]byte(letters[:gram])) }

// mark hides what text has of pattern: see [Scrubber].
func (x textIndex) mark(pattern string, n normalized, hidden []bool) (found bool) {
	last := len(pattern) - gram
	if last < 0 {
		return false
	}
	look := func(p int) {
		for _, i := range x.at[pack(pattern[p:])] {
			if hidden[n.start[i]] && hidden[n.end[i+gram-1]-1] {
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
	if len(secret) < short || len(normalize(secret).letters) >= gram {
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
