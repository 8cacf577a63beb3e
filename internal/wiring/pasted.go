package wiring

import (
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// pastedByMistake describes what was pasted around a value by mistake; "" if there is
// nothing. The text ends a sentence that begins with the variable. Docker keeps the quotes
// of an --env-file, editors write byte order marks, and copied text has blanks around it. A
// JSON document may have white space around it.
func pastedByMistake(value string) string {
	switch {
	case strings.Contains(value, "\ufeff"):
		return "has a byte order mark in it: save it as UTF-8 without one"
	case jsontext.Value(value).Kind() == '{' && jsontext.Value(value).IsValid():
		return ""
	case strings.TrimSpace(value) != value:
		return "has a blank or a line break before or after it"
	case strings.ContainsFunc(value, unicode.IsControl):
		return "has a line break or another control character in it"
	case isQuoted(value):
		return "stands in quotes: they would be a part of the value, leave them out"
	}
	for item := range strings.SplitSeq(value, ",") {
		if isQuoted(strings.TrimSpace(item)) {
			return "has an item in quotes: they would be a part of the value, leave them out"
		}
	}
	return ""
}

// isQuoted reports whether a value begins and ends with matching quotes.
func isQuoted(value string) bool {
	for _, quotes := range []string{`"|"`, "'|'", "`|`", "“|”", "‘|’"} {
		open, end, _ := strings.Cut(quotes, "|")
		if rest, found := strings.CutPrefix(value, open); found && strings.HasSuffix(rest, end) {
			return true
		}
	}
	return false
}
