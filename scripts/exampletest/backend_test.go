package exampletest

import (
	"bytes"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

// visitor is a user of the backend.
type visitor struct {
	url, session string
}

func logIn(t *testing.T, url, openid string) visitor {
	t.Helper()
	status, body := hosted.Post(t, url+"/login", hosted.JSON(t, object{"code": "code-of-" + openid}), nil)
	require.Equal(t, http.StatusOK, status, body)
	var answer struct {
		Session string `json:"session"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	require.NotEmpty(t, answer.Session)
	return visitor{url, answer.Session}
}

func (c visitor) post(t *testing.T, path string, question any) (status int, answer object) {
	t.Helper()
	status, body := hosted.Post(t, c.url+path, hosted.JSON(t, question), http.Header{"X-Session": {c.session}})
	require.NoError(t, json.Unmarshal([]byte(body), &answer), body)
	return status, answer
}

// order is what a visitor's page sees of an order.
type order struct {
	ID      string `json:"id"`
	Price   string `json:"price"`
	State   string `json:"state"`
	Purpose string `json:"purpose"`
}

// order asks about an order, makes one, or changes one.
func (c visitor) order(t *testing.T, question object) order {
	t.Helper()
	_, body := hosted.Post(t, c.url+"/order", hosted.JSON(t, question), http.Header{"X-Session": {c.session}})
	var answer struct {
		Order order `json:"order"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer), body)
	return answer.Order
}

func (c visitor) buys(t *testing.T, item string) order {
	t.Helper()
	made := c.order(t, object{"item": item, "quantity": 1})
	require.Equal(t, "open", made.State)
	return made
}

func (c visitor) paid(t *testing.T, id string) bool {
	t.Helper()
	return c.order(t, object{"order": id}).State == "paid"
}

// signed fetches the challenge for an order, whatever else the body says, and has a phone
// sign it.
func (c visitor) signed(t *testing.T, w *world, holder, id string) sandbox.Signed {
	t.Helper()
	status, answer := c.post(t, "/soter/challenge", object{"order": id, "openid": stranger, "purpose": "login", "amount": 1})
	require.Equal(t, http.StatusOK, status)
	require.EqualValues(t, 0, answer["errCode"], answer)
	require.Equal(t, c.order(t, object{"order": id}).Purpose, answer["purpose"])
	phone, err := w.sandbox.Phone(holder, sandbox.Android)
	require.NoError(t, err)
	signed, err := phone.Sign(answer["challenge"].(string))
	require.NoError(t, err)
	return signed
}

// payment is what a page sends to pay an order.
func payment(id string, s sandbox.Signed) object {
	return object{"order": id, "jsonString": s.JSONString, "jsonSignature": s.JSONSignature}
}

func TestBackend(t *testing.T) {
	w := open(t)
	url := w.startBackend(t, nil)
	alice := logIn(t, url, user)

	t.Run("not when WeChat is busy", func(t *testing.T) {
		made := alice.buys(t, "longjing")
		s := alice.signed(t, w, user, made.ID)
		require.NoError(t, w.sandbox.Inject(sandbox.Fault{Path: verifyFault, Kind: sandbox.FaultErrCode, ErrCode: 45011}))
		_, answer := alice.post(t, "/pay", payment(made.ID, s))
		w.sandbox.ClearFaults()
		assert.EqualValues(t, 45011, answer["errCode"])
		assert.False(t, alice.paid(t, made.ID))
		_, answer = alice.post(t, "/pay", payment(made.ID, s))
		assert.Equal(t, true, answer["isOk"], "the twin")
	})
	mine := alice.buys(t, "longjing")
	for name, c := range map[string]visitor{"no session": {url: url}, "an invented session": {url, strings.Repeat("s", 43)}} {
		for _, path := range []string{"/order", "/soter/challenge", "/pay"} {
			status, answer := c.post(t, path, object{"order": mine.ID})
			assert.Equal(t, http.StatusUnauthorized, status, "%s %s", name, path)
			assert.Equal(t, false, answer["isOk"])
			assert.NotContains(t, answer, "challenge")
			assert.NotContains(t, answer, "order")
		}
	}
	for _, code := range []any{"not-a-code", "", nil, 7} {
		status, answer := (visitor{url: url}).post(t, "/login", object{"code": code})
		assert.Equal(t, http.StatusUnauthorized, status)
		assert.NotContains(t, answer, "session")
	}
	for _, body := range []string{"", "null", "[", "7", strings.Repeat(" ", 65<<10)} {
		status, answer := hosted.Post(t, url+"/pay", []byte(body), http.Header{"X-Session": {alice.session}})
		assert.NotContains(t, answer, `"isOk":true`, body)
		assert.Contains(t, []int{http.StatusNotFound, http.StatusBadRequest, http.StatusRequestEntityTooLarge}, status)
	}
	for _, path := range []string{"/", "/constructor", "/orders"} {
		status, _ := alice.post(t, path, object{})
		assert.Equal(t, http.StatusNotFound, status, path)
	}
	for _, secret := range []string{bearerToken, alice.session, sandbox.DefaultAppSecret, "c2Vzc2lvbi1rZXktb2YtdGVzdA"} {
		assert.NotContains(t, w.log.String(), secret)
	}
}

