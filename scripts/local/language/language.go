// Package language decides in which language scripts/local speaks: the one of the flag
// -lang, else the one of the environment, as POSIX has it.
package language

import (
	"slices"
	"strings"
)

// The languages, as the flag and the addresses of the playground name them.
const (
	English = "en"
	Chinese = "zh"
)

// All are the languages; the first is the default.
var All = []string{English, Chinese}

// Flag is the name of the flag.
const Flag = "lang"

// Of returns the language for a command line. variable returns an environment variable.
func Of(args []string, variable func(name string) string) string {
	for i, arg := range args {
		name, value, given := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		if name != Flag || !strings.HasPrefix(arg, "-") {
			continue
		}
		if !given && i+1 < len(args) {
			value = args[i+1]
		}
		if slices.Contains(All, value) {
			return value
		}
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		value := variable(name)
		if value == "" {
			continue
		}
		for _, language := range All {
			if strings.HasPrefix(strings.ToLower(value), language) {
				return language
			}
		}
		break
	}
	return All[0]
}
