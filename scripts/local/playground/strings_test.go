package playground

import (
	"bytes"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/openapi"
)

// what no translation changes: code, links, placeholders.
var fixed = regexp.MustCompile("`[^`]+`|\\]\\([^)]+\\)|\\{[a-z]+\\}")

func marks(text string) []string {
	all := fixed.FindAllString(text, -1)
	slices.Sort(all)
	return all
}

func TestBothLanguagesSayTheSame(t *testing.T) {
	p, err := newPage()
	require.NoError(t, err)
	en, zh := p.texts["en"], p.texts["zh"]
	assert.Equal(t, slices.Sorted(maps.Keys(en)), slices.Sorted(maps.Keys(zh)))
	for key, text := range en {
		assert.NotEmpty(t, text, key)
		assert.Equal(t, marks(text), marks(zh[key]), key)
	}
}

// A key that is put together from a name is not found by reading the page.
func TestEveryNameHasItsTexts(t *testing.T) {
	p, err := newPage()
	require.NoError(t, err)
	for language, texts := range p.texts {
		has := func(key string) { assert.Contains(t, texts, key, language) }
		for _, device := range sandbox.Devices() {
			has("device." + string(device.Device))
			has("signs." + string(device.Device))
		}
		for _, m := range mistakes {
			has("mistake." + m.Name)
			has("happened." + m.Name)
			has("group." + m.Group)
		}
		for _, user := range users {
			has("user." + user.Name)
		}
		for _, order := range orders {
			has("item." + order.Name)
			has("amount." + order.Name)
		}
		for _, platform := range Platforms {
			has("platform." + platform)
		}
		for _, verdict := range []string{genuine, refused, unanswered} {
			has("verdict." + verdict)
			has("phone." + verdict)
		}
		has("do." + genuine)
		has("do." + refused)
		for _, tab := range tabs {
			has("raw." + tab)
		}
		for _, link := range readOn {
			has("read." + link.Name)
		}
	}
}

// Every text is used, by its key or by a key that is put together from a name.
func TestEveryTextIsUsed(t *testing.T) {
	p, err := newPage()
	require.NoError(t, err)
	var page []byte
	files, err := webFiles.ReadDir("web")
	require.NoError(t, err)
	for _, file := range files {
		if !file.IsDir() {
			text, err := webFiles.ReadFile("web/" + file.Name())
			require.NoError(t, err)
			page = append(page, text...)
		}
	}
	byName := map[string][]string{
		"state.*": {"building", "ready", "lost"}, "state.*.more": {"building", "ready", "lost"},
		"way.*": {"page", "challenge", "phone", "function", "token", "wechat", "cut", "left"}, "way.empty.*": {"page", "challenge", "phone", "function", "token", "wechat"},
		"verdict.*": {genuine, "careful", refused, unanswered}, "phone.*": {"running", genuine, refused, unanswered}, "do.*": {genuine, refused},
		"happened.*": {genuine}, "happened.*.off": {genuine}, "platform.*": Platforms, "raw.*": tabs,
	}
	add := func(name string, patterns ...string) {
		for _, pattern := range patterns {
			byName[pattern] = append(slices.Clone(byName[pattern]), name)
		}
	}
	for _, device := range sandbox.Devices() {
		add(string(device.Device), "device.*", "signs.*")
	}
	for _, m := range mistakes {
		add(m.Name, "mistake.*", "happened.*", "happened.*.off", "happened.*.plain", "do.*")
		add(m.Group, "group.*")
	}
	for _, user := range users {
		add(user.Name, "user.*")
	}
	for _, order := range orders {
		add(order.Name, "item.*", "amount.*")
	}
	for _, link := range readOn {
		add(link.Name, "read.*")
	}
	used := map[string]bool{}
	for pattern, names := range byName {
		for _, name := range names {
			used[strings.Replace(pattern, "*", name, 1)] = true
		}
	}
	for key := range p.texts["en"] {
		assert.True(t, used[key] || bytes.Contains(page, []byte(`"`+key+`"`)), "nothing shows %s", key)
	}
}

