package openapi

import (
	"bytes"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/jsonobject"
)

// This file refuses requests that cannot be genuine, before WeChat is called: no phone has
// signed such a text, or the signature is not base64. WeChat would say isOk false and give
// no reason. A request that is only likely to be wrong goes to WeChat, and is explained
// afterwards: see [Hint].

// swapped finds values that stand under the name of another parameter. It runs before the
// lengths are checked, because swapped values have wrong lengths as well.
func (s spelling) swapped(openid, jsonString, jsonSignature string) *Error {
	switch {
	case beginsObject(openid):
		return invalid("parameter.%s holds a JSON object: the parameters are swapped", s.openid)
	case beginsObject(jsonSignature):
		return invalid("parameter.%s holds a JSON object: the parameters are swapped, or resultJSON was sent in place of resultJSONSignature", s.jsonSignature)
	case len(jsonString) == signatureLength && indexNotBase64(jsonString) < 0:
		return invalid("parameter.%s holds a signature: the parameters are swapped, or resultJSONSignature was sent in place of resultJSON", s.jsonString)
	}
	return nil
}

// check finds mistakes in values that are strings of a fitting length.
func (s spelling) check(r Request, body []byte) *Error {
	switch {
	case isPlaceholder(r.OpenID):
		return placeholder(s.openid)
	case isNothing(r.OpenID):
		return nothing(s.openid)
	}
	if e := s.checkJSONString(r.JSONString, body); e != nil {
		return e
	}
	return s.checkJSONSignature(r.JSONSignature, body)
}

// checkJSONString refuses a text that does not begin as an object does. Tencent's own
// client SDK parses the text as an object before it returns it (soter-core,
// SoterSignatureResult). Every recorded result is an object.
func (s spelling) checkJSONString(jsonString string, body []byte) *Error {
	name := s.jsonString
	switch text := trimmed(jsonString); {
	case text == "":
		return missing(name, body)
	case strings.HasPrefix(text, `"`), escapedTwice(text):
		return invalid("parameter.%s is escaped twice: send resultJSON as wx.startSoterAuthentication returned it, without another JSON.stringify", name)
	case isWholeResult(text):
		return invalid("parameter.%s is the whole result of wx.startSoterAuthentication: send its resultJSON, and its resultJSONSignature as the signature", name)
	case text[0] == '{':
		return nil
	case isPlaceholder(text):
		return placeholder(name)
	case isNothing(text):
		return nothing(name)
	case beginsURLEncoded(text):
		return invalid("parameter.%s is URL-encoded: send JSON, where nothing is, or decode it once", name)
	}
	return invalid("parameter.%s does not begin with {: send resultJSON as wx.startSoterAuthentication returned it", name)
}

func (s spelling) checkJSONSignature(signature string, body []byte) *Error {
	name := s.jsonSignature
	switch {
	case signature == "":
		return missing(name, body)
	case isPlaceholder(signature):
		return placeholder(name)
	case isNothing(signature):
		return nothing(name)
	case indexNotBase64(signature) < 0:
		return nil
	case strings.Contains(signature, "%"):
		return invalid("parameter.%s is URL-encoded, as %%2B is for +: send JSON, where nothing is, or decode it once", name)
	case strings.ContainsAny(signature, "\r\n"):
		return invalid("parameter.%s has line breaks in its base64: send it in one line, as resultJSONSignature came", name)
	case strings.ContainsAny(signature, " \t"):
		return invalid("parameter.%s has white space in its base64: a + that went through a form or a query string turns into a blank", name)
	case strings.ContainsAny(signature, "-_"):
		return invalid("parameter.%s is URL-safe base64: send resultJSONSignature unchanged", name)
	}
	return nil
}

// isWholeResult reports whether text is the object that wx.startSoterAuthentication hands
// to success, written as JSON. No phone signs a text with these two members.
func isWholeResult(text string) bool {
	if !strings.Contains(text, "resultJSONSignature") { // a search is cheaper than a parse
		return false
	}
	var result, signature bool
	_ = jsonobject.Read([]byte(text), func(name []byte, dec *jsontext.Decoder) error {
		result = result || string(name) == "resultJSON"
		signature = signature || string(name) == "resultJSONSignature"
		return dec.SkipValue()
	})
	return result && signature
}

