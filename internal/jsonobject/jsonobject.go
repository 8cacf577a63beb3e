// Package jsonobject reads a JSON object member by member, for whoever wants to know
// more of a member than a struct keeps: that it is there, what kind of value it has,
// how its name is written.
//
// The decoder decides what is JSON. By default it refuses names that stand twice in an
// object, and what is not UTF-8.
package jsonobject

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Member is called with the name of a member. The decoder is at its value, which must
// be read or skipped. The name is good until Member returns. An error ends the
// reading.
type Member func(name []byte, dec *jsontext.Decoder) error

// Read reads text, which is one JSON value and nothing else, and calls member for each
// member of it. A value that is no object has none. The error is the decoder's, or
// member's within a [json.SemanticError].
func Read(text []byte, member Member) error {
	// The decoders of Unmarshal are used again and again. A new one for each text
	// takes longer than the reading.
	return json.Unmarshal(text, (*reader)(&member))
}

type reader Member

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (r *reader) UnmarshalJSONFrom(dec *jsontext.Decoder) error { return Members(dec, Member(*r)) }

// Members reads one value off dec as [Read] reads a text.
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
	_, err := dec.ReadToken() // the brace that closes the object, or what is wrong there
	return err
}

// Exceeds reports whether text has more than so many members and elements in all, at any
// depth, as far as it is JSON. A decoder allocates for each, to find a name that stands
// twice, so that a text from outside is bounded by this first. It allocates nothing.
func Exceeds(text []byte, parts int) bool {
	inString := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++ // what is escaped ends nothing
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

// AppendText appends the text of a JSON string to b. It is
// [jsontext.AppendUnquote] for a string that a decoder has read, of which it takes the
// usual one, without escapes, as it is.
func AppendText(b []byte, quoted jsontext.Value) ([]byte, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return append(b, quoted[1:len(quoted)-1]...), nil
	}
	return jsontext.AppendUnquote(b, quoted)
}
