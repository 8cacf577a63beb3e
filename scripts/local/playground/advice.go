package playground

import (
	"embed"
	"strconv"

	"sotercall/internal/openapi"
)

// languages are those of the page; the first is the default.
var languages = []string{"en", "zh"}

//go:embed strings
var stringFiles embed.FS

// advice explains a response to a developer, by language.
type advice map[string]adviceText

type adviceText struct {
	Meaning string `json:"meaning,omitzero"` // of a code
	Do      string `json:"do,omitzero"`      // about a code; both in the Markdown of openapi.Code
	Reason  string `json:"reason,omitzero"`  // why, as the log has it
}

// chinese has the Chinese texts for other packages' English ones.
type chinese struct {
	Codes   map[string]adviceText `json:"codes"`   // by errCode
	Reasons map[string]string     `json:"reasons"` // by the reason in the log
}

var inChinese = func() (c chinese) {
	mustRead("strings/codes.zh.json", &c)
	return c
}()

// adviceFor explains a code and a reason. A refusal and a genuine result have the code 0,
// for which the page itself has texts. English replaces missing Chinese texts.
func adviceFor(code int, reason string) advice {
	a := advice{"en": {Reason: reason}, "zh": {Reason: reason}}
	if text, ok := inChinese.Reasons[reason]; ok {
		a["zh"] = adviceText{Reason: text}
	}
	if code == 0 {
		return a
	}
	row := openapi.LookUp(code)
	english := adviceText{row.Meaning, row.Do, reason}
	if row.Meaning == "" {
		english.Meaning = row.Text
	}
	a["en"] = english
	text, ok := inChinese.Codes[strconv.Itoa(code)]
	if !ok {
		text = english
	}
	text.Reason = a["zh"].Reason
	a["zh"] = text
	return a
}
