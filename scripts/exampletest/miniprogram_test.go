package exampletest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sotercall/internal/test/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type object = map[string]any

// run is one authentication: what the phone and the network do (wx.js says how), and
// what must come of it.
type run struct {
	name    string
	phone   object
	options object
	fault   object // at WeChat
	twice   bool   // a whole authentication goes before

	result string
	code   int
	// message is of English or Chinese text that the user must see.
	message string
	// phoneAsked and verifyAsked: whether the phone's dialog came, and the backend was asked.
	phoneAsked, verifyAsked bool
}

type outcome struct {
	Result   string `json:"result"`
	Code     int    `json:"code"`
	Message  string `json:"message"`
	Fallback bool   `json:"fallback"`
	Retry    bool   `json:"retry"`
	Detail   string `json:"detail"`
}

type came struct {
	Outcome  outcome  `json:"outcome"`
	Calls    []string `json:"calls"`
	Payments []string `json:"payments"`
}

const verifyFault = "/cgi-bin/soter/verify_signature"

var inTools = object{"platform": "devtools"}

func fault(fields object) object {
	fields["path"] = verifyFault
	return fields
}

// runs are the same for all three ways.
func runs(sandboxURL string) []run {
	all := []run{
		{name: "genuine", result: "passed", message: "验证通过。", phoneAsked: true, verifyAsked: true},
		{name: "genuine, in English", phone: object{"language": "en"}, result: "passed", message: "Verified.", phoneAsked: true, verifyAsked: true},
		{name: "the page's language goes before WeChat's", options: object{"language": "en"}, result: "passed", message: "Verified.", phoneAsked: true, verifyAsked: true},
		{
			name:  "only a face is enrolled",
			phone: object{"supports": []string{"fingerPrint", "facial"}, "enrolled": []string{"facial"}}, options: object{"modes": []string{"fingerPrint", "facial"}},
			result: "passed", phoneAsked: true, verifyAsked: true,
		},
		{name: "the phone cannot say whether a finger is enrolled", phone: object{"enrolled": nil}, result: "passed", phoneAsked: true, verifyAsked: true},

		{name: "the phone does not say whether a finger is enrolled", phone: object{"silent": true}, result: "passed", phoneAsked: true, verifyAsked: true},
		{name: "a success with a code", phone: object{"adds": object{"errCode": 90009}}, result: "refused", code: 90009, phoneAsked: true},
		{name: "a success without a signature", phone: object{"adds": object{"resultJSONSignature": ""}}, result: "unanswered", code: 90007, phoneAsked: true},

		{name: "a byte of the text is changed", phone: object{"changes": "jsonString"}, result: "refused", message: "验证不通过", phoneAsked: true, verifyAsked: true},
		{name: "a byte of the signature is changed", phone: object{"changes": "jsonSignature"}, result: "refused", phoneAsked: true, verifyAsked: true},
		{name: "replayed", phone: object{"replays": true}, twice: true, result: "refused", phoneAsked: true, verifyAsked: true},
		{name: "signed by another user's phone", phone: object{"holder": stranger}, result: "refused", phoneAsked: true, verifyAsked: true},

		{name: "the base library is too old", phone: object{"old": true}, result: "unavailable", code: 90001, message: "不支持生物认证"},
		{name: "the phone has no sensor", phone: object{"supports": []string{}}, result: "unavailable", code: 90001},
		{name: "the phone has another sensor", phone: object{"supports": []string{"facial"}}, result: "unavailable", code: 90003},
		{name: "nothing is enrolled", phone: object{"enrolled": []string{}}, result: "unavailable", code: 90011, message: "系统设置"},
		{name: "authContent is too long", options: object{"authContent": strings.Repeat("长", 43)}, result: "unanswered", code: 90005, phoneAsked: true},
		{name: "cancelled, in words only", phone: object{"fails": object{"errMsg": "startSoterAuthentication:fail cancel"}}, result: "cancelled", code: 90008, phoneAsked: true},
		{name: "cancelled, with a general code", phone: object{"fails": object{"errCode": -1, "errMsg": "-1 fail cancel"}}, result: "cancelled", code: 90008, phoneAsked: true},
		{name: "a code that nobody knows", phone: object{"fails": object{"errCode": 90099, "errMsg": "fail"}}, result: "unanswered", code: 90007, phoneAsked: true},

		{name: "WeChat refuses the call", fault: fault(object{"kind": "errcode", "errcode": 48001}), result: "unanswered", code: 48001, message: "未能得到验证结果", phoneAsked: true, verifyAsked: true},
		{name: "WeChat answers a web page", fault: fault(object{"kind": "html"}), result: "unanswered", code: -604103, phoneAsked: true, verifyAsked: true},
		{name: "WeChat breaks the connection", fault: fault(object{"kind": "reset"}), result: "unanswered", code: -604103, phoneAsked: true, verifyAsked: true},
		{name: "no challenge arrives", phone: object{"loses": "challenge"}, result: "unanswered", message: "服务暂时不可用"},
		{name: "a web page in place of the challenge", phone: object{"hears": object{"challenge": "<html>"}}, result: "unanswered"},
		{name: "a challenge that is empty", phone: object{"hears": object{"challenge": `{"challenge":"","errCode":0,"errMsg":"ok"}`}}, result: "unanswered"},
		{name: "no challenge is issued", phone: object{"hears": object{"challenge": `{"challenge":"abc","errCode":-604103,"errMsg":"fail"}`}}, result: "unanswered", code: -604103},
		{name: "the verdict gets lost", phone: object{"loses": "verify"}, result: "unanswered", message: "先确认是否已成功", phoneAsked: true, verifyAsked: true},
		{name: "a web page in place of the verdict", phone: object{"hears": object{"verify": "<html>isOk true</html>"}}, result: "unanswered", phoneAsked: true, verifyAsked: true},

		{name: "the developer tools sign with the sandbox's phone", phone: inTools, options: object{"sandbox": object{"url": sandboxURL, "openid": user}}, result: "passed", verifyAsked: true},
		{name: "the sandbox's phone is another user's", phone: inTools, options: object{"sandbox": object{"url": sandboxURL, "openid": stranger}}, result: "refused", verifyAsked: true},
		{name: "no sandbox runs", phone: inTools, options: object{"sandbox": object{"url": "http://127.0.0.1:1", "openid": user}}, result: "unanswered", code: 90007},
		{name: "the developer tools have no sensor", phone: inTools, result: "unavailable", code: 90001},
		{name: "a phone does not use the sandbox", options: object{"sandbox": object{"url": sandboxURL, "openid": user}}, result: "passed", phoneAsked: true, verifyAsked: true},
	}
	for _, address := range []string{"https://127.0.0.1:9000", "http://sandbox.example.com", "http://127.0.0.1.example.com", "http://localhost:9000@example.com", "http://192.168.1.2:9000", ""} {
		for _, platform := range []string{"devtools", "ios"} {
			all = append(all, run{
				name: "sandbox at " + address + ", " + platform, phone: object{"platform": platform},
				options: object{"sandbox": object{"url": address, "openid": user}}, result: "rejects",
			})
		}
	}
	for _, verdict := range []string{`null`, `[true]`, `true`, `"isOk"`, ``, `{}`, `{"is_ok":true,"errcode":0,"errmsg":"ok"}`} {
		all = append(all, heard(verdict, "unanswered", 0))
	}
	for _, isOK := range []string{"", `"isOk":true,`, `"isOk":false,`, `"isOk":null,`, `"isOk":"true",`, `"isOk":1,`, `"isOk":[true],`} {
		for errCode, number := range map[string]int{"": 0, `"errCode":0,`: 0, `"errCode":-604103,`: -604103, `"errCode":"0",`: 0, `"errCode":null,`: 0, `"errCode":false,`: 0} {
			result := "unanswered"
			switch {
			case errCode != `"errCode":0,`:
			case isOK == `"isOk":true,`:
				result = "passed"
			case isOK == `"isOk":false,`:
				result = "refused"
			}
			all = append(all, heard("{"+isOK+errCode+`"errMsg":"ok"}`, result, number))
		}
	}
	return all
}

