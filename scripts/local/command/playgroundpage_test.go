package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// looks are all that the page has to look good in: both languages, both themes, a
// phone's width, a tablet's and a desktop's.
var looks = map[string]look{
	"wide, light, English":   {width: 1440, height: 900, language: "en"},
	"wide, dark, Chinese":    {width: 1440, height: 900, language: "zh", dark: true, calm: true},
	"narrow, light, Chinese": {width: 390, height: 844, language: "zh", calm: true},
	"narrow, dark, English":  {width: 390, height: 844, language: "en", dark: true, calm: true},
	"between, light, German": {width: 900, height: 900, language: "de", calm: true},
	"between, dark, Chinese": {width: 900, height: 900, language: "zh", dark: true, calm: true},
}

// words are those of the verdicts, by language.
var words = map[string]map[string]string{
	"en": {"genuine": "Genuine", "refused": "Refused", "unanswered": "Could not be answered"},
	"zh": {"genuine": "验证通过", "refused": "验证不通过", "unanswered": "未能得到结果"},
}

// verdicts are what each button leads to, with challenges.
var verdicts = map[string]string{
	"change-byte": "refused", "stringify-twice": "unanswered", "swap": "unanswered",
	"another-user": "refused", "foreign-user": "unanswered",
	"replay": "refused", "another-order": "refused", "expired": "refused", "made-up": "refused",
	"busy": "unanswered", "slow": "unanswered", "revoked": "genuine", "cut": "unanswered",
}

// barriers are what axe-core finds.
func (tab *tab) barriers(axe string) []string {
	tab.t.Helper()
	inTab(tab, chromedp.Evaluate[chromedp.Void](axe+"; undefined"))
	inTab(tab, chromedp.Poll[chromedp.Void](`document.getAnimations().every((a) => a.playState !== "running" || a.effect.getComputedTiming().iterations === Infinity)`))
	found := inTab(tab, chromedp.Evaluate[string](`axe.run({ resultTypes: ["violations"] }).then(({ violations }) =>
		JSON.stringify(violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html + " " + n.any.map((a) => a.message).join(" ")).join(" | "))))`,
		chromedp.EvalAwaitPromise))
	var violations []string
	require.NoError(tab.t, json.Unmarshal([]byte(found), &violations))
	return violations
}

// inFull are the looks in which each button is pressed. In the others it is one for
// each verdict.
var inFull = []string{"wide, light, English", "narrow, light, Chinese"}

// TestPlaygroundInABrowser presses the sensor and the buttons, in each look.
func TestPlaygroundInABrowser(t *testing.T) {
	b, barrierFinder := browser(t), axe(t)
	base, _, ready := servePlayground(t)
	ready()
	for name, l := range looks {
		t.Run(name, func(t *testing.T) {
			tab := newTab(t, b, base, l)
			tab.ready()
			language := l.language
			if words[language] == nil {
				language = "en"
			}
			assert.Empty(t, tab.barriers(barrierFinder), "before the first press")
			fits := func() {
				assert.LessOrEqual(t, value[int](tab, `document.documentElement.scrollWidth`), int(l.width), "nothing sticks out")
			}
			fits()
			tab.requireLayout(l)
			tab.press("#sensor")
			assert.Equal(t, words[language]["genuine"], tab.text("#word"))
			assert.Contains(t, tab.text("#live"), words[language]["genuine"], "a screen reader is told")
			fits()
			assert.Empty(t, tab.barriers(barrierFinder), "with an answer")

			buttons := value[[]string](tab, `[...document.querySelectorAll(".mistake")].map((b) => b.dataset.mistake)`)
			assert.Len(t, buttons, len(verdicts))
			if !slices.Contains(inFull, name) {
				buttons = []string{"swap", "replay", "revoked"}
			}
			for _, button := range buttons {
				selector := `[data-mistake="` + button + `"]`
				tab.press(selector)
				assert.Equal(t, words[language][verdicts[button]], tab.text("#word"), button)
				assert.Equal(t, "true", value[string](tab, `document.querySelector('`+selector+`').getAttribute("aria-current")`), button)
				for _, id := range []string{"#happened", "#do"} {
					text := tab.text(id)
					assert.NotEmpty(t, text, button)
					assert.Equal(t, language == "zh", strings.ContainsFunc(text, isHan), "%s: %s", button, text)
					assert.NotContains(t, text, "undefined")
				}
				assert.NotEmpty(t, tab.text(`[data-station="function"] .lane-ms`), button)
				fits()
			}
			for _, panel := range []string{"challenge", "event", "answer", "log"} {
				tab.do(chromedp.Click(chromedp.CSS("#tab-" + panel)))
				assert.Equal(t, "tab-"+panel, value[string](tab, `document.getElementById("panel").getAttribute("aria-labelledby")`))
				assert.NotEmpty(t, tab.text("#panel pre"), panel)
			}
			fits()
			tab.press(`[data-mistake="made-up"]`)
			assert.Empty(t, tab.barriers(barrierFinder), "with a refusal and its log line")
		})
	}
}

