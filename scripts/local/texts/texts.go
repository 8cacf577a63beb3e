// Package texts has the words of scripts/local in each of its languages. They are those of the
// playground's page, those that the commands print, and explanations of error codes, reasons
// and hints.
//
// The tables are in the folder strings: page.*.json and command.*.json have a text for
// each key, in each language. codes.zh.json has Chinese texts for what other packages say
// in English.
package texts

import (
	"embed"
	"fmt"
	"maps"

	"github.com/go-json-experiment/json"
)

//go:embed strings
var files embed.FS

// Table has texts by their keys, in one language.
type Table struct {
	Language string
	texts    map[string]string
}

// Page returns the texts of the playground's page.
func Page(language string) Table { return read("page", language) }

// Commands returns the texts that the commands print, as formats of package fmt.
func Commands(language string) Table { return read("command", language) }

func read(name, language string) Table {
	t := Table{language, map[string]string{}}
	mustRead("strings/"+name+"."+language+".json", &t.texts)
	return t
}

func mustRead(file string, into any) {
	text, err := files.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		panic(fmt.Sprintf("texts: %s: %v", file, err))
	}
}

// All returns a copy of the texts.
func (t Table) All() map[string]string { return maps.Clone(t.texts) }

// Has reports whether there is a text.
func (t Table) Has(key string) bool {
	_, ok := t.texts[key]
	return ok
}

// Say returns a text with the values put in. A key without a text is a mistake of ours, and
// panics.
func (t Table) Say(key string, values ...any) string {
	text, ok := t.texts[key]
	if !ok {
		panic(fmt.Sprintf("texts: no text %q in %q", key, t.Language))
	}
	if len(values) == 0 {
		return text
	}
	return fmt.Sprintf(text, values...)
}