// heard is an authentication to which a text comes in place of verify's answer.
func heard(verdict, result string, code int) run {
	return run{
		name: "verdict " + verdict, phone: object{"hears": object{"verify": verdict}},
		result: result, code: code, phoneAsked: true, verifyAsked: true,
	}
}

// phoneCodes are what each code of wx.startSoterAuthentication comes to, with what the
// user reads.
var phoneCodes = map[int]struct{ result, en, zh string }{
	90001: {"unavailable", "does not support biometric", "本设备不支持生物认证"},
	90002: {"unavailable", "not been authorized", "未授权"},
	90003: {"unavailable", "does not support this kind", "不支持该认证方式"},
	90004: {"unanswered", "could not be started", "无法发起"},
	90005: {"unanswered", "could not be started", "无法发起"},
	90006: {"unanswered", "reported an error", "出错"},
	90007: {"unanswered", "reported an error", "出错"},
	90008: {"cancelled", "Cancelled", "已取消"},
	90009: {"refused", "Not recognised", "识别失败"},
	90010: {"unavailable", "Too many attempts", "已被冻结"},
	90011: {"unavailable", "enrolled", "未录入"},
}

func codeRuns() []run {
	var all []run
	for code, c := range phoneCodes {
		fails := object{"errCode": code, "errMsg": "startSoterAuthentication:fail"}
		all = append(all,
			run{name: fmt.Sprintf("%d, in Chinese", code), phone: object{"fails": fails}, result: c.result, code: code, message: c.zh, phoneAsked: true},
			run{name: fmt.Sprintf("%d, in English", code), phone: object{"fails": fails, "language": "en_US"}, result: c.result, code: code, message: c.en, phoneAsked: true},
		)
	}
	return all
}