// requireLayout checks what stands where: the verdict above the trace, and on the first
// screen; the failures in one row below 1,100 pixels; nothing empty on the left.
func (tab *tab) requireLayout(l look) {
	tab.t.Helper()
	box := func(selector, side string) float64 {
		return value[float64](tab, `document.querySelector('`+selector+`').getBoundingClientRect().`+side)
	}
	assert.Less(tab.t, box("#result", "bottom"), box("#way", "top"), "the verdict stands above the trace")
	rows := value[int](tab, `new Set([...document.querySelectorAll(".mistake")].map((b) => b.getBoundingClientRect().top)).size`)
	assert.Equal(tab.t, l.width < 1100, rows == 1, "the failures are one row")
	if l.width < 600 {
		return
	}
	assert.Less(tab.t, box("#result", "top"), float64(l.height)/2)
	assert.InDelta(tab.t, 24, box("#phone", "left"), 1)
	assert.InDelta(tab.t, 24, box("#settings", "left"), 1)
	assert.InDelta(tab.t, box("#phone", "bottom"), box("#settings", "top"), 24, "no gap between phone and settings")
	assert.Greater(tab.t, box("#settings", "bottom"), float64(l.height)-20, "the left is full to the end of the screen")
}

func isHan(r rune) bool { return r >= 0x4e00 && r <= 0x9fff }

// A search for barriers that finds none must be able to find one.
func TestBarriersAreFound(t *testing.T) {
	b, barrierFinder := browser(t), axe(t)
	base, _, _ := servePlayground(t)
	tab := newTab(t, b, base, look{width: 1280, height: 900, language: "en"})
	inTab(tab, chromedp.Evaluate[chromedp.Void](`document.querySelector("#sensor .hidden").remove()`))
	found := tab.barriers(barrierFinder)
	require.Len(t, found, 1)
	assert.Contains(t, found[0], "button-name")
}

// A page without complaints is worth something only if they are heard.
func TestComplaintsAreHeard(t *testing.T) {
	b := browser(t)
	base, _, _ := servePlayground(t)
	for script, says := range map[string]string{
		`console.warn("beware")`:                          "beware",
		`setTimeout(() => { throw new Error("thrown") })`: "thrown",
		`document.body.insertAdjacentHTML("beforeend", "<img src='http://127.0.0.1:1/elsewhere.png'>")`: "Content Security Policy",
		`document.body.insertAdjacentHTML("beforeend", "<p style='color: red'>x</p>")`:                  "Content Security Policy",
		`void fetch("/playground/missing")`:                                                             "404",
	} {
		t.Run(says, func(t *testing.T) {
			tab := newTab(t, b, base, look{width: 1280, height: 900, language: "en"})
			inTab(tab, chromedp.Evaluate[chromedp.Void](script+"; undefined"))
			inTab(tab, chromedp.Sleep(300*time.Millisecond))
			tab.mu.Lock()
			defer tab.mu.Unlock()
			assert.Contains(t, strings.Join(tab.complaints, "\n"), says)
			tab.complaints = nil
		})
	}
}

