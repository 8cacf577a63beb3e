package docs_test

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	codeBlock = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	han       = regexp.MustCompile(`\p{Han}`)
	literal   = regexp.MustCompile(`"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'`)

	hashComment  = regexp.MustCompile(`(?m)(?:^|[ \t]+)#[ \t].*$`)
	slashComment = regexp.MustCompile(`(?m)(?:^|[ \t]+)//[ \t].*$|/\*(?s:.*?)\*/`)

	// comments are the comments of a code block, by its language.
	comments = map[string]*regexp.Regexp{
		"sh": hashComment, "python": hashComment, "dockerfile": hashComment, "nginx": hashComment,
		"js": slashComment, "go": slashComment, "java": slashComment, "php": slashComment,
	}
)

// chinesePage returns the name of the Chinese twin of an English document. Names are from
// the root of the project.
func chinesePage(english string) string {
	if name, ok := strings.CutPrefix(english, "docs/"); ok {
		return "docs/zh-CN/" + name
	}
	return strings.TrimSuffix(english, ".md") + ".zh-CN.md"
}

// englishPage is the reverse of chinesePage. It returns "" for a page that is not Chinese.
func englishPage(chinese string) string {
	if name, ok := strings.CutPrefix(chinese, "docs/zh-CN/"); ok {
		return "docs/" + name
	}
	if name, ok := strings.CutSuffix(chinese, ".zh-CN.md"); ok {
		return name + ".md"
	}
	return ""
}

// chineseDocuments returns the text of each Chinese document, by its name.
func chineseDocuments(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, name := range documents(t) {
		if englishPage(name) != "" {
			texts[name] = document(t, name)
		}
	}
	require.Contains(t, texts, "README.zh-CN.md")
	require.Contains(t, texts, "docs/zh-CN/call.md")
	return texts
}

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(text)
}

// language returns the language of a code block.
func language(block string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(block), "\n")
	return strings.TrimPrefix(first, "```")
}

// withoutComments removes what a reader of another language reads otherwise: the comments,
// and from a diagram its words.
func withoutComments(block string) string {
	if language(block) == "mermaid" {
		return regexp.MustCompile(`(?m) as .*$|: .*$`).ReplaceAllString(block, "")
	}
	if comment, ok := comments[language(block)]; ok {
		return comment.ReplaceAllString(block, "")
	}
	return block
}

// chineseFlag makes the commands of scripts/local speak Chinese.
const chineseFlag = " -lang zh"

// sameCode removes comments from two blocks, and the string literals that are Chinese in
// the second. Commands have no such literals: they are the same in both languages, but for
// the flag that asks for Chinese. What they print is Chinese, too, but for its marks.
func sameCode(english, chinese string) (string, string) {
	english, chinese = withoutComments(english), withoutComments(chinese)
	switch {
	case language(english) == "sh":
		return english, strings.ReplaceAll(chinese, chineseFlag, "")
	case language(english) == "text" && han.MatchString(chinese):
		words := regexp.MustCompile(`[^✓✗\n]`)
		return words.ReplaceAllString(english, ""), words.ReplaceAllString(chinese, "")
	}
	said, words := literal.FindAllString(english, -1), literal.FindAllString(chinese, -1)
	if len(said) != len(words) {
		return english, chinese
	}
	for i, word := range words {
		if han.MatchString(word) {
			english = strings.Replace(english, said[i], `"…"`, 1)
			chinese = strings.Replace(chinese, word, `"…"`, 1)
		}
	}
	return english, chinese
}

// TestCodeIsTheSameInBothLanguages compares the code blocks of each Chinese document with
// those of its English twin: commands and identifiers. Comments and what a user reads are
// in each language's own words.
func TestCodeIsTheSameInBothLanguages(t *testing.T) {
	compared := 0
	for name, text := range chineseDocuments(t) {
		here := codeBlock.FindAllString(text, -1)
		there := codeBlock.FindAllString(document(t, englishPage(name)), -1)
		if !assert.Len(t, here, len(there), name) {
			continue
		}
		for i := range here {
			compared++
			want, got := sameCode(there[i], here[i])
			assert.Equal(t, want, got, name)
		}
	}
	assert.GreaterOrEqual(t, compared, 10, "blocks are found")
}

