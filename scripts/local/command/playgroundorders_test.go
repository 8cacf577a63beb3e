package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// The first screen offers the attack that a system without challenges is open to.
func TestAttackWithoutChallenges(t *testing.T) {
	b, barrierFinder := browser(t), axe(t)
	base, _, ready := servePlayground(t)
	ready()
	for language, w := range map[string]struct{ offer, word, happened string }{
		"en": {"Attack without challenges", "Genuine, but should be refused", "Without challenges, a recorded signature stays valid forever."},
		"zh": {"不用挑战因子，试试重放攻击", "验证通过，但不应通过", "不启用挑战因子，签名一旦被截获即可无限重放。"},
	} {
		for _, width := range []int64{390, 1280} {
			tab := newTab(t, b, base, look{width: width, height: 844, language: language, calm: true})
			tab.ready()
			assert.Equal(t, w.offer, strings.TrimSpace(tab.text("#attack")))
			assert.Less(t, value[float64](tab, `document.getElementById("attack").getBoundingClientRect().bottom`), 844.0, "it is on the first screen")
			tab.press("#attack")
			assert.Equal(t, w.word, tab.text("#word"))
			assert.Contains(t, tab.text("#happened"), w.happened)
			seen := value[float64](tab, `document.getElementById("happened").getBoundingClientRect().bottom`)
			assert.Less(t, seen, 844.0, "what happened is seen without scrolling")
			assert.False(t, value[bool](tab, `document.getElementById("challenges").checked`), "the page shows what is missing")
			assert.True(t, value[bool](tab, `document.getElementById("purpose").disabled`))
			assert.Empty(t, tab.barriers(barrierFinder))
			if width < 600 {
				tab.do(chromedp.Click(chromedp.CSS("#settings summary")))
			}
			tab.do(chromedp.Click(chromedp.CSS("#challenges")))
			tab.press(`[data-mistake="replay"]`)
			assert.Equal(t, words[language]["refused"], tab.text("#word"), "the twin: with challenges")
		}
	}
}

// A signature for one order does not pay the other, if the challenge has a purpose.
func TestAnotherOrder(t *testing.T) {
	b := browser(t)
	base, _, ready := servePlayground(t)
	ready()
	tab := newTab(t, b, base, look{width: 1280, height: 900, language: "en", calm: true})
	tab.ready()
	tab.do(chromedp.Click(chromedp.CSS(`[name=order][value=set]`)))
	assert.Equal(t, "Tea set ¥420.00", tab.text("#item")+" "+tab.text("#amount"))
	tab.press(`[data-mistake="another-order"]`)
	assert.Equal(t, "Refused", tab.text("#word"))
	assert.Contains(t, tab.text("#sub"), "issued for another purpose")
	assert.Contains(t, tab.text("#panel"), "42.00 CNY")
	assert.NotEmpty(t, tab.text("#panel pre mark"), "what differs is marked")
	tab.do(chromedp.Click(chromedp.CSS("#purpose")))
	assert.Contains(t, tab.text("#purpose-text"), "any order")
	tab.press(`[data-mistake="another-order"]`)
	assert.Equal(t, "Genuine, but should be refused", tab.text("#word"))
	assert.Contains(t, tab.text("#do"), "Send a purpose")
	assert.NotContains(t, tab.text("#panel"), "purpose")
	tab.do(chromedp.Click(chromedp.CSS("#challenges")))
	tab.press(`[data-mistake="another-order"]`)
	assert.Equal(t, "Genuine, but should be refused", tab.text("#word"))
	assert.Contains(t, tab.text("#do"), "Turn challenges on")
}
