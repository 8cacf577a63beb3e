// Package jsonobject reads a JSON object member by member. It serves code that must know
// more of a member than a struct keeps: presence, kind of value, spelling of the name.
//
// The decoder defines what is JSON. By default it refuses duplicate names in an object, and
// invalid UTF-8.
package jsonobject

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Member is called with the name of a member. The decoder is at its value, which Member
// must read or skip. The name is valid until Member returns. An error ends the reading.
type Member func(name []byte, dec *jsontext.Decoder) error

// Read reads text, which must be one JSON value and nothing else, and calls member for each
// of its members. A value that is not an object has none. The error is the decoder's, or
// member's within a [json.SemanticError].
func Read(text []byte, member Member) error {
	// Unmarshal pools its decoders. Making a new one for each text takes longer than the
	// reading.
	return json.Unmarshal(text, (*reader)(&member))
}

type reader Member

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (r *reader) UnmarshalJSONFrom(dec *jsontext.Decoder) error { return Members(dec, Member(*r)) }

// Members reads one value from dec as [Read] reads a text.
func Members(dec *jsontext.Decoder, member Member) error {
	if dec.PeekKind() != '{' {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	buffer := make([]byte, 0, 32) // for all names
	for dec.PeekKind() == '"' {
		quoted, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if buffer, err = AppendText(buffer[:0], quoted); err != nil {
			return err
		}
		if err := member(buffer, dec); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken() // the closing brace, or a syntax error in its place
	return err
}

// Exceeds reports whether text has more than parts members and elements in total, at any
// depth, as far as it is JSON. A decoder allocates for each, to find duplicate names: bound
// a text from outside by this first. It allocates nothing.
func Exceeds(text []byte, parts int) bool {
	inString := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++ // an escaped quote does not end the string
		case c == '"':
			inString = !inString
		case !inString && (c == ',' || c == '{' || c == '['):
			if parts--; parts < 0 {
				return true
			}
		}
	}
	return false
}

// AppendText appends the content of a JSON string to b. It is [jsontext.AppendUnquote] for
// a string that a decoder has read, with a fast path for strings without escapes.
func AppendText(b []byte, quoted jsontext.Value) ([]byte, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return append(b, quoted[1:len(quoted)-1]...), nil
	}
	return jsontext.AppendUnquote(b, quoted)
}
