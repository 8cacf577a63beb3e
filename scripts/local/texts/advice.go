package texts

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sotercall/internal/openapi"
	"sotercall/scripts/local/language"
)

// Advice is what a response means for a developer.
type Advice struct {
	Meaning string `json:"meaning,omitzero"` // of a code
	Do      string `json:"do,omitzero"`      // about a code; both in the Markdown of openapi.Code
	Reason  string `json:"reason,omitzero"`  // why, as the log has it
}

// chinese has the Chinese for texts that other packages have in English.
type chinese struct {
	Codes   map[string]Advice `json:"codes"`   // by errCode
	Reasons map[string]string `json:"reasons"` // by the reason in the log
	Hints   map[string]string `json:"hints"`   // by what an errMsg or a hint contains
}

var inChinese = func() (c chinese) {
	mustRead("strings/codes.zh.json", &c)
	return c
}()

// AdviceFor returns what a code and a reason mean, by language. The code 0 has no advice:
// it says nothing of the signature. What has no Chinese text is said in English.
func AdviceFor(code int, reason string) map[string]Advice {
	all := map[string]Advice{}
	for _, lang := range language.All {
		advice := Advice{Reason: Reason(lang, reason)}
		if code != 0 {
			advice.Meaning, advice.Do = Code(lang, code)
		}
		all[lang] = advice
	}
	return all
}

// Code returns what an error code means, and what to do about it.
func Code(lang string, code int) (meaning, do string) {
	if text, ok := inChinese.Codes[strconv.Itoa(code)]; ok && lang == language.Chinese {
		return text.Meaning, text.Do
	}
	row := openapi.LookUp(code)
	return cmp.Or(row.Meaning, row.Text), row.Do
}

// Reason returns why a signature was refused.
func Reason(lang, reason string) string {
	if text, ok := inChinese.Reasons[reason]; ok && lang == language.Chinese {
		return text
	}
	return reason
}

// Hint translates an errMsg or a hint about a request. It returns "" where no translation is
// needed.
func Hint(lang, said string) string {
	if lang != language.Chinese {
		return ""
	}
	var found []string
	for _, part := range slices.Sorted(maps.Keys(inChinese.Hints)) {
		if text := inChinese.Hints[part]; strings.Contains(said, part) && !slices.Contains(found, text) {
			found = append(found, text)
		}
	}
	return strings.Join(found, "；")
}