// TestBackendWithoutFunctions: what is no answer of a function pays nothing.
func TestBackendWithoutFunctions(t *testing.T) {
	w := &world{log: &hosted.Log{}}
	for name, reply := range map[string]http.HandlerFunc{
		"a web page": func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("<html>")) },
		"no errCode": func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte(`{"isOk":true}`)) },
		"a code beside isOk": func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = rw.Write([]byte(`{"isOk":true,"errCode":-1,"errMsg":"busy"}`))
		},
		"null":       func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte(`null`)) },
		"a redirect": func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/elsewhere", http.StatusFound) },
	} {
		w.doors = hosted.Serve(t, reply)
		c := logIn(t, w.startBackend(t, nil), user)
		made := c.buys(t, "longjing")
		_, answer := c.post(t, "/pay", object{"order": made.ID, "jsonString": "{}", "jsonSignature": "AAAA"})
		assert.Equal(t, false, answer["isOk"], name)
		if name != "a code beside isOk" {
			assert.EqualValues(t, -604103, answer["errCode"], name)
		}
		assert.False(t, c.paid(t, made.ID), name)
	}
}

// TestBackendWithoutWeChat: nobody is logged in, and no log has the AppSecret.
func TestBackendWithoutWeChat(t *testing.T) {
	for name, base := range map[string]string{
		"no URL":         "api.weixin.qq.com",
		"nobody listens": "http://127.0.0.1:1",
		"a web page":     hosted.Serve(t, says(http.StatusOK, "<html>")),
		"null":           hosted.Serve(t, says(http.StatusOK, "null")),
		"a redirect": hosted.Serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "/elsewhere?"+r.URL.RawQuery, http.StatusFound)
		})),
	} {
		w := &world{doors: "http://127.0.0.1:1", log: &hosted.Log{}}
		url := w.startBackend(t, map[string]string{"WECHAT_API_BASE": base})
		status, answer := (visitor{url: url}).post(t, "/login", object{"code": "code-of-" + user})
		assert.Equal(t, http.StatusInternalServerError, status, name)
		assert.NotContains(t, answer, "session", name)
		// The line may come a moment after the answer.
		assert.Eventually(t, func() bool { return w.log.String() != "" }, time.Minute, time.Millisecond, name)
		assert.NotContains(t, w.log.String(), sandbox.DefaultAppSecret, name)
	}
}

// TestBackendForTheSandbox: a login without WeChat is for this computer alone.
func TestBackendForTheSandbox(t *testing.T) {
	need.Program(t, "node")
	const (
		onLoopback = "SANDBOX_OPENID is for functions on loopback\n"
		noSecret   = "SANDBOX_OPENID is for development, without WECHAT_APPSECRET\n"
	)
	for name, c := range map[string]struct {
		variables []string
		says      string
	}{
		"verify elsewhere":      {[]string{"SOTER_URL=https://functions.example.com"}, onLoopback},
		"challenge elsewhere":   {[]string{"SOTER_URL=http://127.0.0.1:9000", "SOTER_CHALLENGE_URL=https://functions.example.com"}, onLoopback},
		"another computer":      {[]string{"SOTER_URL=http://192.168.1.2:9000"}, onLoopback},
		"a name that begins so": {[]string{"SOTER_URL=http://127.0.0.1.example.com"}, onLoopback},
		"no URL":                {[]string{"SOTER_URL=127.0.0.1"}, onLoopback},
		"an AppSecret":          {[]string{"SOTER_URL=http://127.0.0.1:9000", "WECHAT_APPSECRET=secret"}, noSecret},
		"production":            {[]string{"SOTER_URL=http://127.0.0.1:9000", "NODE_ENV=production"}, noSecret},
	} {
		command := exec.CommandContext(t.Context(), "node", "../../examples/backend/server.js")
		command.Env = append(command.Environ(), append(c.variables, "SANDBOX_OPENID="+user, "PORT=0")...)
		var stderr bytes.Buffer
		command.Stderr = &stderr
		require.Error(t, command.Run(), name)
		assert.Equal(t, c.says, stderr.String(), name)
	}
	w := open(t)
	url := w.startBackend(t, map[string]string{"SANDBOX_OPENID": user, "WECHAT_APPSECRET": "", "WECHAT_API_BASE": "http://127.0.0.1:1"})

	// A proxy, or a page elsewhere whose name leads here, logs nobody in.
	for name, change := range map[string]func(*http.Request){
		"another host":      func(r *http.Request) { r.Host = "shop.example.com" },
		"the host of a LAN": func(r *http.Request) { r.Host = "192.168.1.2:3000" },
		"no host":           func(r *http.Request) { r.Host = " " },
		"X-Forwarded-For":   func(r *http.Request) { r.Header.Set("X-Forwarded-For", "127.0.0.1") },
		"Forwarded":         func(r *http.Request) { r.Header.Set("Forwarded", "for=127.0.0.1") },
		"X-Real-IP":         func(r *http.Request) { r.Header.Set("X-Real-IP", "203.0.113.9") },
		"Via":               func(r *http.Request) { r.Header.Set("Via", "1.1 proxy") },
		"Cloud Hosting":     func(r *http.Request) { r.Header.Set("X-WX-OPENID", user) },
		"the twin":          func(*http.Request) {},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/login", strings.NewReader("{}"))
		require.NoError(t, err)
		change(r)
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err, name)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		_ = response.Body.Close()
		if name == "the twin" {
			assert.Contains(t, string(body), "session")
			continue
		}
		assert.Contains(t, []int{http.StatusForbidden, http.StatusBadRequest}, response.StatusCode, name)
		assert.NotContains(t, string(body), "session", name)
	}

	c := logIn(t, url, "anybody")
	made := c.buys(t, "longjing")
	_, answer := c.post(t, "/pay", payment(made.ID, c.signed(t, w, user, made.ID)))
	assert.Equal(t, true, answer["isOk"], answer)
}
