package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sotercall"
	"sotercall/sotercalltest"
)

const openid = "oUser-0123456789-0123456789"

// open opens a shop in front of a stand-in for WeChat. Its user is logged in.
func open(t *testing.T) (http.Handler, *sotercalltest.Server) {
	t.Helper()
	log.SetOutput(io.Discard)
	wechat := sotercalltest.NewServer()
	t.Cleanup(wechat.Close)
	soter, err := sotercall.Open(wechat.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { soter.Close() })
	shop := &shop{soter: soter, session: func(*http.Request) (string, error) { return openid, nil }}
	shop.orders.prices = map[string]string{"1": "12.00 CNY", "2": "900.00 CNY"}
	return shop.handler(), wechat
}

func post(t *testing.T, h http.Handler, path string, body any) (status int, answer string) {
	t.Helper()
	content, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(string(content))))
	return w.Code, w.Body.String()
}

// challenge has one issued for an order.
func challenge(t *testing.T, h http.Handler, order string) string {
	t.Helper()
	status, body := post(t, h, "/orders/"+order+"/challenge", nil)
	var answer struct {
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal([]byte(body), &answer); status != http.StatusOK || err != nil {
		t.Fatal(status, body, err)
	}
	return answer.Challenge
}

// signed is what the page sends.
func signed(r sotercall.Request) map[string]string {
	return map[string]string{"resultJSON": r.JSONString, "resultJSONSignature": r.JSONSignature}
}

func TestPayment(t *testing.T) {
	h, wechat := open(t)
	phone := wechat.Phone(openid)
	r := phone.Sign(challenge(t, h, "1"))
	for name, test := range map[string]struct {
		order string
		r     sotercall.Request
		want  int
	}{
		"wrong signature":   {"1", phone.SignWrongly(challenge(t, h, "1")), http.StatusForbidden},
		"another order":     {"2", r, http.StatusForbidden},
		"another's phone":   {"1", wechat.Phone("oMallory").Sign(challenge(t, h, "1")), http.StatusForbidden},
		"no such order":     {"3", r, http.StatusNotFound},
		"no text of a page": {"1", sotercall.Request{}, http.StatusBadRequest},
	} {
		if status, body := post(t, h, "/orders/"+test.order+"/pay", signed(test.r)); status != test.want {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	for i, want := range []int{http.StatusOK, http.StatusForbidden} { // the second is a replay
		if status, body := post(t, h, "/orders/1/pay", signed(r)); status != want {
			t.Errorf("%d: %d %s", i, status, body)
		}
	}
}

func TestPaymentWhileWeChatIsDown(t *testing.T) {
	h, wechat := open(t)
	r := wechat.Phone(openid).Sign(challenge(t, h, "1"))
	wechat.Fail(sotercalltest.Down)
	if status, _ := post(t, h, "/orders/1/pay", signed(r)); status != http.StatusServiceUnavailable {
		t.Error(status)
	}
	wechat.Recover()
	if status, _ := post(t, h, "/orders/1/pay", signed(r)); status != http.StatusOK {
		t.Error("the signature is still good:", status)
	}
}

// The shop is ready once WeChat has been reached.
func TestReadiness(t *testing.T) {
	h, wechat := open(t)
	ready := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		return w.Code
	}
	wechat.Fail(sotercalltest.Down)
	if status := ready(); status != http.StatusServiceUnavailable {
		t.Error(status)
	}
	wechat.Recover()
	if status := ready(); status != http.StatusOK {
		t.Error(status)
	}
}
