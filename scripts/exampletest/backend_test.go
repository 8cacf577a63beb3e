package exampletest

import (
	"bytes"
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

func (c visitor) paid(t *testing.T, order string) bool {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/orders/"+order, nil)
	require.NoError(t, err)
	r.Header.Set("X-Session", c.session)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	var answer struct {
		Paid bool `json:"paid"`
	}
	require.NoError(t, json.UnmarshalRead(response.Body, &answer))
	return answer.Paid
}

// signed fetches a challenge and has a phone sign it.
func (c visitor) signed(t *testing.T, w *world, holder string) sandbox.Signed {
	t.Helper()
	status, answer := c.post(t, "/soter/challenge", object{"openid": stranger})
	require.Equal(t, http.StatusOK, status)
	require.EqualValues(t, 0, answer["errCode"], answer)
	phone, err := w.sandbox.Phone(holder, sandbox.Android)
	require.NoError(t, err)
	signed, err := phone.Sign(answer["challenge"].(string))
	require.NoError(t, err)
	return signed
}

func TestBackend(t *testing.T) {
	w := open(t)
	url := w.startBackend(t, nil)
	alice := logIn(t, url, user)
	bob := logIn(t, url, stranger)
	_, err := w.sandbox.Phone(stranger, sandbox.Android)
	require.NoError(t, err)

	t.Run("pays what a genuine signature confirms", func(t *testing.T) {
		s := alice.signed(t, w, user)
		status, answer := alice.post(t, "/pay", object{"order": "1", "jsonString": s.JSONString, "jsonSignature": s.JSONSignature})
		assert.Equal(t, http.StatusOK, status)
		assert.Equal(t, true, answer["isOk"], answer)
		assert.True(t, alice.paid(t, "1"))
		assert.False(t, alice.paid(t, "2"))
		assert.False(t, bob.paid(t, "1"), "another user's order")
	})
	t.Run("not twice with one signature", func(t *testing.T) {
		s := alice.signed(t, w, user)
		question := object{"order": "3", "jsonString": s.JSONString, "jsonSignature": s.JSONSignature}
		_, answer := alice.post(t, "/pay", question)
		require.Equal(t, true, answer["isOk"])
		question["order"] = "4"
		_, answer = alice.post(t, "/pay", question)
		assert.Equal(t, false, answer["isOk"])
		assert.EqualValues(t, 0, answer["errCode"], "that is a refusal")
		assert.False(t, alice.paid(t, "4"))
	})
	t.Run("not for another user, whoever the body names", func(t *testing.T) {
		s := alice.signed(t, w, user)
		question := object{"order": "5", "openid": user, "jsonString": s.JSONString, "jsonSignature": s.JSONSignature}
		_, answer := bob.post(t, "/pay", question)
		assert.Equal(t, false, answer["isOk"])
		assert.EqualValues(t, 0, answer["errCode"], answer)
		assert.False(t, bob.paid(t, "5"))
		_, answer = alice.post(t, "/pay", question)
		assert.Equal(t, true, answer["isOk"], "the twin")
	})
	t.Run("not when WeChat is busy", func(t *testing.T) {
		s := alice.signed(t, w, user)
		require.NoError(t, w.sandbox.Inject(sandbox.Fault{Path: verifyFault, Kind: sandbox.FaultErrCode, ErrCode: 45011}))
		defer w.sandbox.ClearFaults()
		_, answer := alice.post(t, "/pay", object{"order": "6", "jsonString": s.JSONString, "jsonSignature": s.JSONSignature})
		assert.EqualValues(t, 45011, answer["errCode"])
		assert.False(t, alice.paid(t, "6"))
	})
	for name, c := range map[string]visitor{"no session": {url: url}, "an invented session": {url, strings.Repeat("s", 43)}} {
		for _, path := range []string{"/soter/challenge", "/pay"} {
			status, answer := c.post(t, path, object{"order": "1"})
			assert.Equal(t, http.StatusUnauthorized, status, "%s %s", name, path)
			assert.Equal(t, false, answer["isOk"])
			assert.NotContains(t, answer, "challenge")
		}
		assert.False(t, c.paid(t, "1"), name)
	}
	for _, code := range []any{"not-a-code", "", nil, 7} {
		status, answer := (visitor{url: url}).post(t, "/login", object{"code": code})
		assert.Equal(t, http.StatusUnauthorized, status)
		assert.NotContains(t, answer, "session")
	}
	for _, body := range []string{"", "null", "[", "7", strings.Repeat(" ", 65<<10)} {
		status, answer := hosted.Post(t, url+"/pay", []byte(body), http.Header{"X-Session": {alice.session}})
		assert.NotContains(t, answer, `"isOk":true`, body)
		assert.Contains(t, []int{http.StatusOK, http.StatusBadRequest, http.StatusRequestEntityTooLarge}, status)
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
		"null":       func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte(`null`)) },
		"a redirect": func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/elsewhere", http.StatusFound) },
	} {
		w.doors = serve(t, reply)
		c := logIn(t, w.startBackend(t, nil), user)
		_, answer := c.post(t, "/pay", object{"order": "1", "jsonString": "{}", "jsonSignature": "AAAA"})
		assert.Equal(t, false, answer["isOk"], name)
		assert.EqualValues(t, -604103, answer["errCode"], name)
		assert.False(t, c.paid(t, "1"), name)
	}
}

