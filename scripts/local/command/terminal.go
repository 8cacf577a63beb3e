package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// isTerminal reports whether a stream is a terminal that understands control
// sequences.
func isTerminal(stream any) bool {
	if p, ok := stream.(*printer); ok {
		stream = p.out
	}
	file, ok := stream.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || runtime.GOOS == "windows" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// harmlessJSON returns an equivalent response with escapes for characters that JSON allows
// and that a terminal may obey. Those are C1, DEL, and those that change the direction of a
// text.
func harmlessJSON(answer []byte) []byte {
	var b []byte
	for i := 0; i < len(answer); {
		c, size := utf8.DecodeRune(answer[i:])
		switch {
		case c == '\n', strconv.IsGraphic(c):
			b = append(b, answer[i:i+size]...)
		case c > 0xffff:
			high, low := utf16.EncodeRune(c)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, c)
		}
		i += size
	}
	return b
}

// colours paint text on a terminal. The zero value leaves it unchanged.
type colours struct{ on bool }

// coloursOf returns those of out: none if it is no terminal, and none for users that do not
// want any (no-color.org).
func coloursOf(out io.Writer) colours {
	return colours{isTerminal(out) && os.Getenv("NO_COLOR") == ""}
}

func (c colours) green(text string) string { return c.paint("32", text) }
func (c colours) dim(text string) string   { return c.paint("2", text) }
func (c colours) alarm(text string) string { return c.paint("1;31", text) }

func (c colours) paint(code, text string) string {
	if !c.on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
