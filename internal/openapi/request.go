package openapi

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/jsonobject"
)

// spelling is how a form of the call names its three parameters.
type spelling struct{ openid, jsonString, jsonSignature string }

var (
	camelCase = spelling{"openid", "jsonString", "jsonSignature"}
	snakeCase = spelling{"openid", "json_string", "json_signature"}
)

// parameters holds the values as they stand in the JSON, so that a mistake can
// be named. A form reads the fields of its own spelling.
type parameters struct {
	AppID, OpenID                       value
	JSONString, JSONSignature           value
	SnakeJSONString, SnakeJSONSignature value
	Call                                value
	Purpose                             purposeParameter
	Explain                             bool
}

// member keeps a member of the question, if it is of interest.
func (p *parameters) member(name []byte, dec *jsontext.Decoder) error {
	switch string(name) {
	case "appid":
		return p.AppID.read(dec)
	case "openid":
		return p.OpenID.read(dec)
	case "jsonString":
		return p.JSONString.read(dec)
	case "jsonSignature":
		return p.JSONSignature.read(dec)
	case "json_string":
		return p.SnakeJSONString.read(dec)
	case "json_signature":
		return p.SnakeJSONSignature.read(dec)
	case "call":
		return p.Call.read(dec)
	case purposeName:
		return p.Purpose.read(dec)
	case "explain":
		// Only true asks for it. A question may have any other members, and WeChat would
		// answer it.
		p.Explain = dec.PeekKind() == 't'
	default:
		if isMisspelt(name) {
			p.Purpose.misspelt = string(name)
		}
	}
	return dec.SkipValue()
}

// question is a Request, and how its answer is wanted.
type question struct {
	Request
	// explain asks for the hint in the answer's message.
	explain bool
}

// value is a string, or the kind of what stands in its place: 0 if nothing does.
type value struct {
	kind jsontext.Kind
	text string
}

func (v *value) read(dec *jsontext.Decoder) error {
	v.kind = dec.PeekKind()
	if v.kind != '"' {
		return dec.SkipValue()
	}
	quoted, err := dec.ReadValue()
	if err != nil {
		return err
	}
	var buffer [512]byte // enough for a resultJSON, so that only its text is allocated
	text, err := jsonobject.AppendText(buffer[:0], quoted)
	v.text = string(text)
	return err
}

// parse reads a question. Fields it does not know are allowed: the platform adds
// userInfo to an event. But one that names another call, as an enrolment does where
// none is possible, is not read as a question. openid may come out empty, for the caller's own.
func (s spelling) parse(body []byte) (question, *Error) {
	if len(body) > MaxBody {
		return question{}, invalid("the request has %d bytes, at most %d are read", len(body), MaxBody)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return question{}, invalid("no request was found: expected a JSON object with %s, %s and %s", s.openid, s.jsonString, s.jsonSignature)
	}
	var p parameters
	var syntax *jsontext.SyntacticError
	switch err, kind := jsonobject.Read(body, p.member), jsontext.Value(body).Kind(); {
	case errors.As(err, &syntax):
		return question{}, describe(body, syntax)
	case err != nil, kind != '{':
		return question{}, invalid("expected a JSON object with %s, %s and %s, not %s", s.openid, s.jsonString, s.jsonSignature, kindText(kind))
	}

	if p.Call.kind != 0 && p.Call.text != Name {
		return question{}, invalid("the call in the request is not %s, and is not served here", Name)
	}
	text, signature := p.JSONString, p.JSONSignature
	if s == snakeCase {
		text, signature = p.SnakeJSONString, p.SnakeJSONSignature
	}
	if e := s.swapped(p.OpenID.text, text.text, signature.text); e != nil {
		return question{}, e
	}
	var r Request
	var e *Error
	if r.AppID, e = stringParameter("appid", p.AppID, MaxAppID); e != nil {
		return question{}, e
	}
	if r.OpenID, e = stringParameter(s.openid, p.OpenID, MaxOpenID); e != nil {
		return question{}, e
	}
	if r.JSONString, e = stringParameter(s.jsonString, text, MaxJSONString); e != nil {
		return question{}, e
	}
	if r.JSONSignature, e = stringParameter(s.jsonSignature, signature, MaxJSONSignature); e != nil {
		return question{}, e
	}
	if e := s.check(r, body); e != nil {
		return question{}, e
	}
	if r.Purpose, e = p.Purpose.parse(); e != nil {
		return question{}, e
	}
	return question{r, p.Explain}, nil
}

// stringParameter decodes one parameter. An absent one is the empty string.
func stringParameter(name string, v value, limit int) (string, *Error) {
	switch {
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
		case "appid", "openid", "jsonString", "jsonSignature", "json_string", "json_signature", purposeName:
			return invalid("parameter.%s is duplicated", name)
		default:
			return invalid("a name is duplicated in an object, at byte %d", syntax.ByteOffset)
		}
	case bytes.HasPrefix(body, []byte("\ufeff")):
		return invalid("the request begins with a byte order mark: send UTF-8 without one")
	case bytes.HasPrefix(body, []byte{0x1f, 0x8b}):
		return invalid("the request is compressed (gzip): send it as it is")
	case isUTF16(body):
		return invalid("the request is UTF-16: send UTF-8")
	case !utf8.Valid(body):
		return invalid("the request is not valid UTF-8, at byte %d", syntax.ByteOffset)
	case strings.Contains(syntax.Error(), "surrogate"):
		return invalid("unpaired surrogate at byte %d: it is no character, so no phone has signed it", syntax.ByteOffset)
	case isForm(body):
		return invalid("the request is not valid JSON, at byte %d: it is a form. Send a JSON object, with Content-Type: application/json", syntax.ByteOffset)
	default:
		return invalid("the request is not valid JSON, at byte %d", syntax.ByteOffset)
	}
}

// isUTF16 reports whether body begins as a text of two bytes a character does: with a
// byte order mark, or with a brace and a zero byte on one side of it.
func isUTF16(body []byte) bool {
	for _, begin := range []string{"\xff\xfe", "\xfe\xff", "{\x00", "\x00{"} {
		if bytes.HasPrefix(body, []byte(begin)) {
			return true
		}
	}
	return false
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
