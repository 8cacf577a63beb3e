package secret

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// normalized is what is left of a text without its escapes, its punctuation and
// its case: the letters and digits, in lower case, and all that is not ASCII.
// Every way of escaping leaves those alone, or can be undone.
type normalized struct {
	letters string
	// start and end tell, of each byte of letters, which bytes of the text it
	// stands for.
	start, end []int
}

func normalize(text string) normalized {
	n := normalized{start: make([]int, 0, len(text)), end: make([]int, 0, len(text))}
	letters := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		c, size := unescape(text[i:])
		for _, b := range []byte(c) {
			if isLetter(b) {
				letters = append(letters, lower(b))
				n.start = append(n.start, i)
				n.end = append(n.end, i+size)
			}
		}
		i += size
	}
	n.letters = string(letters)
	return n
}

func isLetter(b byte) bool {
	return b >= 0x80 || '0' <= b && b <= '9' || 'a' <= lower(b) && lower(b) <= 'z'
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// unescape reads the character with which text begins. An escape that is not
// known stands for nothing, and only its sign is taken off.
func unescape(text string) (c string, size int) {
	switch text[0] {
	case '\\':
		return backslash(text)
	case '%':
		rest := text[1:]
		for strings.HasPrefix(rest, "25") && isHex(rest, 2, 4) { // escaped again
			rest = rest[2:]
		}
		if isHex(rest, 0, 2) {
			return string([]byte{byte(number(rest[:2], 16))}), len(text) - len(rest) + 2
		}
		return "", 1
	case '&':
		return entity(text)
	}
	return text[:1], 1
}

// backslash reads an escape of JSON or Go, however often it was escaped again.
func backslash(text string) (c string, size int) {
	rest := strings.TrimLeft(text, `\`)
	size = len(text) - len(rest)
	switch {
	case strings.HasPrefix(rest, "u") && isHex(rest, 1, 5):
		return string(utf8.AppendRune(nil, rune(number(rest[1:5], 16)))), size + 5
	case strings.HasPrefix(rest, "x") && isHex(rest, 1, 3):
		return string([]byte{byte(number(rest[1:3], 16))}), size + 3
	case rest != "" && strings.IndexByte("abfnrtv", rest[0]) >= 0:
		return "", size + 1
	}
	return "", size
}

// entity reads a character reference of HTML.
func entity(text string) (c string, size int) {
	name, _, ok := strings.Cut(text[1:min(len(text), 12)], ";")
	if !ok {
		return "", 1
	}
	size = len(name) + 2
	digits, numeric := strings.CutPrefix(strings.ToLower(name), "#")
	base := 10
	if rest, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = rest, 16
	}
	if numeric {
		return string(utf8.AppendRune(nil, rune(number(digits, base)))), size
	}
	switch name {
	case "amp", "quot", "lt", "gt", "apos":
		return "", size
	}
	return "", 1
}

func isHex(text string, from, to int) bool {
	if len(text) < to {
		return false
	}
	_, err := strconv.ParseUint(text[from:to], 16, 32)
	return err == nil
}

// number is 0, which stands for nothing, of a text that is no number.
func number(digits string, base int) int32 {
	n, err := strconv.ParseInt(digits, base, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}
