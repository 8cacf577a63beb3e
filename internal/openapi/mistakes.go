package openapi

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/jsonobject"
)

// What is in this file is refused before anybody is asked: questions to which
// WeChat cannot answer that the signature is genuine, because no phone has signed
// such a text or no base64 decoder finds the signature in it. They would come back
// as isOk false and say nothing. What is only likely to be wrong is asked, and
// explained afterwards: see [Hint].

// swapped finds values that stand under the name of another parameter. It looks at
// them before their length is checked, which is wrong then, too.
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

// checkJSONString refuses what does not begin as an object does. The client of
// Tencent's own SDK reads the text as one before it hands it out (soter-core,
// SoterSignatureResult), and the result of every phone that was recorded is one.
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

// isPlaceholder finds $openid, $resultJSON and $resultJSONSignature of WeChat's
// example, and what JavaScript leaves of ${…} in the wrong quotes. No value of the
// three begins with a dollar.
func isPlaceholder(value string) bool { return strings.HasPrefix(value, "$") }

func placeholder(name string) *Error {
	return invalid("parameter.%s is a placeholder that begins with $, as in WeChat's example: send the value that it stands for", name)
}

// isNothing finds what JavaScript writes where a value is missing, or is no string.
func isNothing(value string) bool {
	return value == "undefined" || value == "null" || value == "[object Object]"
}

func nothing(name string) *Error {
	return invalid("parameter.%s is the word that JavaScript writes for a value that is missing or no string: look where it was lost", name)
}

// missing says that a parameter is not there, and which member of the question is
// probably meant to be it.
func missing(name string, body []byte) *Error {
	if other := spelledOtherwise(name, body); other != "" {
		return invalid("parameter.%s is missing: this form of the call does not call it %s", name, other)
	}
	return invalid("parameter.%s is missing", name)
}

// meant are names by which callers mean one of the parameters, in small letters
// and without marks between the words.
var meant = map[string]string{
	"openid": "openid", "useropenid": "openid",
	"jsonstring": "resultJSON", "resultjson": "resultJSON",
	"jsonsignature": "resultJSONSignature", "resultjsonsignature": "resultJSONSignature", "signature": "resultJSONSignature",
}

func meaning(name string) string {
	const longest = len("result_json_signature")
	if len(name) > longest {
		return ""
	}
	return meant[strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))]
}

// spelledOtherwise is the first member of an object that is another name for a
// parameter; "" if there is none.
func spelledOtherwise(name string, object []byte) (found string) {
	_ = jsonobject.Read(object, func(member []byte, dec *jsontext.Decoder) error {
		if other := string(member); found == "" && other != name && meaning(other) == meaning(name) {
			found = other
		}
		return dec.SkipValue()
	})
	return found
}

// isForm reports whether a body that is not JSON is a form: name=value&…, the parts
// of multipart/form-data, or JSON that was encoded as a form is.
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

// trimmed is a text without what stands in front of and after it. A mark of the
// byte order is put there by editors.
func trimmed(text string) string { return strings.Trim(text, blank) }

// blank is what stands around a text and means nothing.
const blank = " \t\r\n\ufeff"

func beginsObject(text string) bool { return strings.HasPrefix(strings.TrimLeft(text, blank), "{") }

func beginsURLEncoded(text string) bool {
	return len(text) > 2 && strings.EqualFold(text[:3], "%7B")
}

// escapedTwice reports whether text begins as an object does whose quotes are
// still escaped: {\"raw\":…
func escapedTwice(text string) bool {
	inner, isObject := strings.CutPrefix(text, "{")
	return isObject && strings.HasPrefix(strings.TrimLeft(inner, " \t\r\n"), `\`)
}

// indexNotBase64 is where a text stops being standard base64; -1 if it is all of it.
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
