package exampletest

import (
	"testing"

	"sotercall/internal/test/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// seen is the text of the parts of the page, empty where a part is not there.
type seen struct {
	Pay      string `json:"pay"`
	Password string `json:"password"`
	Order    string `json:"order"`
	Outcome  string `json:"outcome"`
}

// TestPage renders the page and presses its button.
func TestPage(t *testing.T) {
	need.Program(t, "node")
	need.NodeModules(t, ".")
	w := open(t)
	const pay, password, order = "指纹支付", "使用密码", "查看订单"
	cases := []struct {
		name    string
		phone   object
		presses int
		after   seen
	}{
		{"passed", object{}, 1, seen{Outcome: "验证通过。"}},
		{"pressed twice at once", object{}, 2, seen{Outcome: "验证通过。"}},
		{"refused", object{"changes": "jsonString"}, 1, seen{pay, password, "", "验证不通过，请重试或使用密码。"}},
		{"cancelled", object{"fails": object{"errCode": 90008, "errMsg": "fail"}}, 1, seen{pay, "", "", "已取消。"}},
		{"unavailable", object{"supports": []string{}}, 1, seen{"", password, "", "本设备不支持生物认证，请使用密码。"}},
		{"unanswered", object{"fails": object{"errCode": 90007, "errMsg": "fail"}}, 1, seen{pay, password, "", "手机认证出错，请重试或使用密码。"}},
		{"the authentication cannot be started", object{"fails": object{"errCode": 90004, "errMsg": "fail"}}, 1, seen{"", password, "", "无法发起生物认证，请使用密码。"}},
		{"the verdict is lost", object{"loses": "verify"}, 1, seen{Order: order, Outcome: "未收到验证结果，请先确认是否已成功，再决定是否重试。"}},
	}
	type asked struct {
		Phone   object `json:"phone"`
		Presses int    `json:"presses"`
	}
	in := struct {
		URLs  urls    `json:"urls"`
		Cases []asked `json:"cases"`
	}{URLs: w.urls}
	for _, c := range cases {
		c.phone["openid"] = user
		in.Cases = append(in.Cases, asked{c.phone, c.presses})
	}
	var out []struct {
		Before seen     `json:"before"`
		After  seen     `json:"after"`
		Calls  []string `json:"calls"`
	}
	node(t, "render.js", in, &out)
	require.Len(t, out, len(cases))
	for i, c := range cases {
		assert.Equal(t, seen{Pay: pay}, out[i].Before, c.name)
		assert.Equal(t, c.after, out[i].After, c.name)
		pressed := map[string]int{}
		for _, call := range out[i].Calls {
			pressed[call]++
		}
		assert.LessOrEqual(t, pressed["startSoterAuthentication"], 1, c.name)
		ways := 0
		for _, button := range []string{c.after.Password, c.after.Order} {
			if button != "" {
				ways++
			}
		}
		assert.Equal(t, ways, pressed["showToast"], "%s: what is offered can be pressed", c.name)
	}
}
