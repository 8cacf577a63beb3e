package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	cdbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/need"
	"sotercall/scripts/local/playground"
)

// What is copied as curl gets the response that the page has shown, from the functions that
// everybody uses.
func TestWhatIsCopiedAsCurlRuns(t *testing.T) {
	need.Time(t)
	need.Program(t, "curl")
	out, stop := serveAll(t, "-phones", t.TempDir(), "-timeout", "3s")
	base := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(out.String())
	response := regexp.MustCompile(`\{"isOk":[^{}]*\}`)
	for mistake := range verdicts {
		for _, platform := range platformNames() {
			for _, challenges := range []bool{true, false} {
				if (platform != "lambda" || !challenges) && slices.Contains([]string{"slow", "busy", "cut"}, mistake) {
					continue // they take their time, everywhere the same
				}
				q := playground.Question{
					Device: "android", User: "bob", Platform: platform, Order: "set",
					Challenges: challenges, Purpose: challenges, Mistake: mistake,
				}
				requireSameByCurl(t, base, q, response)
			}
		}
	}
	requireSameByCurl(t, base, playground.Question{Device: "ios", User: "alice", Platform: "scf", Challenges: true}, response)
	require.NoError(t, stop())
}

func requireSameByCurl(t *testing.T, base string, q playground.Question, response *regexp.Regexp) {
	t.Helper()
	r := press(t, base, q)
	printed, err := exec.CommandContext(t.Context(), "sh", "-c", r.copies.Curl).CombinedOutput()
	require.NoError(t, err, "%s", printed)
	all := response.FindAll(printed, -1)
	require.Len(t, all, len(r.answers), "%+v: %s\n%s", q, r.copies.Curl, printed)
	var shown, got struct {
		IsOK    bool
		ErrCode int
	}
	require.NoError(t, json.Unmarshal(all[len(all)-1], &got))
	require.NoError(t, json.Unmarshal(r.last().Answer, &shown))
	assert.Equal(t, shown, got, "%+v: %s\n%s", q, r.copies.Curl, printed)
	assert.Equal(t, q.Challenges, r.copies.Fresh)
}

// What is copied as an event is run by the command that the page names.
func TestWhatIsCopiedAsEventRuns(t *testing.T) {
	need.Time(t)
	phones := t.TempDir()
	w, err := listen(settings{addr: "127.0.0.1:0", phones: phones})
	require.NoError(t, err)
	defer func() { assert.NoError(t, w.close()) }()
	play, err := w.play(t.Context(), phones)
	require.NoError(t, err)
	defer func() { assert.NoError(t, play.Close()) }()
	w.binaries = functionBinaries(t)
	play.Ready(stage{w})
	for _, q := range []playground.Question{
		{Device: "android", User: "alice", Platform: "lambda", Challenges: true, Purpose: true},
		{Device: "huawei", User: "bob", Platform: "scf"},
		{Device: "ios", User: "alice", Platform: "http", Challenges: true, Mistake: "change-byte"},
	} {
		r := press(t, w.base, q)
		file := filepath.Join(t.TempDir(), "event.json")
		require.NoError(t, os.WriteFile(file, []byte(r.copies.Event), 0o600))
		args, ours := strings.CutPrefix(r.copies.Command, program+" ")
		require.True(t, ours, r.copies.Command)
		args, ours = strings.CutSuffix(args, " event.json")
		require.True(t, ours, r.copies.Command)
		answer, _, err := local(t, nil, append(strings.Fields(args), "-phones", phones, file)...)
		require.NoError(t, err)
		assert.Equal(t, string(r.last().Answer), strings.TrimSpace(answer), r.copies.Command)
	}
}

