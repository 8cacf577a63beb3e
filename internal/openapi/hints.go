package openapi

import (
	"encoding/hex"
	"slices"
	"strings"
)

// signatureLength is the length, in characters, of every resultJSONSignature that was
// recorded: base64 of 256 bytes, RSA-2048. The documentation promises no length, and WeChat
// for HarmonyOS may sign with keys of another kind.
const signatureLength = 344

// Hint names the likely damage to a result between the phone and this request. Several
// findings are separated by semicolons; empty if there is none. It explains a verdict and
// never makes one: WeChat judges first, and a genuine signature needs no hint.
//
// A hint compares with recorded phones, and is empty for a text with a member that none of
// them writes. It takes time proportional to the length of the request, and quotes nothing
// of it.
func Hint(r Request) string { return camelCase.hint(r) }

func (s spelling) hint(r Request) string {
	var hints []string
	for _, h := range textHints(r.JSONString) {
		hints = append(hints, "parameter."+s.jsonString+" "+h)
	}
	if h := signatureHint(r.JSONSignature); h != "" {
		hints = append(hints, "parameter."+s.jsonSignature+" "+h)
	}
	return strings.Join(hints, "; ")
}

func signatureHint(signature string) string {
	const phones = "that of every phone on record has 344 characters"
	unpadded := strings.TrimRight(signature, "=")
	switch n := len(signature); {
	case strings.Contains(unpadded, "="), indexNotBase64(unpadded) >= 0:
		return "is not base64: send resultJSONSignature unchanged"
	case len(unpadded) == signatureLength-2 && n == signatureLength:
		return ""
	case len(unpadded) == signatureLength-2 && n < signatureLength:
		return "lacks its padding: it ends with two = when it leaves the phone"
	case n < signatureLength:
		return "is too short: " + phones
	case n > signatureLength:
		return "is too long: " + phones
	}
	return "is no signature of 256 bytes: " + phones
}

func textHints(text string) (hints []string) {
	if trimmed(text) != text {
		hints = append(hints, "has a blank, a line break or a byte order mark before or after it, which no phone writes")
	}
	switch text = trimmed(text); {
	case !strings.HasSuffix(text, "}"):
		return append(hints, "does not end with }: it was cut off, as by a column or a field that is too short")
	case !strings.ContainsAny(firstInside(text), `"}`):
		return append(hints, "is not JSON: send resultJSON as wx.startSoterAuthentication returned it")
	}
	w := writing{text: text}
	if !w.read() || slices.ContainsFunc(w.names, isUnrecorded) {
		return hints
	}
	const anew = ", which no phone does: it was parsed and written again. Send the text of resultJSON as it came"
	switch {
	case w.blanks:
		hints = append(hints, "has blanks or line breaks between its members"+anew)
	// phones write raw first, or after bo_t
	case slices.Index(w.names, "raw") > 1 && slices.IsSorted(w.names):
		hints = append(hints, "has its members in alphabetical order"+anew)
	case w.escapes:
		hints = append(hints, `writes characters as \u… that need no escape`+anew)
	case w.fraction:
		hints = append(hints, "writes a whole number with a fraction or an exponent"+anew)
	}
	return hints
}

// firstInside returns the first character inside an object's braces, "" if there is none.
func firstInside(object string) string {
	inner := strings.TrimLeft(object[1:], " \t\r\n")
	return inner[:min(1, len(inner))]
}

// recorded are the members that recorded phones write; the sandbox's table of devices has
// the sources.
var recorded = []string{"raw", "fid", "counter", "tee_n", "tee_v", "fp_n", "fp_v", "cpu_id", "uid", "bo_t", "fc_n", "fc_v", "rsa_pss_saltlen"}

func isUnrecorded(name string) bool { return !slices.Contains(recorded, name) }

// writing describes how an object was written, as far as two spellings of the same object
// differ. It is no parser of JSON: phones sign texts that parsers refuse, with control
// characters in their strings.
type writing struct {
	text string // what is left to read

	names    []string // as they are spelt
	blanks   bool     // there is white space between members
	escapes  bool     // a string has \u… for a character that needs no escape
	fraction bool     // a number has a fraction or an exponent
}

// read reports whether the text is an object of strings, numbers and literals.
func (w *writing) read() bool {
	if !w.take('{') {
		return false
	}
	for {
		name, ok := w.string()
		if !ok || !w.take(':') || !w.value() {
			return false
		}
		w.names = append(w.names, name)
		if w.take(',') {
			continue
		}
		return w.take('}') && w.text == ""
	}
}

// take consumes a character and the white space around it.
func (w *writing) take(c byte) bool {
	w.skipBlanks()
	if w.text == "" || w.text[0] != c {
		return false
	}
	w.text = w.text[1:]
	w.skipBlanks()
	return true
}

func (w *writing) skipBlanks() {
	rest := strings.TrimLeft(w.text, " \t\r\n")
	w.blanks = w.blanks || len(rest) < len(w.text)
	w.text = rest
}

func (w *writing) value() bool {
	if strings.HasPrefix(w.text, `"`) {
		_, ok := w.string()
		return ok
	}
	end := strings.IndexAny(w.text, ",} \t\r\n")
	if end <= 0 || strings.ContainsAny(w.text[:end], `"{[`) {
		return false
	}
	literal := w.text[:end]
	if strings.ContainsAny(literal[:1], "-0123456789") && strings.ContainsAny(literal, ".eE") {
		w.fraction = true
	}
	w.text = w.text[end:]
	return true
}

// string reads a string, and returns the text between its quotes.
func (w *writing) string() (string, bool) {
	if !strings.HasPrefix(w.text, `"`) {
		return "", false
	}
	for i := 1; i < len(w.text); i++ {
		switch w.text[i] {
		case '"':
			inside := w.text[1:i]
			w.text = w.text[i+1:]
			return inside, true
		case '\\':
			w.escapes = w.escapes || isNeedless(w.text[i:])
			i++ // an escaped quote does not end the string
		}
	}
	return "", false
}

// isNeedless reports whether text begins with \u… for a character that needs no escape.
// Encoders for web pages escape <, > and &; encoders that write only ASCII escape all
// others.
func isNeedless(text string) bool {
	if len(text) < 6 || text[1] != 'u' {
		return false
	}
	var c [2]byte
	if _, err := hex.Decode(c[:], []byte(text[2:6])); err != nil {
		return false
	}
	return c[0] != 0 || c[1] >= ' ' && strings.IndexByte("\"\\/\x7f", c[1]) < 0
}
