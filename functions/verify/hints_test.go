package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

const wrongAnswer = `{"isOk":false,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`

// TestASilentRefusalIsExplained damages a genuine question on its way to the
// function, as it is deployed. What cannot be right is refused without asking
// WeChat; what is only likely to be wrong is asked, and explained in the log, and in
// the message if the question asks for it.
func TestASilentRefusalIsExplained(t *testing.T) {
	h := host(t, hosted.Ample, nil)
	phone, err := h.Phone("oHint-User_000000000000000001", sandbox.IOS)
	require.NoError(t, err)
	genuine, err := phone.Sign("challenge+/")
	require.NoError(t, err)
	for platform, runtime := range h.on {
		for _, c := range []struct {
			name   string
			damage func(e map[string]string)
			asked  int
			says   string
		}{
			{"WeChat's example", func(e map[string]string) { e["jsonString"] = "$resultJSON" }, 0, "parameter.jsonString is a placeholder"},
			{"other names", func(e map[string]string) { e["resultJSON"] = e["jsonString"]; delete(e, "jsonString") }, 0, "does not call it resultJSON"},
			{"swapped", func(e map[string]string) {
				e["jsonString"], e["jsonSignature"] = e["jsonSignature"], e["jsonString"]
			}, 0, "the parameters are swapped"},
			{"through a form", func(e map[string]string) { e["jsonSignature"] = url.QueryEscape(e["jsonSignature"]) }, 0, "is URL-encoded, as %2B is for +"},
			{"no padding", func(e map[string]string) { e["jsonSignature"] = strings.TrimRight(e["jsonSignature"], "=") }, 1, "parameter.jsonSignature lacks its padding"},
			{"written again", func(e map[string]string) { e["jsonString"] = strings.ReplaceAll(e["jsonString"], `":`, `": `) }, 1, "parameter.jsonString has blanks or line breaks"},
			{"a byte changed", func(e map[string]string) {
				e["jsonString"] = strings.Replace(e["jsonString"], "challenge", "chAllenge", 1)
			}, 1, ""},
		} {
			event := map[string]string{"openid": genuine.OpenID, "jsonString": genuine.JSONString, "jsonSignature": genuine.JSONSignature}
			c.damage(event)
			asked, logged := h.Requests(verifyPath), len(h.logs.String())
			answer := hosted.Invoke(t, runtime, hosted.JSON(t, event), nil)
			assert.Equal(t, c.asked, h.Requests(verifyPath)-asked, "%s on %s", c.name, platform)
			line := h.logs.String()[logged:]
			switch {
			case c.asked == 0:
				assert.Contains(t, answer, `{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -501007 invalid parameters. `, "%s on %s", c.name, platform)
				assert.Contains(t, answer, c.says, "%s on %s", c.name, platform)
				assert.Contains(t, line, c.says, "%s on %s", c.name, platform)
			case c.says != "":
				assert.Equal(t, wrongAnswer, answer, "WeChat's, to the byte")
				assert.Contains(t, line, `"hint":"`+c.says, "%s on %s", c.name, platform)
				assert.Contains(t, line, `"outcome":"wrong"`)
			default:
				assert.Equal(t, wrongAnswer, answer, "nothing explains it")
				assert.NotContains(t, line, `"hint"`)
			}
			explained := hosted.Invoke(t, runtime, append([]byte(`{"explain":true,`), hosted.JSON(t, event)[1:]...), nil)
			if c.asked > 0 && c.says != "" {
				assert.Contains(t, explained, `{"isOk":false,"errMsg":"openapi.soter.verifySignature:ok hint: `+c.says)
				assert.True(t, strings.HasSuffix(explained, `,"errCode":0}`), explained)
			} else {
				assert.Equal(t, answer, explained)
			}
			assert.NotContains(t, line, genuine.JSONSignature[:300], "%s on %s", c.name, platform)
		}
		logged := len(h.logs.String())
		assert.Equal(t, hosted.Verified, hosted.Invoke(t, runtime, hosted.JSON(t, genuine), nil), "the twin")
		assert.NotContains(t, h.logs.String()[logged:], `"hint"`)
	}
}