// Every code that has advice has it in Chinese too, and about the same variables.
func TestEveryCodeHasAdviceInChinese(t *testing.T) {
	known := map[string]bool{}
	for _, code := range openapi.Codes() {
		number := strconv.Itoa(code.Number)
		text, ok := inChinese.Codes[number]
		if code.Do == "" {
			assert.False(t, ok, number)
			assert.NotEmpty(t, adviceFor(code.Number, "")["zh"].Meaning, "in English at least")
			continue
		}
		known[number] = true
		require.True(t, ok, number)
		assert.NotEmpty(t, text.Meaning, number)
		assert.NotEmpty(t, text.Do, number)
		assert.Equal(t, marks(code.Meaning+code.Do), marks(text.Meaning+text.Do), number)
		assert.Equal(t, code.Do, adviceFor(code.Number, "why")["en"].Do)
		assert.Equal(t, adviceText{text.Meaning, text.Do, "why"}, adviceFor(code.Number, "why")["zh"])
	}
	for number := range inChinese.Codes {
		assert.True(t, known[number], "no code %s any more", number)
	}
}

// The Chinese document has the same table for readers. One row of it says "here" where
// the page has a link.
func TestChineseAdviceIsThatOfTheDocument(t *testing.T) {
	document, err := os.ReadFile("../../../docs/zh-CN/call.md")
	require.NoError(t, err)
	rows := regexp.MustCompile(`(?m)^\| (-?[1-9]\d*) \| (.*) \| (.*) \|$`).FindAllStringSubmatch(strings.ReplaceAll(string(document), "](../", "]("), -1)
	require.Len(t, rows, len(inChinese.Codes))
	for _, row := range rows {
		if row[1] != strconv.Itoa(openapi.CodeInvalidURL) {
			assert.Equal(t, adviceText{Meaning: row[2], Do: row[3]}, inChinese.Codes[row[1]], row[1])
		}
	}
}

func TestReasonsAreTranslated(t *testing.T) {
	for _, reason := range []string{challenge.ErrNotOurs.Error(), challenge.ErrOtherUser.Error(), challenge.ErrExpired.Error(), challenge.ErrTooManyFailures.Error(), challenge.ErrOtherPurpose.Error(), challenge.ErrPurposeAdded.Error(), challenge.ErrNoPurpose.Error()} {
		assert.Contains(t, inChinese.Reasons, reason)
	}
	for reason, text := range inChinese.Reasons {
		assert.Equal(t, advice{"en": {Reason: reason}, "zh": {Reason: text}}, adviceFor(0, reason))
	}
	assert.Equal(t, "something new", adviceFor(0, "something new")["zh"].Reason, "what is not known is said in English")
}

func TestTheLogLineExplainsTheAnswer(t *testing.T) {
	const refusal = `{"msg":"invocation","reason":"the challenge was used before","errCode":0}`
	for name, c := range map[string]struct{ line, log, reason string }{
		"as it is":  {refusal, refusal, "the challenge was used before"},
		"on Lambda": {refusal[:len(refusal)-1] + `,"_aws":{"Timestamp":1}}`, refusal, "the challenge was used before"},
		"an error":  {`{"error":"errCode -1: busy"}`, `{"error":"errCode -1: busy"}`, "errCode -1: busy"},
		"genuine":   {`{"outcome":"genuine"}`, `{"outcome":"genuine"}`, ""},
		"none":      {"", "", ""},
		"no JSON":   {"panic: 1", "", ""},
	} {
		a := answerEvent{Verdict: refused}
		a.explain([]byte(c.line))
		assert.Equal(t, c.log, string(a.Log), name)
		assert.Equal(t, c.reason, a.Reason, name)
		assert.Equal(t, c.reason, a.Advice["en"].Reason, name)
	}
}

func TestOnlyAnAnswerIsAVerdict(t *testing.T) {
	for answer, verdict := range map[string]string{
		`{"isOk":true,"errMsg":"","errCode":0}`:      genuine,
		`{"isOk":false,"errMsg":"","errCode":0}`:     refused,
		`{"isOk":false,"errMsg":"","errCode":40003}`: unanswered,
		`{"isOk":true,"errMsg":"","errCode":-1}`:     unanswered,
	} {
		a, err := readAnswer([]byte(answer))
		require.NoError(t, err, answer)
		assert.Equal(t, verdict, a.Verdict, answer)
	}
	for _, answer := range []string{``, `null`, `{"isOk":true}`, `{"errCode":0}`, `{"isOk":"true","errCode":0}`, `{"errorMessage":"x"}`} {
		_, err := readAnswer([]byte(answer))
		assert.Error(t, err, answer)
	}
}