// TestMiniProgram runs utils/soter.js by all three ways to the functions.
func TestMiniProgram(t *testing.T) {
	need.Program(t, "node")
	w := open(t)
	w.Backend = w.startBackend(t, nil)
	// Both users have used their phones before.
	for _, openid := range []string{user, stranger} {
		_, err := w.sandbox.Phone(openid, "android")
		require.NoError(t, err)
	}
	for _, transport := range []string{"callFunction", "callContainer", "request", "pay"} {
		t.Run(transport, func(t *testing.T) {
			all := append(runs(w.Sandbox), codeRuns()...)
			if transport == "pay" {
				all = slices.DeleteFunc(all, func(r run) bool { // its answers do not cross the network of the test
					_, hears := r.phone["hears"]
					return hears || r.phone["loses"] != nil
				})
			}
			if transport == "request" {
				all = append(all, run{name: "the session has expired", phone: object{"forgotten": true}, result: "passed", phoneAsked: true, verifyAsked: true})
			}
			for i, c := range w.ask(t, transport, all) {
				t.Run(all[i].name, func(t *testing.T) { all[i].judge(t, transport, c) })
			}
		})
	}
	assert.NotContains(t, w.log.String(), bearerToken)
}

func (w *world) ask(t *testing.T, transport string, all []run) []came {
	t.Helper()
	type asked struct {
		Transport string `json:"transport"`
		Phone     object `json:"phone"`
		Options   object `json:"options"`
		Fault     object `json:"fault,omitempty"`
		Twice     bool   `json:"twice"`
	}
	in := struct {
		URLs  urls    `json:"urls"`
		Cases []asked `json:"cases"`
	}{URLs: w.urls}
	for _, r := range all {
		phone := object{"openid": user, "order": transport + " " + r.name}
		for name, value := range r.phone {
			phone[name] = value
		}
		in.Cases = append(in.Cases, asked{transport, phone, r.options, r.fault, r.twice})
	}
	var out []came
	node(t, "run.js", in, &out)
	require.Len(t, out, len(all))
	return out
}

// judge compares what came with what should.
func (r run) judge(t *testing.T, transport string, c came) {
	assert.Equal(t, r.result, c.Outcome.Result, "%+v", c)
	assert.Equal(t, r.code, c.Outcome.Code, "%+v", c)
	if r.result != "rejects" {
		assert.NotEmpty(t, c.Outcome.Message)
		assert.NotEmpty(t, c.Outcome.Detail)
	}
	assert.Contains(t, c.Outcome.Message, r.message)
	assert.Equal(t, r.phoneAsked, slices.Contains(c.Calls, "startSoterAuthentication"), c.Calls)
	verifies := map[string]string{"callFunction": "verify", "callContainer": "/openapi/soter/verifySignature", "request": "/pay", "pay": "pay"}
	assert.Equal(t, r.verifyAsked, slices.Contains(c.Calls, verifies[transport]), c.Calls)
	if r.phone["platform"] != "devtools" {
		assert.NotContains(t, c.Calls, "/sandbox/phone/sign", "in a phone the sandbox is never asked")
	}
	switch c.Outcome.Result {
	case "passed":
		assert.False(t, c.Outcome.Fallback || c.Outcome.Retry)
	case "cancelled":
		assert.False(t, c.Outcome.Fallback)
	case "refused", "unavailable":
		assert.True(t, c.Outcome.Fallback)
	case "unanswered":
		// After a verdict that got lost, paying again could pay twice.
		lost := r.verifyAsked && c.Outcome.Code == 0
		assert.Equal(t, !lost, c.Outcome.Fallback)
		if lost {
			assert.False(t, c.Outcome.Retry)
		}
	}
	if transport == "pay" {
		var want []string
		if c.Outcome.Result == "passed" {
			want = []string{user + " pay " + r.name}
		}
		if !r.twice {
			assert.ElementsMatch(t, want, c.Payments)
		} else {
			assert.Len(t, c.Payments, 1, "the first of the two")
		}
	}
}