func TestSameCode(t *testing.T) {
	for name, c := range map[string]struct {
		english, chinese string
		same             bool
	}{
		"a comment":              {"```go\nf() // once\n```", "```go\nf() // 一次\n```", true},
		"another call":           {"```go\nf() // once\n```", "```go\ng() // 一次\n```", false},
		"an address":             {"```go\nf(\"http://a\")\n```", "```go\nf(\"http://b\")\n```", false},
		"what a user reads":      {"```js\nf('Pay', 'pay')\n```", "```js\nf('支付', 'pay')\n```", true},
		"an identifier":          {"```js\nf('Pay', 'pay')\n```", "```js\nf('支付', 'buy')\n```", false},
		"the words of a command": {"```sh\nf 'pay'\n```", "```sh\nf '支付'\n```", false},
		"the flag for Chinese":   {"```sh\nf a > b\n```", "```sh\nf a -lang zh > b\n```", true},
		"another flag":           {"```sh\nf a\n```", "```sh\nf a -lang en\n```", false},
		"what is printed":        {"```text\n✓ paid\n```", "```text\n✓ 已支付\n```", true},
		"a printed mark":         {"```text\n✓ paid\n```", "```text\n✗ 未支付\n```", false},
		"a diagram's words":      {"```mermaid\na->>b: pay\n```", "```mermaid\na->>b: 支付\n```", true},
		"a diagram's arrows":     {"```mermaid\na->>b: pay\n```", "```mermaid\nb->>a: 支付\n```", false},
	} {
		english, chinese := sameCode(c.english, c.chinese)
		assert.Equal(t, c.same, english == chinese, name)
	}
}

// englishComments returns the comments of a page's code blocks that have several words, all
// of them English.
func englishComments(text string) (all []string) {
	for _, block := range codeBlock.FindAllString(text, -1) {
		comment, ok := comments[language(block)]
		if !ok {
			continue
		}
		for _, found := range comment.FindAllString(block, -1) {
			if words := strings.Trim(found, " \t\n#/*"); strings.Contains(words, " ") && !han.MatchString(words) {
				all = append(all, words)
			}
		}
	}
	return all
}

func TestCommentsAreInTheLanguageOfThePage(t *testing.T) {
	for name, text := range chineseDocuments(t) {
		assert.Empty(t, englishComments(text), name)
	}
	assert.Equal(t, []string{"and fill it in"}, englishComments("```sh\ncp a b    # and fill it in\n```"))
	assert.Empty(t, englishComments("```go\nserver := a // https://token.example.com\n```"))
}

