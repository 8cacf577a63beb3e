package main

import (
	"strings"

	"golang.org/x/text/width"
)

// columns returns how many columns of a terminal a text takes: Chinese characters take two.
func columns(text string) (n int) {
	for _, r := range text {
		n++
		if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
			n++
		}
	}
	return n
}

// pad fills text up to so many columns with blanks.
func pad(text string, to int) string {
	return text + strings.Repeat(" ", max(0, to-columns(text)))
}

// wrap breaks text into lines of at most so many columns, each behind indent. It breaks
// between words, or within a word that is longer than a line, such as a Chinese sentence.
func wrap(text, indent string, to int) string {
	var lines []string
	line := indent
	for word := range strings.FieldsSeq(text) {
		if line != indent && columns(line+" "+word) > to {
			lines, line = append(lines, line), indent
		}
		if line != indent {
			line += " "
		}
		for _, r := range word {
			if columns(line+string(r)) > to {
				lines, line = append(lines, line), indent
			}
			line += string(r)
		}
	}
	return strings.Join(append(lines, line), "\n")
}

// fill wraps text, and fills the last line up to the columns.
func fill(text, indent string, to int) string {
	text = wrap(text, indent, to)
	last := strings.LastIndexByte(text, '\n') + 1
	return text[:last] + pad(text[last:], to)
}