func TestTheChoicesAreAsked(t *testing.T) {
	b := browser(t)
	base, _, ready := servePlayground(t)
	ready()
	tab := newTab(t, b, base, look{width: 1280, height: 900, language: "en", calm: true})
	tab.ready()
	tab.do(
		chromedp.SetValue(chromedp.CSS("#device"), "huawei"),
		chromedp.Evaluate[chromedp.Void](`document.getElementById("device").dispatchEvent(new Event("change", { bubbles: true }))`),
		chromedp.Click(chromedp.CSS(`[name=user][value=bob]`)),
		chromedp.Click(chromedp.CSS(`[name=platform][value=http]`)),
		chromedp.Click(chromedp.CSS(`#challenges`)),
	)
	tab.press(`[data-mistake=replay]`)
	assert.Contains(t, tab.text("#signs"), "rsa_pss_saltlen")
	assert.Equal(t, "Genuine, but should be refused", tab.text("#word"), "without challenges, a signature counts twice")
	assert.Contains(t, tab.text("#do"), "Turn challenges on")
	assert.Contains(t, tab.text("#panel"), "oPlay-Bob")
	tab.do(chromedp.Click(chromedp.CSS("#tab-log")))
	assert.Contains(t, tab.text("#panel"), `"platform": "http"`)

	// The other language shows the same, and the choices stay.
	tab.do(chromedp.Click(chromedp.CSS(`a[hreflang="zh-CN"]`)), chromedp.WaitReady(chromedp.CSS(`html[lang="zh-CN"] #lanes .lane`)))
	tab.ready()
	assert.Equal(t, "验证通过，但不应通过", tab.text("#word"))
	assert.Equal(t, "huawei", value[string](tab, `document.getElementById("device").value`))
	assert.False(t, value[bool](tab, `document.getElementById("challenges").checked`))
	tab.press(`[data-mistake=change-byte]`)
	assert.Contains(t, tab.text("#sub"), "微信判定签名无效")
	tab.do(chromedp.Click(chromedp.CSS("#tab-event")))
	assert.Equal(t, 1, value[int](tab, `document.querySelector("#panel pre mark").textContent.length`), "the byte that was changed is marked")
}

// Everything can be done with the keyboard alone, in the order in which it stands.
func TestKeyboardOnly(t *testing.T) {
	b := browser(t)
	base, _, ready := servePlayground(t)
	ready()
	tab := newTab(t, b, base, look{width: 1280, height: 900, language: "en", calm: true})
	tab.ready()
	keys := func(text string) { tab.do(chromedp.KeyEvent(text)) }
	focus := func() string {
		return value[string](tab, `(({ activeElement: e }) => e.id || e.dataset.mistake || e.name || e.hreflang || e.className || e.tagName)(document)`)
	}
	keys(kb.Tab)
	assert.Equal(t, "skip", focus())
	keys(kb.Enter)
	keys(kb.Tab)
	assert.Equal(t, "device", focus(), "what comes after the sensor")

	tab.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`), chromedp.Navigate(base+"/?lang=en"))
	tab.ready()
	var order []string
	for range 30 {
		keys(kb.Tab)
		order = append(order, focus())
		if order[len(order)-1] == "panel" {
			break
		}
	}
	assert.Equal(t, []string{
		"skip", "en", "zh-CN", "theme", "attack", "sensor", "device", "user", "order", "platform", "challenges", "purpose",
		"change-byte", "stringify-twice", "swap", "another-user", "foreign-user", "replay", "another-order", "expired", "made-up", "busy", "slow", "revoked", "cut",
		"SUMMARY", "tab-event", "panel",
	}, order)

	tab.do(chromedp.Focus(chromedp.CSS("#theme")))
	keys(" ")
	assert.Equal(t, "dark", value[string](tab, `document.documentElement.dataset.theme`))
	assert.Equal(t, "true", value[string](tab, `document.getElementById("theme").getAttribute("aria-pressed")`))
	keys(kb.Tab + kb.Tab + kb.Tab + kb.Tab)
	assert.Equal(t, "user", focus())
	keys(kb.ArrowRight)
	keys(kb.Tab)
	keys(kb.ArrowRight)
	assert.Equal(t, "¥420.00", tab.text("#amount"), "the phone shows the order")
	keys(kb.Tab)
	keys(kb.ArrowRight)
	assert.Equal(t, "bob set scf", value[string](tab, `["user", "order", "platform"].map((n) => document.querySelector("[name=" + n + "]:checked").value).join(" ")`))
	keys(kb.Tab)
	keys(" ")
	tab.do(chromedp.Focus(chromedp.CSS("#sensor")))
	tab.whenDone(chromedp.KeyEvent(kb.Enter))
	assert.Contains(t, tab.text("#live"), "Genuine.")
	assert.Equal(t, "sensor", focus(), "a run does not take the focus away")
	assert.Contains(t, tab.text("#panel"), "oPlay-Bob")
	tab.do(chromedp.Focus(chromedp.CSS("#tab-event")))
	keys(kb.ArrowRight)
	assert.Equal(t, "tab-answer", focus())
	keys(kb.End)
	assert.Equal(t, "tab-log", focus())
	assert.Contains(t, tab.text("#panel"), `"platform": "scf"`)
	keys(kb.ArrowRight)
	assert.Equal(t, "tab-challenge", focus())
	assert.Equal(t, "pay-420.00", tab.text("#panel"))
	tab.do(chromedp.Focus(chromedp.CSS(`[data-mistake="swap"]`)))
	tab.whenDone(chromedp.KeyEvent(" "))
	assert.Contains(t, tab.text("#live"), "Could not be answered.")
	assert.NotEqual(t, "none", value[string](tab, `getComputedStyle(document.activeElement).outlineStyle`), "the focus is seen")
}

// The page opens before there are functions to press for.
func TestThePageOpensBeforeTheFunctionsAreBuilt(t *testing.T) {
	b := browser(t)
	base, _, ready := servePlayground(t)
	tab := newTab(t, b, base, look{width: 390, height: 844, language: "en"})
	tab.do(chromedp.WaitReady(chromedp.CSS(`#state[data-state="building"]`)))
	assert.Contains(t, tab.text("#sensor-state"), "Building the functions…")
	tab.do(chromedp.Click(chromedp.CSS("#sensor")))
	assert.Contains(t, tab.text("#live"), "being built")
	assert.Equal(t, "No request yet.", tab.text("#word"))
	ready()
	tab.ready()
	tab.press("#sensor")
	assert.Equal(t, "Genuine", tab.text("#word"))
}

