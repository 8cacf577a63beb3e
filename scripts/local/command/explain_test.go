package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
)

const nothingSeen = "none to be seen: the text or the signature was changed, or another phone signed it"

// explained is what explain prints, by the names at its left edge.
func explained(t *testing.T, printed string) map[string]string {
	t.Helper()
	said := map[string]string{}
	for line := range strings.Lines(printed) {
		if name, text, found := strings.Cut(strings.TrimSpace(line), " "); found && line[0] != '\n' {
			said[name] = strings.TrimSpace(text)
		}
	}
	return said
}

// TestExplain damages one thing in what a phone of the sandbox has signed.
func TestExplain(t *testing.T) {
	phones := t.TempDir()
	signed, _, err := local(t, nil, "sign", "-phones", phones, "-openid", "oExplained", "-challenge", "hello", "-device", "android")
	require.NoError(t, err)
	_, _, err = local(t, nil, "sign", "-phones", phones, "-openid", "oAnother", "-challenge", "hello")
	require.NoError(t, err)
	for _, c := range []struct {
		name     string
		damage   func(e map[string]string)
		WeChat   string
		function string
		mistake  string
	}{
		{"genuine", func(map[string]string) {}, `"is_ok":true`, verified, "none"},
		{"a byte changed", func(e map[string]string) { e["jsonString"] = strings.Replace(e["jsonString"], "hello", "hallo", 1) },
			`"is_ok":false`, `"errMsg":"openapi.soter.verifySignature:ok","errCode":0`, nothingSeen},
		{"another user", func(e map[string]string) { e["openid"] = "oAnother" },
			`"is_ok":false`, `"errCode":0`, nothingSeen},
		{"a user of whom the sandbox knows nothing", func(e map[string]string) { e["openid"] = "oReal" },
			`"errcode":40003`, `"errCode":40003`, "none to be seen. If WeChat returns 40003, too: check, in this order"},
		{"a real user's, written again", func(e map[string]string) {
			e["openid"], e["jsonString"] = "oReal", strings.ReplaceAll(e["jsonString"], `":`, `": `)
		}, `"errcode":40003`, `"errCode":40003`, "parameter.jsonString has blanks or line breaks between its members"},
		{"no padding", func(e map[string]string) { e["jsonSignature"] = strings.TrimRight(e["jsonSignature"], "=") },
			`"is_ok":false`, `"errCode":0`, "parameter.jsonSignature lacks its padding"},
		{"a placeholder", func(e map[string]string) { e["jsonString"] = "$resultJSON" },
			`"is_ok":false`, "-501007", "parameter.jsonString is a placeholder"},
		{"another name", func(e map[string]string) { e["resultJSON"] = e["jsonString"]; delete(e, "jsonString") },
			"not called: a parameter is missing", "-501007", "parameter.jsonString is missing: this form of the call does not call it resultJSON"},
		{"no event of ours", func(e map[string]string) { e["httpMethod"] = "POST" },
			`"is_ok":true`, "-501007", "the event "},
	} {
		event := map[string]string{}
		require.NoError(t, json.Unmarshal([]byte(signed), &event))
		c.damage(event)
		text, err := json.Marshal(event, json.Deterministic(true))
		require.NoError(t, err)
		printed, _, err := local(t, strings.NewReader(string(text)), "explain", "-phones", phones)
		require.NoError(t, err, c.name)
		said := explained(t, printed)
		assert.Contains(t, said["WeChat"], c.WeChat, c.name)
		assert.Contains(t, said["function"], c.function, c.name)
		assert.True(t, strings.HasPrefix(said["mistake"], c.mistake), "%s: %s", c.name, said["mistake"])
		assert.NotContains(t, printed, event["jsonSignature"][:300], "%s: a signature is as good as the finger", c.name)
	}
}

func TestExplainSaysWhatThePhoneSays(t *testing.T) {
	for _, info := range sandbox.Devices() {
		phones := t.TempDir()
		signed, _, err := local(t, nil, "sign", "-phones", phones, "-openid", "oExplained", "-challenge", "<hello>", "-device", string(info.Device))
		require.NoError(t, err)
		file := filepath.Join(phones, "event.json")
		require.NoError(t, os.WriteFile(file, []byte(signed), 0o600))
		printed, _, err := local(t, nil, "explain", "-phones", phones, file)
		require.NoError(t, err)
		said := explained(t, printed)
		assert.Equal(t, `the challenge: "<hello>"`, said["raw"], info.Device)
		assert.Equal(t, "none", said["mistake"], info.Device)
		if info.Device == sandbox.Android {
			assert.Equal(t, `the trusted environment: "uT_TEE"`, said["tee_n"])
			assert.Regexp(t, `^which finger: "[0-9a-f]{64}\\u0000"$`, said["fid"])
			assert.Regexp(t, `^grows with each signature: \d+$`, said["counter"])
			assert.Regexp(t, `^the phone: "[0-9a-f]{40}"$`, said["cpu_id"])
			assert.Regexp(t, `^the app on it: "\d+"$`, said["uid"])
		}
	}
}