// identifiers are the code spans of a text outside of its blocks, and the environment
// variables. What a placeholder in <> says is in the language of the page.
func identifiers(text string) []string {
	text = strings.Join(strings.Fields(codeBlock.ReplaceAllString(text, "")), " ")
	found := map[string]bool{}
	for _, span := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		found[regexp.MustCompile(`<[^>]*>`).ReplaceAllString(span[1], "<>")] = true
	}
	for _, variable := range regexp.MustCompile(`\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b`).FindAllString(text, -1) {
		found[variable] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// TestIdentifiersAreTheSameInBothLanguages compares what each page puts into code spans: no
// variable, message or value is missing from a translation, and none is invented there.
func TestIdentifiersAreTheSameInBothLanguages(t *testing.T) {
	for name, text := range chineseDocuments(t) {
		assert.Equal(t, identifiers(document(t, englishPage(name))), identifiers(text), name)
	}
	assert.Equal(t, []string{"AWS_REGION", "key:<>"}, identifiers("Set AWS_REGION and `key:<id>`.\n```sh\nexport A_B=1\n```\n"))
}

// TestCodesAreTheSameInBothLanguages compares the first column of the error codes: the
// Chinese table has the words of a person, and so is not written by the code.
func TestCodesAreTheSameInBothLanguages(t *testing.T) {
	codes := func(name string) (numbers []string) {
		for _, row := range regexp.MustCompile(`(?m)^\| (-?\d+) \|`).FindAllStringSubmatch(document(t, name), -1) {
			numbers = append(numbers, row[1])
		}
		return numbers
	}
	assert.Greater(t, len(codes("docs/call.md")), 30, "codes are found")
	assert.Equal(t, codes("docs/call.md"), codes("docs/zh-CN/call.md"))
}

// wrongLinks returns the links of a Chinese page that surprise its reader. A link leads to
// the Chinese document if there is one. Otherwise （英文） stands behind it.
func wrongLinks(page, text string, exists func(name string) bool) (all []string) {
	const mark = "（英文）"
	for _, at := range regexp.MustCompile(`\[([^\]]*)\]\(([^)\s]+)\)`).FindAllStringSubmatchIndex(text, -1) {
		label, link := text[at[2]:at[3]], text[at[4]:at[5]]
		target, _, _ := strings.Cut(link, "#")
		target = path.Join(path.Dir(page), target)
		if strings.Contains(link, "://") || path.Ext(target) != ".md" || label == "English" {
			continue
		}
		marked := strings.HasPrefix(text[at[1]:], mark)
		switch {
		case englishPage(target) != "":
			if marked {
				all = append(all, link+" is Chinese")
			}
		case exists(chinesePage(target)):
			all = append(all, link+" has a Chinese twin")
		case !marked:
			all = append(all, link+" is not marked")
		}
	}
	return all
}

func TestChinesePagesLinkToChinesePages(t *testing.T) {
	texts := chineseDocuments(t)
	exists := func(name string) bool { return texts[name] != "" }
	for name, text := range texts {
		assert.Empty(t, wrongLinks(name, text, exists), name)
	}
	for text, want := range map[string][]string{
		"[a](call.md#错误码) [b](../../deploy/openapi.yaml) [c](https://example.com/a.md)": nil,
		"[a](../call.md)":                                 {"../call.md has a Chinese twin"},
		"[a](../call.md#error-codes)（英文）":                 {"../call.md#error-codes has a Chinese twin"},
		"[a](../../README.md) [English](../../README.md)": {"../../README.md has a Chinese twin"},
		"[a](../../CONTRIBUTING.md)":                      {"../../CONTRIBUTING.md is not marked"},
		"[a](../../CONTRIBUTING.md)（英文）":                  nil,
		"[a](call.md)（英文）":                                {"call.md is Chinese"},
	} {
		assert.Equal(t, want, wrongLinks("docs/zh-CN/walkthrough.md", text, exists), text)
	}
}

// wrapped returns the lines of a Chinese page that go on in the next line. A line break
// within a paragraph shows as a blank, which Chinese does not have.
func wrapped(text string) (all []string) {
	text = codeBlock.ReplaceAllString(text, "")
	prose := regexp.MustCompile(`(?m)^ *[^|#\s!<].*\n *[^|#\s!<\-\d].*$`)
	for _, lines := range prose.FindAllString(text, -1) {
		first, _, _ := strings.Cut(lines, "\n")
		all = append(all, first)
	}
	return all
}

func TestChineseParagraphsAreOneLine(t *testing.T) {
	for name, text := range chineseDocuments(t) {
		assert.Empty(t, wrapped(text), name)
	}
	assert.Equal(t, []string{"一段"}, wrapped("# 标题\n\n一段\n文字\n"))
	assert.Equal(t, []string{"- 一项"}, wrapped("- 一项\n  文字\n- 二\n"))
	assert.Empty(t, wrapped("一段\n\n- 一项\n- 二\n\n| a |\n|---|\n\n```sh\na\nb\n```\n文字\n"))
}

// outline returns the headings of a text by their level, its code blocks, the columns of its
// table rows and its list items, in order.
func outline(text string) (all []string) {
	text = codeBlock.ReplaceAllString(text, "```")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch mark, _, _ := strings.Cut(line, " "); {
		case strings.HasPrefix(line, "|"):
			all = append(all, strings.Repeat("|", strings.Count(line, " | ")+2))
		case strings.Trim(mark, "#`-*") == "" && mark != "", regexp.MustCompile(`^\d+\.$`).MatchString(mark):
			all = append(all, mark)
		}
	}
	return all
}

// TestOutlineIsTheSameInBothLanguages: a section, a row or an item that is added to one page
// is missing from the other.
func TestOutlineIsTheSameInBothLanguages(t *testing.T) {
	for name, text := range chineseDocuments(t) {
		assert.Equal(t, outline(document(t, englishPage(name))), outline(text), name)
	}
	assert.Equal(t, []string{"##", "1.", "-", "|||", "```"}, outline("## A b\n\n1. c\n   d\n- e\n\n| f | g |\n\n```sh\n# h\n```\n**i** j\n"))
}

// TestFiguresAreTheSameInBothLanguages: the table of docs/performance.md is what the bench
// prints, and stands on both pages as it is.
func TestFiguresAreTheSameInBothLanguages(t *testing.T) {
	printed := func(name string) []string {
		return regexp.MustCompile(`(?m)^(?:\||Measured ).*$`).FindAllString(document(t, name), -1)
	}
	figures := printed("docs/performance.md")
	assert.Greater(t, len(figures), 30)
	assert.Equal(t, figures, printed("docs/zh-CN/performance.md"))
}
