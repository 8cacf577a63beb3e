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
	Amount   string `json:"amount"`
	Purpose  string `json:"purpose"`
	Paid     string `json:"paid"`
	Missing  string `json:"missing"`
	Again    string `json:"again"`
}

// of is what the page shows of an order beside the rest.
func (s seen) of(amount, purpose string) seen {
	s.Amount, s.Purpose = amount, purpose
	return s
}

// TestPage renders the page and presses its button.
func TestPage(t *testing.T) {
	need.Program(t, "node")
	need.CI(t)
	need.NodeModules(t, ".")
	w := open(t)
	const (
		pay, password, order = "指纹支付", "使用密码", "查看订单"

		amount, purpose = "42.00 CNY", "pay order order-1, 42.00 CNY, for 1 x Longjing 50 g, to Tea House"
		changed         = "pay order order-1, 420.00 CNY, for 10 x Longjing 50 g, to Tea House"
	)
	cases := []struct {
		name    string
		phone   object
		presses int
		after   seen
		paid    int
	}{
		{"passed", object{}, 1, seen{Outcome: "验证通过。"}, 1},
		{"pressed twice at once", object{}, 2, seen{Outcome: "验证通过。"}, 1},
		{"refused", object{"changes": "jsonString"}, 1, seen{Pay: pay, Password: password, Outcome: "验证不通过，请重试或使用密码。"}, 0},
		{"cancelled", object{"fails": object{"errCode": 90008, "errMsg": "fail"}}, 1, seen{Pay: pay, Outcome: "已取消。"}, 0},
		{"unavailable", object{"supports": []string{}}, 1, seen{Password: password, Outcome: "本设备不支持生物认证，请使用密码。"}, 0},
		{"unanswered", object{"fails": object{"errCode": 90007, "errMsg": "fail"}}, 1, seen{Pay: pay, Password: password, Outcome: "手机认证出错，请重试或使用密码。"}, 0},
		{"the authentication cannot be started", object{"fails": object{"errCode": 90004, "errMsg": "fail"}}, 1, seen{Password: password, Outcome: "无法发起生物认证，请使用密码。"}, 0},
		{"the verdict is lost", object{"loses": "verify"}, 1, seen{Paid: "已支付"}, 1},
		{"the question is lost", object{"hears": object{"verify": "<html>"}, "drops": "verify"}, 1, seen{Order: order, Outcome: "未收到验证结果，请先确认是否已成功，再决定是否重试。"}, 0},
		{"the order changes before the press", object{}, 1, seen{Pay: pay, Outcome: "订单已变更，请重新确认。"}.of("420.00 CNY", changed), 0},
		{"the order is paid elsewhere", object{}, 1, seen{Paid: "已支付"}, 1},
		{"the order cannot be read", object{"loses": "order"}, 1, seen{Missing: "无法读取订单，请重试。", Again: "重试"}, 0},
	}
	type asked struct {
		Phone   object `json:"phone"`
		Presses int    `json:"presses"`
		Changes object `json:"changes,omitempty"` // of the order, after the page has read it
	}
	changes := map[string]object{
		"the order changes before the press": {"quantity": 10, "amount": 42000},
		"the order is paid elsewhere":        {"state": "paid"},
	}
	in := struct {
		URLs  urls    `json:"urls"`
		Cases []asked `json:"cases"`
	}{URLs: w.urls}
	for _, c := range cases {
		c.phone["openid"] = user
		in.Cases = append(in.Cases, asked{c.phone, c.presses, changes[c.name]})
	}
	var out []struct {
		Before seen     `json:"before"`
		After  seen     `json:"after"`
		Calls  []string `json:"calls"`
		Paid   int      `json:"paid"`
	}
	node(t, "render.js", in, &out)
	require.Len(t, out, len(cases))
	for i, c := range cases {
		before, after := seen{Pay: pay}.of(amount, purpose), c.after
		switch {
		case c.after.Missing != "":
			before = c.after
		case c.after.Purpose == "":
			after = c.after.of(amount, purpose)
		}
		assert.Equal(t, before, out[i].Before, c.name)
		assert.Equal(t, after, out[i].After, c.name)
		assert.Equal(t, c.paid, out[i].Paid, c.name)
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