// When the server has gone, the page says how to start it again.
func TestThePageNoticesTheEndOfTheServer(t *testing.T) {
	b := browser(t)
	base, play, ready := servePlayground(t)
	ready()
	tab := newTab(t, b, base, look{width: 390, height: 844, language: "zh"})
	tab.ready()
	require.NoError(t, play.Close())
	tab.do(chromedp.WaitReady(chromedp.CSS(`#state[data-state="lost"]`)))
	assert.Contains(t, tab.text("#sensor-state"), "go run ./scripts/local")
	assert.Equal(t, "true", value[string](tab, `document.getElementById("sensor").getAttribute("aria-disabled")`))
	assert.LessOrEqual(t, value[int](tab, `document.documentElement.scrollWidth`), 390)
	tab.mu.Lock()
	defer tab.mu.Unlock()
	for _, complaint := range tab.complaints {
		assert.Contains(t, complaint, "503", "that the stream of the state is refused")
	}
	tab.complaints = nil
}

// Nothing moves for who asks for calm; for everybody else, what runs is seen.
func TestReducedMotion(t *testing.T) {
	b := browser(t)
	base, _, _ := servePlayground(t)
	for calm, want := range map[bool]string{true: "0.001s", false: "1.4s"} {
		tab := newTab(t, b, base, look{width: 1280, height: 900, language: "en", calm: calm})
		tab.do(chromedp.WaitReady(chromedp.CSS(`#state[data-state="building"]`)))
		assert.Equal(t, want, value[string](tab, `getComputedStyle(document.querySelector(".state-dot")).animationDuration`))
	}
}

// A document is shown like the page, without barriers.
func TestDocumentsAreReadInTheBrowser(t *testing.T) {
	b, barrierFinder := browser(t), axe(t)
	base, _, _ := servePlayground(t)
	tab := newTab(t, b, base, look{width: 390, height: 844, language: "en", dark: true})
	tab.do(chromedp.Click(chromedp.CSS(`footer a[href*="call.md"]`)), chromedp.WaitReady(chromedp.CSS(".document h1")))
	assert.Equal(t, "The call", tab.text("h1"))
	assert.LessOrEqual(t, value[int](tab, `document.documentElement.scrollWidth`), 390)
	assert.Empty(t, tab.barriers(barrierFinder))
	tab.do(chromedp.Navigate(base+"/playground/read/examples?lang=zh"), chromedp.WaitReady(chromedp.CSS(".document li")))
	assert.Contains(t, tab.text(".document ul"), "miniprogram/")
	assert.Empty(t, tab.barriers(barrierFinder), "a folder")
}
