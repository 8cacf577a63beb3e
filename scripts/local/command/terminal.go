package main

import (
	"io"
	"os"
	"runtime"
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

// colours paint text on a terminal. The zero value leaves it as it is.
type colours struct{ on bool }

// coloursOf are those of out: none where it is no terminal, and none for users who do
// not want any (no-color.org).
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
