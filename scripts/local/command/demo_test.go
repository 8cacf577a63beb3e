package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	adapters "sotercall/internal/adapter/platforms"
	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/need"
	"sotercall/scripts/local/language"
	"sotercall/scripts/local/texts"
)

func TestDemo(t *testing.T) {
	need.Time(t)
	code, out, log := status(t, nil, "demo")
	require.Equal(t, 0, code, out)
	assert.Equal(t, genuineCases, strings.Count(out, onEach("✓")), out)
	assert.Equal(t, refusedCases, strings.Count(out, onEach("✗")), out)
	assert.Contains(t, out, fmt.Sprint(allResponses())+" responses, all ok. Access tokens fetched from WeChat: "+fmt.Sprint(preparedTokens())+".\n")
	assert.Contains(t, out, "\n✗ replayed: the challenge was used before  ")
	assert.NotContains(t, out, "WRONG")
	requireNarrow(t, out)
	assert.NotContains(t, out+log, "\x1b", "this is no terminal")
	assert.Equal(t, english.Say("build.begin")+"\n  1 of 4: token\n  2 of 4: challenge\n  3 of 4: verify\n  4 of 4: service\n", log)
	for line := range strings.Lines(english.Say("demo.next")) {
		assert.Contains(t, out, line)
	}

	requireExcerpt(t, "../../../README.md", out)
}

// How many cases of the demo are genuine, and how many are refused.
const genuineCases, refusedCases = 4, 9

// allResponses returns how many responses the demo gets.
func allResponses() int { return (genuineCases + refusedCases) * len(platforms) }

// preparedTokens returns how many token functions fetch a token before their first call. The
// functions verify of all platforms share one of them.
func preparedTokens() (n int) {
	for _, kind := range adapters.Platforms {
		if kind.VariablesAtStart && kind.Name != httpPlatform {
			n++
		}
	}
	return n
}

// onEach returns the end of a row in which each platform has the same mark.
func onEach(mark string) string {
	return strings.Repeat("  "+mark+"   ", len(platforms)-1) + "  " + mark + "\n"
}

// english has the words of the commands in English.
var english = texts.Commands(language.English)

// requireExcerpt holds what README shows of the demo against what it printed.
func requireExcerpt(t *testing.T, readme, printed string) {
	t.Helper()
	text, err := os.ReadFile(readme)
	require.NoError(t, err)
	_, excerpt, _ := strings.Cut(string(text), "```text\n")
	excerpt, _, found := strings.Cut(excerpt, "```")
	require.True(t, found)
	for line := range strings.Lines(excerpt) {
		assert.Contains(t, printed, line, "README shows what the demo prints")
	}
}

// The demo speaks Chinese where it is told to. -v shows the responses, and not the log.
func TestDemoInChinese(t *testing.T) {
	need.Time(t)
	code, all, log := status(t, nil, "demo", "-lang", "zh", "-v")
	require.Equal(t, 0, code, all)
	out := regexp.MustCompile("(?m)^    ("+strings.Join(platformNames(), "|")+") .*\n").ReplaceAllString(all, "")
	assert.Equal(t, allResponses(), strings.Count(all, "\n")-strings.Count(out, "\n"), "a line of JSON for each response")
	assert.NotContains(t, log, `"platform":`)
	assert.Equal(t, genuineCases, strings.Count(out, onEach("✓")), out)
	assert.Contains(t, out, "\n✗ 重放：挑战因子已被使用  ")
	assert.Regexp(t, `(?m)^启用\s+CHALLENGE_SECRET：\S+ +Lambda SCF .*云托管$`, out)
	assert.Contains(t, out, "共 "+fmt.Sprint(allResponses())+" 个响应，全部符合预期。")
	assert.Contains(t, log, "正在构建函数（首次大约需要一分钟）…\n  1/4: token\n")
	requireNarrow(t, out)
	requireExcerpt(t, "../../../README.zh-CN.md", out)
}

func TestWhatNextLeadsSomewhere(t *testing.T) {
	files := regexp.MustCompile(`(?m)^  (\S+\.md)`).FindAllStringSubmatch(english.Say("demo.next"), -1)
	require.Len(t, files, 3)
	for _, name := range files {
		assert.FileExists(t, "../../../"+name[1])
	}
}

// -vv shows the responses, and the log as well.
func TestDemoShowsTheJSON(t *testing.T) {
	need.Time(t)
	code, out, log := status(t, nil, "demo", "-vv")
	require.Equal(t, 0, code, out)
	assert.Equal(t, genuineCases*len(platforms), strings.Count(out, verified+"\n"), out)
	assert.Equal(t, refusedCases*len(platforms), strings.Count(out, `{"isOk":false,"errMsg":"openapi.soter.verifySignature:`), out)
	for _, p := range platforms {
		assert.Equal(t, genuineCases+refusedCases, strings.Count(out, "\n    "+p.name+" "), p.name)
		assert.Contains(t, log, `"platform":"`+p.name+`"`)
	}
}