// TestExplainKnowsEveryDoor: the recorded events are what they are called.
func TestExplainKnowsEveryDoor(t *testing.T) {
	phones := t.TempDir()
	files, err := filepath.Glob("../../../deploy/events/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 17)
	doors := map[string]bool{}
	for _, file := range files {
		printed, _, err := local(t, nil, "explain", "-phones", phones, file)
		require.NoError(t, err, file)
		said := explained(t, printed)
		asksNothing := regexp.MustCompile(`timer|schedule|-get`).MatchString(file)
		assert.Equal(t, !asksNothing, said["mistake"] == "none", "%s: %s", file, printed)
		assert.Equal(t, !asksNothing, strings.Contains(said["WeChat"], `"is_ok":true`), file)
		assert.NotContains(t, printed, sandbox.EventToken, "no token is printed")
		doors[said["source"]] = true
	}
	assert.Len(t, doors, 11, "%v", doors)
}

func TestExplainSaysWhoCalls(t *testing.T) {
	const event = "../../../deploy/events/direct.json"
	for _, c := range []struct {
		env                    []string
		caller, function, says string
	}{
		{nil, "your backend, about any user", verified, "none"},
		{[]string{"-env", "WX_OPENID=" + sandbox.DemoOpenID}, "the user " + sandbox.DemoOpenID, verified, "none"},
		{[]string{"-env", "WX_OPENID=oEve"}, "the user oEve", "-604104", "parameter.openid is not the user who calls: ask about the user who calls; a backend calls as docs/callers.md says"},
		{[]string{"-env", "TCB_SOURCE=wx_unknown"}, "not known: ", "-604104", "TCB_SOURCE is"},
	} {
		printed, _, err := local(t, nil, append(append([]string{"explain", "-phones", t.TempDir()}, c.env...), event)...)
		require.NoError(t, err)
		said := explained(t, printed)
		assert.Contains(t, said["caller"], c.caller)
		assert.Contains(t, said["function"], c.function)
		assert.True(t, strings.HasPrefix(said["mistake"], c.says), said["mistake"])
	}
	direct, err := os.ReadFile(event)
	require.NoError(t, err)
	nameless := strings.NewReader(strings.Replace(string(direct), `"openid"`, `"nobody"`, 1))
	printed, _, err := local(t, nameless, "explain", "-phones", t.TempDir(), "-env", "WX_OPENID="+sandbox.DemoOpenID)
	require.NoError(t, err)
	assert.Contains(t, explained(t, printed)["WeChat"], `"is_ok":true`, "a page's user need not be named")

	printed, _, err = local(t, nil, "explain", "-phones", t.TempDir(), "-challenges", event)
	require.NoError(t, err)
	assert.Contains(t, explained(t, printed)["mistake"], "the challenge is not one that we issued")
}

// explain speaks Chinese, also about what the functions say in English.
func TestExplainInChinese(t *testing.T) {
	phones := t.TempDir()
	signed, _, err := local(t, nil, "sign", "-phones", phones, "-openid", "oExplained", "-challenge", "hello", "-device", "android")
	require.NoError(t, err)
	for _, c := range []struct{ old, new, wechat, mistake string }{
		{"", "", "沙箱中该用户的手机签过这段文本，内容一致", "可能的错误     无"},
		{"hello", "hallo", "沙箱中该用户的手机没有签过这段文本", "看不出：文本或签名被改动过"},
		{"oExplained", "oReal", "沙箱中没有该用户的手机", "看不出。如果微信也返回 40003：依次检查"},
		{"==", "", "沙箱中该用户的手机没有签过这段文本", "签名末尾缺少 ==：原样发送（原文：parameter.jsonSignature lacks its padding"},
		{`"jsonString"`, `"resultJSON"`, "不会调用：缺少参数", "字段名有误：使用 docs/zh-CN/call.md 中的字段名（原文：parameter.jsonString is missing"},
	} {
		event := strings.Replace(signed, c.old, c.new, 1)
		printed, _, err := local(t, strings.NewReader(event), "explain", "-phones", phones, "-lang", "zh")
		require.NoError(t, err)
		assert.Contains(t, printed, "来源           direct：直接调用", c.new)
		assert.Contains(t, printed, c.wechat, c.new)
		assert.Contains(t, printed, c.mistake, c.new)
	}
	printed, _, err := local(t, strings.NewReader(signed), "explain", "-phones", phones, "-lang", "zh", "-challenges")
	require.NoError(t, err)
	assert.Contains(t, printed, "挑战因子不是本服务下发的")
	printed, _, err = local(t, strings.NewReader(signed), "explain", "-phones", phones, "-lang", "zh", "-env", "WX_OPENID=oEve")
	require.NoError(t, err)
	assert.Contains(t, printed, "只能查询当前用户；后端的调用方式见docs/zh-CN/callers.md")
	assert.FileExists(t, "../../../docs/zh-CN/callers.md")
	assert.Contains(t, printed, "  tee_n        可信执行环境（TEE）：\"uT_TEE\"")
}

// TestExplainAnswersAnything: what is no event is explained, too.
func TestExplainAnswersAnything(t *testing.T) {
	phones := t.TempDir()
	for _, event := range []string{"", "null", "[]", "{", `{"a":1,`, "\xff\x00", `{"jsonString":{}}`, `{"jsonString":"{\"a\":[}","openid":7}`,
		`{"httpMethod":"POST","path":"/","headers":7}`, "openid=o&jsonString=x", `{"openid":"\ud800","jsonString":"{","jsonSignature":"x"}`} {
		printed, _, err := local(t, strings.NewReader(event), "explain", "-phones", phones)
		require.NoError(t, err, "%q", event)
		assert.Contains(t, printed, "-501007", "%q", event)
		said := explained(t, printed)
		assert.NotEmpty(t, said["source"], "%q", event)
		assert.NotEmpty(t, said["mistake"], "%q", event)
	}
	_, _, err := local(t, nil, "explain", "-phones", phones, "missing.json")
	assert.ErrorIs(t, err, os.ErrNotExist)
}
