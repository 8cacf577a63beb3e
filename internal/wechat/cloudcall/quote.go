package cloudcall

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

var errNotUTF8 = errors.New("not valid UTF-8")

// escaped are the characters that json-bigint writes as \u, although JSON needs no escape
// for them. The SDK writes parameters with it.
var escaped = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x7f, Hi: 0x9f, Stride: 1},
	{Lo: 0xad, Hi: 0xad, Stride: 1},
	{Lo: 0x600, Hi: 0x604, Stride: 1},
	{Lo: 0x70f, Hi: 0x70f, Stride: 1},
	{Lo: 0x17b4, Hi: 0x17b5, Stride: 1},
	{Lo: 0x200c, Hi: 0x200f, Stride: 1},
	{Lo: 0x2028, Hi: 0x202f, Stride: 1},
	{Lo: 0x2060, Hi: 0x206f, Stride: 1},
	{Lo: 0xfeff, Hi: 0xfeff, Stride: 1},
	{Lo: 0xfff0, Hi: 0xffff, Stride: 1},
}}

// quote writes a string as JSON, byte for byte as json-bigint 1.0.0 does.
func quote(s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, errNotUTF8
	}
	b := make([]byte, 0, len(s)+len(s)/8+2)
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\f':
			b = append(b, `\f`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c < ' ' || unicode.Is(escaped, c):
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = utf8.AppendRune(b, c)
		}
	}
	return append(b, '"'), nil
}
