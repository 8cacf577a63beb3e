package main

import (
	"errors"
	"flag"
	"regexp"

	"sotercall/scripts/local/texts"
)

// usageError says that a command line is invalid.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// wrong returns the error for an invalid command line, with the command that prints help.
func (i invocation) wrong(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return &helpError{i.flags}
	}
	return &usageError{i.Say("usage.wrong", i.flags.Name(), translated(i.Table, err.Error()), program, i.flags.Name())}
}

// flagErrors are the errors of package flag, and of flags' values in it. They have no types:
// each is recognised by its text. Submatches are the values of the text named by key.
var flagErrors = []struct {
	pattern *regexp.Regexp
	key     string
}{
	{regexp.MustCompile(`^flag provided but not defined: (.*)$`), "usage.undefined"},
	{regexp.MustCompile(`^flag needs an argument: (.*)$`), "usage.value"},
	{regexp.MustCompile(`^bad flag syntax: (.*)$`), "usage.syntax"},
	{regexp.MustCompile(`^invalid value ("(?:[^"\\]|\\.)*") for flag (-\S+): (.*)$`), "usage.invalid"},
	{regexp.MustCompile(`^invalid boolean value ("(?:[^"\\]|\\.)*") for (-\S+): (.*)$`), "usage.invalid"},
	{regexp.MustCompile(`^parse error$`), "usage.parse"},
	{regexp.MustCompile(`^want one of (.*)$`), "usage.choices"},
	{regexp.MustCompile(`^want NAME=VALUE$`), "usage.environment"},
}

// translated returns what an error says, in the language of the table. A text that is not
// known remains as it is.
func translated(table texts.Table, said string) string {
	for _, known := range flagErrors {
		found := known.pattern.FindStringSubmatch(said)
		if found == nil {
			continue
		}
		var values []any
		for _, value := range found[1:] {
			values = append(values, translated(table, value))
		}
		return table.Say(known.key, values...)
	}
	return said
}