// TestBackendWithoutWeChat: nobody is logged in, and no log has the AppSecret.
func TestBackendWithoutWeChat(t *testing.T) {
	for name, base := range map[string]string{
		"no URL":         "api.weixin.qq.com",
		"nobody listens": "http://127.0.0.1:1",
		"a web page":     serve(t, says(http.StatusOK, "<html>")),
		"null":           serve(t, says(http.StatusOK, "null")),
		"a redirect": serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "/elsewhere?"+r.URL.RawQuery, http.StatusFound)
		})),
	} {
		w := &world{doors: "http://127.0.0.1:1", log: &hosted.Log{}}
		url := w.startBackend(t, map[string]string{"WECHAT_API_BASE": base})
		status, answer := (visitor{url: url}).post(t, "/login", object{"code": "code-of-" + user})
		assert.Equal(t, http.StatusInternalServerError, status, name)
		assert.NotContains(t, answer, "session", name)
		// The line may come a moment after the answer.
		assert.Eventually(t, func() bool { return w.log.String() != "" }, 10*time.Second, time.Millisecond, name)
		assert.NotContains(t, w.log.String(), sandbox.DefaultAppSecret, name)
	}
}

// TestBackendForTheSandbox: a login without WeChat is for functions on this computer.
func TestBackendForTheSandbox(t *testing.T) {
	need.Program(t, "node")
	for name, where := range map[string][]string{
		"verify":    {"SOTER_URL=https://functions.example.com"},
		"challenge": {"SOTER_URL=http://127.0.0.1:9000", "SOTER_CHALLENGE_URL=https://functions.example.com"},
	} {
		command := exec.CommandContext(t.Context(), "node", "../../examples/backend/server.js")
		command.Env = append(command.Environ(), append(where, "SANDBOX_OPENID="+user, "PORT=0")...)
		var stderr bytes.Buffer
		command.Stderr = &stderr
		require.Error(t, command.Run(), name)
		assert.Equal(t, "SANDBOX_OPENID is for functions on loopback\n", stderr.String(), name)
	}
	w := open(t)
	c := logIn(t, w.startBackend(t, map[string]string{"SANDBOX_OPENID": user, "WECHAT_API_BASE": "http://127.0.0.1:1"}), "anybody")
	s := c.signed(t, w, user)
	_, answer := c.post(t, "/pay", object{"order": "1", "jsonString": s.JSONString, "jsonSignature": s.JSONSignature})
	assert.Equal(t, true, answer["isOk"], answer)
}
