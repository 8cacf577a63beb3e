package texts

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/scripts/local/language"
)

// what no translation changes: code, links, placeholders and verbs of package fmt.
var fixed = regexp.MustCompile("`[^`]+`|\\]\\([^)]+\\)|\\{[a-z]+\\}|%[a-z]|BASE|HOST")

func marks(text string) []string {
	all := fixed.FindAllString(text, -1)
	slices.Sort(all)
	return all
}

// Every text is there in each language, and has the same code, links and values.
func TestAllLanguagesHaveTheSameTexts(t *testing.T) {
	for _, tables := range []func(string) Table{Page, Commands} {
		english := tables(language.English).All()
		require.Greater(t, len(english), 80)
		for _, lang := range language.All {
			texts := tables(lang).All()
			for key := range texts {
				// The sandbox has what phones sign in English itself.
				assert.True(t, strings.HasPrefix(key, "signs.") || english[key] != "", "only %s has %s", lang, key)
			}
			for key, text := range english {
				if assert.NotEmpty(t, texts[key], "%s lacks %s", lang, key) {
					translated := inEnglish(texts[key])
					if strings.HasPrefix(key, "flag.") { // there, `name` is a word for the value
						text, translated = strings.ReplaceAll(text, "`", ""), strings.ReplaceAll(translated, "`", "")
					}
					assert.Equal(t, marks(text), marks(translated), "%s: %s", lang, key)
				}
			}
		}
	}
}

// inEnglish takes out of a Chinese text what only it needs.
func inEnglish(text string) string {
	return strings.NewReplacer("?lang=zh", "", " -lang zh", "").Replace(text)
}

// A text is Chinese if it is no name or identifier.
func TestChineseTextsAreChinese(t *testing.T) {
	same := []string{
		"flag.choices", "member.other", "mistake.code", "do.code", "demo.case", "demo.case.pkcs1", "kind.null",
		"way.token", "read.tokens", "device.android", "device.ios", "device.harmonyos",
		"amount.longjing", "amount.set", "help.title", "build.step",
	}
	han := regexp.MustCompile(`\p{Han}`)
	for _, tables := range []func(string) Table{Page, Commands} {
		for key, text := range tables(language.Chinese).All() {
			assert.NotEqual(t, slices.Contains(same, key), han.MatchString(text), "%s: %s", key, text)
		}
		for key, text := range tables(language.English).All() {
			assert.False(t, han.MatchString(text), "%s: %s", key, text)
		}
	}
}

func TestSay(t *testing.T) {
	en, zh := Commands("en"), Commands("zh")
	assert.Equal(t, "39 responses, all ok. Access tokens fetched from WeChat: 1.", en.Say("demo.end", 39, 1))
	assert.Equal(t, "共 39 个响应，全部符合预期。从微信获取 access_token 1 次。", zh.Say("demo.end", 39, 1))
	assert.True(t, en.Has("demo.end"))
	assert.False(t, en.Has("demo.never"))
	assert.PanicsWithValue(t, `texts: no text "demo.never" in "zh"`, func() { zh.Say("demo.never") })
}

// What a function says of a request is explained in Chinese, in the words that the document
// of the mistakes quotes.
func TestHintsAreExplainedInChinese(t *testing.T) {
	document, err := os.ReadFile("../../../docs/zh-CN/mistakes.md")
	require.NoError(t, err)
	quoted := 0
	for _, row := range regexp.MustCompile("(?m)^\\| .* \\| (.*`.*) \\| .* \\|$").FindAllStringSubmatch(string(document), -1) {
		for _, words := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			quoted++
			assert.NotEmpty(t, Hint("zh", "parameter.jsonString "+words[1]), words[1])
			assert.Empty(t, Hint("en", words[1]), "that is English")
		}
	}
	assert.Len(t, inChinese.Hints, quoted)
	assert.Empty(t, Hint("zh", "parameter.openid is missing"), "what is not known is not explained")
	assert.Equal(t, "签名末尾缺少 ==：原样发送", Hint("zh", "parameter.jsonSignature lacks its padding: it ends with two ="))
}

// Every code that has advice has it in Chinese too, and about the same variables.
func TestEveryCodeHasAdviceInChinese(t *testing.T) {
	known := map[string]bool{}
	for _, code := range openapi.Codes() {
		number := strconv.Itoa(code.Number)
		text, ok := inChinese.Codes[number]
		if code.Do == "" {
			assert.False(t, ok, number)
			assert.NotEmpty(t, AdviceFor(code.Number, "")["zh"].Meaning, "in English at least")
			continue
		}
		known[number] = true
		require.True(t, ok, number)
		assert.NotEmpty(t, text.Meaning, number)
		assert.NotEmpty(t, text.Do, number)
		assert.Equal(t, marks(code.Meaning+code.Do), marks(text.Meaning+text.Do), number)
		assert.Equal(t, code.Do, AdviceFor(code.Number, "why")["en"].Do)
		assert.Equal(t, Advice{text.Meaning, text.Do, "why"}, AdviceFor(code.Number, "why")["zh"])
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
			assert.Equal(t, Advice{Meaning: row[2], Do: row[3]}, inChinese.Codes[row[1]], row[1])
		}
	}
}

func TestReasonsAreTranslated(t *testing.T) {
	for _, reason := range []string{challenge.ErrNotOurs.Error(), challenge.ErrOtherUser.Error(), challenge.ErrExpired.Error(), challenge.ErrTooManyFailures.Error(), challenge.ErrOtherPurpose.Error(), challenge.ErrPurposeAdded.Error(), challenge.ErrNoPurpose.Error()} {
		assert.Contains(t, inChinese.Reasons, reason)
	}
	for reason, text := range inChinese.Reasons {
		assert.Equal(t, map[string]Advice{"en": {Reason: reason}, "zh": {Reason: text}}, AdviceFor(0, reason))
	}
	assert.Equal(t, "something new", AdviceFor(0, "something new")["zh"].Reason, "what is not known is said in English")
}
