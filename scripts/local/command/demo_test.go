package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/need"
)

func TestDemo(t *testing.T) {
	need.Time(t)
	code, out, log := status(t, nil, "demo")
	require.Equal(t, 0, code, out)
	assert.Equal(t, 4, strings.Count(out, "✓     ✓     ✓\n"), out)
	assert.Equal(t, 9, strings.Count(out, "✗     ✗     ✗\n"), out)
	assert.Contains(t, out, "39 answers, all ok. Access tokens fetched from WeChat: 1.\n")
	assert.Contains(t, out, "\n✗ replayed: the challenge was used before  ")
	assert.NotContains(t, out, "WRONG")
	requireNarrow(t, out)
	assert.Len(t, strings.Fields(columns), len(platforms), "each column has a name")
	assert.NotContains(t, out+log, "\x1b", "this is no terminal")
	assert.Equal(t, building+"\n  1 of 4: token\n  2 of 4: challenge\n  3 of 4: verify\n  4 of 4: service\n", log)
	for line := range strings.Lines(next) {
		assert.Contains(t, out, line)
	}

	readme, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	_, excerpt, _ := strings.Cut(string(readme), "```text\n")
	excerpt, _, found := strings.Cut(excerpt, "```")
	require.True(t, found)
	for line := range strings.Lines(excerpt) {
		assert.Contains(t, out, line, "README shows what the demo prints")
	}
}

func TestWhatNextLeadsSomewhere(t *testing.T) {
	files := regexp.MustCompile(`(?m)^  (\S+\.md)`).FindAllStringSubmatch(next, -1)
	require.Len(t, files, 3)
	for _, name := range files {
		assert.FileExists(t, "../../../"+name[1])
	}
}

func TestDemoShowsTheJSON(t *testing.T) {
	need.Time(t)
	code, out, log := status(t, nil, "demo", "-v")
	require.Equal(t, 0, code, out)
	assert.Equal(t, 12, strings.Count(out, verified+"\n"), out)
	assert.Equal(t, 27, strings.Count(out, `{"isOk":false,"errMsg":"openapi.soter.verifySignature:`), out)
	for _, p := range platforms {
		assert.Equal(t, 13, strings.Count(out, "\n    "+p.name+" "), p.name)
		assert.Contains(t, log, `"platform":"`+p.name+`"`)
	}
}

func requireNarrow(t *testing.T, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		require.Less(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 80, line)
	}
}

// A demo that cannot fail would show nothing: WeChat answers one question wrongly.
func TestDemoMarksTheAnswerThatIsWrong(t *testing.T) {
	w := openWorld(t, settings{})
	require.NoError(t, w.sandbox.Inject(sandbox.Fault{
		Path: verifyPaths[1], Kind: sandbox.FaultBody, Body: `{"errcode":0,"errmsg":"ok","is_ok":false}`, Times: 1,
	}))
	log := newOutput()
	shown := &table{out: log}
	err := show(t.Context(), w, shown)
	assert.Equal(t, statusFailed, exitStatus(t.Context(), err, log))
	out := log.String()
	assert.Contains(t, out, "\n✓ genuine, Android                                           WRONG   ✓     ✓\n")
	assert.Contains(t, out, "WRONG: Lambda answered isOk false, errCode 0: WeChat says that the\n    signature is wrong; must be isOk true, errCode 0\n")
	assert.Contains(t, out, "39 answers, 1 of them WRONG.\n")
	assert.Equal(t, 3, strings.Count(out, "WRONG"))
	assert.NotContains(t, out, "What next")
	requireNarrow(t, out)

	log = newOutput()
	require.NoError(t, show(t.Context(), w, &table{out: log}), "the twin: %s", log)
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
		"this is no answer":                  {answer: []byte(`{"errorMessage":"exit"}`), line: []byte(line)},
		"this is no answer to":               {answer: []byte(`{"isOk":false,"errCode":0}`), line: []byte(line)},
	} {
		_, got := refused.judge(r)
		assert.Contains(t, got, problem)
		assert.Equal(t, problem == "", got == "", "%s: %s", problem, got)
	}
}

func TestWrap(t *testing.T) {
	long := strings.Repeat("…", 100)
	out := wrap("some words and "+long+" and some more", "  ")
	requireNarrow(t, out)
	assert.Equal(t, 100, strings.Count(out, "…"))
	assert.Equal(t, 2, strings.Count(out, "\n"), out)
	assert.Equal(t, "  short", wrap("short", "  "))
}