// isPlaceholder finds $openid, $resultJSON and $resultJSONSignature of WeChat's example,
// and a JavaScript ${…} in the wrong quotes. No genuine value begins with a dollar.
func isPlaceholder(value string) bool { return strings.HasPrefix(value, "$") }

func placeholder(name string) *Error {
	return invalid("parameter.%s is a placeholder that begins with $, as in WeChat's example: send the value that it stands for", name)
}

// isNothing finds what JavaScript writes for a value that is missing or is no string.
func isNothing(value string) bool {
	return value == "undefined" || value == "null" || value == "[object Object]"
}

func nothing(name string) *Error {
	return invalid("parameter.%s is the word that JavaScript writes for a value that is missing or no string: look where it was lost", name)
}

// missing returns the refusal of a request without a parameter, with the member that was
// probably meant.
func missing(name string, body []byte) *Error {
	if other := spelledOtherwise(name, body); other != "" {
		return invalid("parameter.%s is missing: this form of the call does not call it %s", name, other)
	}
	return invalid("parameter.%s is missing", name)
}

// meant maps other names of the parameters, in small letters and without separators.
var meant = map[string]string{
	"openid": "openid", "useropenid": "openid",
	"jsonstring": "resultJSON", "resultjson": "resultJSON",
	"jsonsignature": "resultJSONSignature", "resultjsonsignature": "resultJSONSignature", "signature": "resultJSONSignature",
}

// meaning returns the parameter that a name means; "" if it is not in meant. A body may
// hold tens of thousands of names, so it allocates nothing.
func meaning[T string | []byte](name T) string {
	var plain [len("result_json_signature")]byte
	if len(name) > len(plain) {
		return ""
	}
	n := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '_', c == '-':
			continue
		case 'A' <= c && c <= 'Z':
			plain[n] = c + 'a' - 'A'
		default:
			plain[n] = c
		}
		n++
	}
	return meant[string(plain[:n])]
}

// errFound ends the reading of an object.
var errFound = errors.New("found")

// spelledOtherwise returns the first member of an object that is another name for a
// parameter; "" if there is none.
func spelledOtherwise(name string, object []byte) (found string) {
	wanted := meaning(name)
	_ = jsonobject.Read(object, func(member []byte, dec *jsontext.Decoder) error {
		if string(member) != name && meaning(member) == wanted {
			found = string(member)
			return errFound
		}
		return dec.SkipValue()
	})
	return found
}

// isForm reports whether a body that is not JSON is a form. That is name=value&…, the parts
// of multipart/form-data, or JSON that was URL-encoded.
func isForm(body []byte) bool {
	text := string(bytes.TrimSpace(body))
	if strings.HasPrefix(text, "--") {
		return strings.Contains(text, "form-data")
	}
	for field := range strings.SplitSeq(text, "&") {
		if name, _, found := strings.Cut(field, "="); found && meaning(name) != "" {
			return true
		}
	}
	return beginsURLEncoded(text)
}

// trimmed returns a text without the blanks around it. Editors write a byte order mark.
func trimmed(text string) string { return strings.Trim(text, blank) }

// blank are characters around a text that mean nothing.
const blank = " \t\r\n\ufeff"

func beginsObject(text string) bool { return strings.HasPrefix(strings.TrimLeft(text, blank), "{") }

func beginsURLEncoded(text string) bool {
	return len(text) > 2 && strings.EqualFold(text[:3], "%7B")
}

// escapedTwice reports whether text begins as an object whose quotes are still escaped:
// {\"raw\":…
func escapedTwice(text string) bool {
	inner, isObject := strings.CutPrefix(text, "{")
	return isObject && strings.HasPrefix(strings.TrimLeft(inner, " \t\r\n"), `\`)
}

// indexNotBase64 returns where a text stops being standard base64; -1 if all of it is.
func indexNotBase64(text string) int {
	for i := range len(text) {
		if !isBase64[text[i]] {
			return i
		}
	}
	return -1
}

// isBase64 has the characters of standard base64, padding included.
var isBase64 = func() (is [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") {
		is[c] = true
	}
	return is
}()
