package playground

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/dev/sandbox"
	"sotercall/scripts/local/texts"
)

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

// How long a challenge lives is said once, in its package.
func TestTheLifetimeIsThatOfTheProduct(t *testing.T) {
	p, err := newPage()
	require.NoError(t, err)
	lifetime, age := fmt.Sprint(challenge.DefaultTTL.Minutes()), fmt.Sprint(old.Minutes())
	for lang, want := range map[string]string{
		"en": "issued " + age + " minutes ago. A challenge expires after " + lifetime + " minutes",
		"zh": age + " 分钟前下发的。挑战因子 " + lifetime + " 分钟后过期",
	} {
		assert.Contains(t, p.texts[lang]["happened.expired"], want)
		for key, text := range texts.Page(lang).All() {
			assert.NotRegexp(t, `(two|five|ten|\d+) minutes|[两五十\d] ?分钟`, text, key)
			assert.NotRegexp(t, `\{(lifetime|age)\}`, p.texts[lang][key], key)
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
		"happened.*": {genuine}, "happened.*.off": {genuine}, "raw.*": tabs, "raw.copied.*": {"curl", "event", "link"},
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
