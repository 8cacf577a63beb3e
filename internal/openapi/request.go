package openapi

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// spelling is how a form of the call names its three parameters.
type spelling struct{ openid, jsonString, jsonSignature string }

var (
	camelCase = spelling{"openid", "jsonString", "jsonSignature"}
	snakeCase = spelling{"openid", "json_string", "json_signature"}
)

// parameters holds the values as they stand in the JSON, so that a mistake can
// be named. A form reads the fields of its own spelling; the others are there to
// tell a caller who mixed them up.
type parameters struct {
	OpenID             value `json:"openid"`
	JSONString         value `json:"jsonString"`
	JSONSignature      value `json:"jsonSignature"`
	SnakeJSONString    value `json:"json_string"`
	SnakeJSONSignature value `json:"json_signature"`
	Call               value `json:"call"`
}

// value is a string, or the kind of what stands in its place: 0 if nothing does.
type value struct {
	kind jsontext.Kind
	text string
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (v *value) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v.kind = dec.PeekKind()
	if v.kind != '"' {
		return dec.SkipValue()
	}
	token, err := dec.ReadToken()
	if err == nil {
		v.text = token.String()
	}
	return err
}

// parse reads a question. Fields it does not know are allowed: the platform adds
// userInfo to an event. But one that names another call, as an enrolment does where
// none is possible, is not read as a question. openid may come out empty, for the caller's own.
func (s spelling) parse(body []byte) (Request, *Error) {
	if len(body) > MaxBody {
		return Request{}, invalid("the question has %d bytes, at most %d are read", len(body), MaxBody)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return Request{}, invalid("there is no question: expected a JSON object with %s, %s and %s", s.openid, s.jsonString, s.jsonSignature)
	}
	var p parameters
	var syntax *jsontext.SyntacticError
	switch err, kind := json.Unmarshal(body, &p), jsontext.Value(body).Kind(); {
	case errors.As(err, &syntax):
		return Request{}, describe(body, syntax)
	case err != nil, kind != '{':
		return Request{}, invalid("expected a JSON object with %s, %s and %s, not %s", s.openid, s.jsonString, s.jsonSignature, kindText(kind))
	}

	if p.Call.kind != 0 && p.Call.text != Name {
		return Request{}, invalid("the call in the question is not %s, and is not served here", Name)
	}
	text, signature, otherText, otherSignature := p.JSONString, p.JSONSignature, p.SnakeJSONString, p.SnakeJSONSignature
	other := snakeCase
	if s == snakeCase {
		if p.Call.kind != 0 && p.Call.text != Name {
			return Request{}, invalid("the call in the question is not %s, and is not served here", Name)
		}
		text, signature, otherText, otherSignature = otherText, otherSignature, text, signature
		other = camelCase
	}
	var r Request
	var e *Error
	if r.OpenID, e = stringParameter(s.openid, p.OpenID, "", value{}, MaxOpenID); e != nil {
		return Request{}, e
	}
	if r.JSONString, e = stringParameter(s.jsonString, text, other.jsonString, otherText, MaxJSONString); e != nil {
		return Request{}, e
	}
	if r.JSONSignature, e = stringParameter(s.jsonSignature, signature, other.jsonSignature, otherSignature, MaxJSONSignature); e != nil {
		return Request{}, e
	}
	if e := s.check(r); e != nil {
		return Request{}, e
	}
	return r, nil
}

// check finds the mistakes that callers make most often, which would otherwise
// come back as an unexplained isOk false.
func (s spelling) check(r Request) *Error {
	switch text := strings.TrimLeft(r.JSONString, " \t\r\n"); {
	case text == "":
		return invalid("parameter.%s is missing", s.jsonString)
	case strings.HasPrefix(text, `"`), escapedTwice(text):
		return invalid("parameter.%s is escaped twice: send resultJSON as wx.startSoterAuthentication returned it, without another JSON.stringify", s.jsonString)
	}
	switch {
	case r.JSONSignature == "":
		return invalid("parameter.%s is missing", s.jsonSignature)
	case strings.ContainsAny(r.JSONSignature, " \t\r\n"):
		return invalid("parameter.%s has white space in its base64: a + that went through a form or a query string turns into a blank", s.jsonSignature)
	case strings.ContainsAny(r.JSONSignature, "-_"):
		return invalid("parameter.%s is URL-safe base64: send resultJSONSignature unchanged", s.jsonSignature)
	}
	return nil
}

// escapedTwice reports whether text begins as an object does whose quotes are
// still escaped: {\"raw\":…
func escapedTwice(text string) bool {
	inner, isObject := strings.CutPrefix(text, "{")
	return isObject && strings.HasPrefix(strings.TrimLeft(inner, " \t\r\n"), `\`)
}

// stringParameter decodes one parameter. An absent one is the empty string; if
// the other spelling's parameter stands in its place, that is the mistake to name.
func stringParameter(name string, v value, otherName string, other value, limit int) (string, *Error) {
	switch {
	case v.kind == 0 && other.kind != 0:
		return "", invalid("parameter.%s is missing: this form of the call does not call it %s", name, otherName)
	case v.kind == 0, v.kind == 'n':
		return "", nil
	case v.kind == '{' && limit == MaxJSONString:
		return "", invalid("parameter.%s is an object: send the text of resultJSON as it is, not parsed", name)
	case v.kind != '"':
		return "", invalid("parameter.%s must be a string, not %s", name, kindText(v.kind))
	case len(v.text) > limit:
		return "", invalid("parameter.%s has %d bytes, at most %d are allowed", name, len(v.text), limit)
	}
	return v.text, nil
}

// describe names the mistake in a body that is not JSON as RFC 8259 and I-JSON
// have it. It quotes nothing of the body but names of our own parameters.
func describe(body []byte, syntax *jsontext.SyntacticError) *Error {
	switch {
	case errors.Is(syntax, jsontext.ErrDuplicateName):
		switch name := syntax.JSONPointer.LastToken(); name {
		case "openid", "jsonString", "jsonSignature", "json_string", "json_signature":
			return invalid("parameter.%s is duplicated", name)
		default:
			return invalid("a name is duplicated in an object, at byte %d", syntax.ByteOffset)
		}
	case !utf8.Valid(body):
		return invalid("the question is not valid UTF-8, at byte %d", syntax.ByteOffset)
	case strings.Contains(syntax.Error(), "surrogate"):
		return invalid("unpaired surrogate at byte %d: it is no character, so no phone has signed it", syntax.ByteOffset)
	default:
		return invalid("the question is not valid JSON, at byte %d", syntax.ByteOffset)
	}
}

func kindText(kind jsontext.Kind) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	default:
		return "null"
	}
}