// An address repeats a run, in either language, with what it names and defaults otherwise.
func TestPermalinks(t *testing.T) {
	b := browser(t)
	base, _, ready := servePlayground(t)
	tab := newTab(t, b, base, look{width: 1440, height: 900, language: "en", calm: true})
	open := func(address string) {
		tab.do(chromedp.Navigate(base+address), chromedp.WaitReady(chromedp.CSS("#lanes .lane")))
	}
	done := func() {
		inTab(tab, chromedp.Poll[bool](`document.querySelector("#result").dataset.verdict !== "" && !("running" in document.body.dataset)`))
	}
	address := func() string { return value[string](tab, `location.pathname + location.search`) }

	open("/?mistake=replay&challenges=off")
	assert.Equal(t, "No request yet.", tab.text("#word"), "the functions are not ready")
	ready()
	done()
	assert.Equal(t, "Genuine, but should be refused", tab.text("#word"))
	assert.Equal(t, "/?lang=en&mistake=replay&challenges=off", address())
	assert.False(t, value[bool](tab, `document.getElementById("challenges").checked`))

	panel := tab.text("#panel")
	tab.do(chromedp.Click(chromedp.CSS(`a[hreflang="zh-CN"]`)), chromedp.WaitReady(chromedp.CSS(`html[lang="zh-CN"] #lanes .lane`)))
	done()
	assert.Equal(t, "验证通过，但不应通过", tab.text("#word"))
	assert.Equal(t, panel, tab.text("#panel"), "another language shows the same run, and runs nothing")
	assert.Equal(t, "/?lang=zh&mistake=replay&challenges=off", address())

	open("/?lang=en&mistake=none&device=ios&user=bob&platform=scf&order=set&purpose=off")
	done()
	assert.Equal(t, "Genuine", tab.text("#word"))
	assert.Contains(t, tab.text("#panel"), "oPlay-Bob")
	assert.NotContains(t, tab.text("#panel"), "purpose")
	assert.Equal(t, "¥420.00", tab.text("#amount"))
	assert.Equal(t, "ios", value[string](tab, `document.getElementById("device").value`))
	assert.Equal(t, "/?lang=en&mistake=none&device=ios&user=bob&order=set&platform=scf&purpose=off", address())

	tab.press(`[data-mistake="swap"]`)
	assert.Contains(t, address(), "mistake=swap")
	tab.do(chromedp.Click(chromedp.CSS(`[name=user][value=alice]`)))
	assert.NotContains(t, address(), "mistake", "what is not run yet has no address")

	open("/?lang=en&mistake=typo&device=nokia&user=eve&challenges=maybe")
	tab.ready()
	assert.Equal(t, "Could not be answered", tab.text("#word"), "an address that asks for nothing shows the last run")
	assert.Equal(t, "ios", value[string](tab, `document.getElementById("device").value`))
}

// The buttons copy what they say, and say what to do with it.
func TestCopyButtons(t *testing.T) {
	b := browser(t)
	base, _, ready := servePlayground(t)
	ready()
	for _, l := range []look{{width: 1440, height: 900, language: "en", calm: true}, {width: 390, height: 844, language: "zh", dark: true, calm: true}} {
		tab := newTab(t, b, base, l)
		tab.ready()
		for _, name := range []string{"clipboard-read", "clipboard-write"} {
			order(tab, cdbrowser.SetPermission, cdbrowser.SetPermissionParams{
				Permission: &cdbrowser.PermissionDescriptor{Name: name}, Setting: cdbrowser.PermissionSettingGranted, Origin: base,
			})
		}
		assert.False(t, value[bool](tab, `document.getElementById("again").checkVisibility()`), "there is nothing to copy")
		tab.press("#sensor")
		for kind, want := range map[string]struct{ copied, says string }{
			"curl":  {"curl -s " + base + "/2015-03-31/functions/verify-challenges/invocations -d '{\"openid\":\"oPlay-Alice", "2"},
			"event": {`{"openid":"oPlay-Alice`, "go run ./scripts/local invoke -platform lambda -challenges event.json"},
			"link":  {base + "/?lang=" + l.language + "&mistake=none", ""},
		} {
			tab.do(chromedp.Click(chromedp.CSS(`[data-copy="` + kind + `"]`)))
			inTab(tab, chromedp.Poll[bool](`document.getElementById("copied").textContent !== ""`))
			text := inTab(tab, chromedp.Evaluate[string](`navigator.clipboard.readText()`, chromedp.EvalAwaitPromise))
			assert.True(t, strings.HasPrefix(text, want.copied), "%s: %s", kind, text)
			assert.Contains(t, tab.text("#copied"), want.says)
			assert.Equal(t, l.language == "zh", strings.ContainsFunc(tab.text("#copied"), isHan))
			assert.LessOrEqual(t, value[int](tab, `document.documentElement.scrollWidth`), int(l.width), "nothing sticks out")
			tab.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("copied").textContent = ""; undefined`))
		}
	}
}