func requireNarrow(t *testing.T, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		require.Less(t, columns(strings.TrimSuffix(line, "\n")), 80, line)
	}
}

// A demo that cannot fail would show nothing: WeChat answers one question wrongly.
func TestDemoMarksTheAnswerThatIsWrong(t *testing.T) {
	w := openWorld(t, settings{})
	require.NoError(t, w.sandbox.Inject(sandbox.Fault{
		Path: verifyPaths[1], Kind: sandbox.FaultBody, Body: `{"errcode":0,"errmsg":"ok","is_ok":false}`, Times: 1,
	}))
	log := newOutput()
	shown := &table{Table: english, out: log}
	err := show(t.Context(), w, shown)
	assert.Equal(t, statusFailed, exitStatus(t.Context(), err, log))
	out := log.String()
	assert.Regexp(t, `\n✓ genuine, Android  +WRONG   ✓     ✓`, out)
	assert.Contains(t, out, "WRONG: Lambda responded isOk false, errCode 0: WeChat says that the\n    signature is wrong; must be isOk true, errCode 0\n")
	assert.Contains(t, out, fmt.Sprint(allResponses())+" responses, 1 of them WRONG.\n")
	assert.Equal(t, 3, strings.Count(out, "WRONG"))
	assert.NotContains(t, out, "What next")
	requireNarrow(t, out)

	log = newOutput()
	require.NoError(t, show(t.Context(), w, &table{Table: english, out: log}), "the twin: %s", log)
	assert.NotContains(t, log.String(), "WRONG")
}

func TestJudge(t *testing.T) {
	refused := demoCase{want: no("the challenge was used before")}
	const (
		answer = `{"isOk":false,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`
		line   = `{"isOk":false,"reason":"the challenge was used before"}`
	)
	for problem, r := range map[string]reply{
		"":                                   {answer: []byte(answer), line: []byte(line)},
		"must be isOk false, errCode 0: the": {answer: []byte(verified), line: []byte(line)},
		"must be isOk false, errCode 0: th":  {answer: []byte(answer), line: []byte(`{"isOk":false,"reason":"the challenge has expired"}`)},
		"must be isOk false, errCode 0":      {answer: []byte(strings.Replace(answer, ":0}", ":40003}", 1)), line: []byte(line)},
		"errMsg and errCode contradict":      {answer: []byte(strings.Replace(answer, ":ok", ":fail", 1)), line: []byte(line)},
		"there is no log line":               {answer: []byte(answer)},
		"the log line says something else":   {answer: []byte(answer), line: []byte(strings.Replace(line, "false", "true", 1))},
		"the function itself failed":         {answer: []byte(answer), line: []byte(line), failed: true},
		"this is no response":                {answer: []byte(`{"errorMessage":"exit"}`), line: []byte(line)},
		"this is no response of":             {answer: []byte(`{"isOk":false,"errCode":0}`), line: []byte(line)},
	} {
		_, got := refused.judge(r, english)
		assert.Contains(t, got, problem)
		assert.Equal(t, problem == "", got == "", "%s: %s", problem, got)
	}
}

func TestWrap(t *testing.T) {
	long := strings.Repeat("…", 100)
	out := wrap("some words and "+long+" and some more", "  ", lineWidth)
	requireNarrow(t, out)
	assert.Equal(t, 100, strings.Count(out, "…"))
	assert.Equal(t, 2, strings.Count(out, "\n"), out)
	assert.Equal(t, "  short", wrap("short", "  ", lineWidth))
	chinese := wrap("不符："+strings.Repeat("返回", 40)+"；应为", "    ", lineWidth)
	requireNarrow(t, chinese)
	assert.Equal(t, 2, strings.Count(chinese, "\n"), chinese)
}

func TestFill(t *testing.T) {
	assert.Equal(t, "  short     ", fill("short", "  ", 12))
	assert.Equal(t, "  too long\n  for one   ", fill("too long for one", "  ", 12), "the columns stand behind the last line")
}

// The names stand above the marks, for one more platform as well.
func TestNamesOfTheColumns(t *testing.T) {
	lambda, scf, hosting := platform{"lambda", "Lambda"}, platform{"scf", "SCF"}, platform{httpPlatform, "Cloud Hosting"}
	for want, all := range map[string][]platform{
		"Lambda SCF Hosting":       {lambda, scf, hosting},
		"Lambda SCF   FC  Hosting": {lambda, scf, {"fc", "FC"}, hosting},
	} {
		assert.Equal(t, want, columnNames(all, english))
		assert.LessOrEqual(t, columns(want), cellWidth*len(all))
	}
	assert.Equal(t, "Lambda SCF 云托管", columnNames([]platform{lambda, scf, hosting}, texts.Commands(language.Chinese)))
}

// What the demo says first names the platforms of its columns.
func TestDemoNamesEachPlatform(t *testing.T) {
	for _, lang := range language.All {
		for _, p := range emulator.Platforms {
			assert.Contains(t, texts.Commands(lang).Say("demo.begin"), p.Title, lang)
		}
	}
}
