package sandbox

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// service is a client of an app's open API service.
func (c *client) service(appID string, permitted ...string) *client {
	c.t.Helper()
	app, err := c.s.App(appID)
	require.NoError(c.t, err)
	openAPI := app.OpenAPIService(permitted...)
	openAPI.ContainerStarted()
	server := httptest.NewServer(openAPI)
	c.t.Cleanup(server.Close)
	return &client{t: c.t, s: c.s, http: server.Client(), url: server.URL}
}

// seqID sends a question and returns the answer and its x-openapi-seqid.
func (c *client) seqID(path string, signed Signed) (string, string) {
	c.t.Helper()
	resp, err := c.try("POST", path, jsonOf(c.t, bodyOf(signed)))
	require.NoError(c.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	return string(text), resp.Header.Get("x-openapi-seqid")
}

func TestOpenAPIServiceAnswersWithoutAToken(t *testing.T) {
	c := newClient(t, severalApps())
	token := c.stable(false).AccessToken
	shop := c.signFor(shopID, "oShop")
	for name, tt := range map[string]struct {
		client  *client
		path    string
		signed  Signed
		answer  string // a regular expression
		through bool
	}{
		"listed":           {c.service("", verifyPath), verifyPath, demoSigned(t), `^\Q` + genuineAnswer + `\E$`, true},
		"all are listed":   {c.service("", "/*"), verifyPath, demoSigned(t), `^\Q` + genuineAnswer + `\E$`, true},
		"another app":      {c.service(shopID, "/*"), verifyPath, shop, `^\Q` + genuineAnswer + `\E$`, true},
		"another's user":   {c.service("", "/*"), verifyPath, shop, `"errcode":40003`, true},
		"unknown path":     {c.service("", "/*"), "/wxa/no_such_path", shop, `"errcode":40066`, true},
		"switched off":     {c.service(""), verifyPath, demoSigned(t), `"errcode":41001`, false},
		"not listed":       {c.service("", "/wxa/msg_sec_check"), verifyPath, demoSigned(t), `"errcode":85107`, false}, // WeChat, wxcloudrun/src/guide/weixin/faq
		"with a token":     {c.service("", "/*"), verifyURL(token), demoSigned(t), `^\Q` + genuineAnswer + `\E$`, false},
		"with a bad token": {c.service("", "/*"), verifyURL("x"), demoSigned(t), `"errcode":40001`, false},
		"a token endpoint": {c.service("", "/*"), stablePath, demoSigned(t), `"errcode":41002`, false},
		"outside":          {c, verifyPath, demoSigned(t), `"errcode":41001`, false},
	} {
		before := c.s.Requests("")
		text, seqID := tt.client.seqID(tt.path, tt.signed)
		assert.Regexp(t, tt.answer, text, name)
		if tt.through {
			assert.Regexp(t, `^[0-9a-f]{16}$`, seqID, name)
		} else {
			assert.Empty(t, seqID, name)
		}
		assert.Equal(t, 1, c.s.Requests("")-before, "%s: counted once", name)
	}
}

// WeChat, developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src/guide/weixin/faq.html, "access_token missing": make no
// cloud call while the service starts, since the open API service does not work yet.
func TestOpenAPIServiceWorksOnceTheContainerHasStarted(t *testing.T) {
	c := newClient(t, Options{})
	openAPI := c.s.app.OpenAPIService("/*")
	server := httptest.NewServer(openAPI)
	t.Cleanup(server.Close)
	s := &client{t: t, s: c.s, http: server.Client(), url: server.URL}

	answer, seqID := s.seqID(verifyPath, demoSigned(t))
	assert.Contains(t, answer, `"errcode":41001,"errmsg":"access_token missing`)
	assert.Empty(t, seqID)

	openAPI.ContainerStarted()
	answer, seqID = s.seqID(verifyPath, demoSigned(t))
	assert.Equal(t, genuineAnswer, answer)
	assert.NotEmpty(t, seqID)
}

func TestOpenAPIServiceIsNoWayToTheControlPaths(t *testing.T) {
	c := newClient(t, Options{}).service("", "/*")
	for _, path := range []string{"/sandbox/faults", "/sandbox/devices", adminPath, "/"} {
		status, _, _ := c.send("GET", path, "")
		assert.Equal(t, http.StatusNotFound, status, path)
	}
}

func TestFaultsStrikeTheOpenAPIService(t *testing.T) {
	c := newClient(t, severalApps())
	require.NoError(t, c.s.Inject(Fault{Kind: FaultErrCode, ErrCode: 50007, AppID: shopID, Path: verifyPath}))
	text, _ := c.service(shopID, "/*").seqID(verifyPath, demoSigned(t))
	assert.Contains(t, text, `"errcode":50007`)
	text, _ = c.service("", "/*").seqID(verifyPath, demoSigned(t))
	assert.Equal(t, genuineAnswer, text)
}

// container records what arrives and answers with the path.
type container struct {
	mu   sync.Mutex
	last *http.Request
	body string
}

func (c *container) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	c.last, c.body = r, string(body)
	w.WriteHeader(http.StatusTeapot)
	fmt.Fprint(w, r.URL.RequestURI())
}

func TestCallContainerNamesTheUserAndNobodyElseDoes(t *testing.T) {
	now := newClock()
	c := newClient(t, Options{Apps: severalApps().Apps, Now: now.Now})
	behind := new(container)
	server := httptest.NewServer(behind)
	defer server.Close()
	app, err := c.s.App(shopID)
	require.NoError(t, err)
	door, err := app.CallContainer(server.URL+"/base", "oShop")
	require.NoError(t, err)
	front := httptest.NewServer(door)
	defer front.Close()
	caller := &client{t: t, s: c.s, http: front.Client(), url: front.URL}

	request, err := http.NewRequestWithContext(t.Context(), "POST", front.URL+"/openapi/soter/verifySignature?a=1", strings.NewReader("{}"))
	require.NoError(t, err)
	request.Header = http.Header{
		"X-WX-OPENID": {"oForged"}, "x-wx-openid": {"oForged"}, "X_WX_OPENID": {"oForged"}, "X-Wx-From-Openid": {"oForged"},
		"X-WX-SOURCE": {"wx_http"}, "X-Wx-Unionid": {"uForged"}, "X-Wx-Cloudbase-Access-Token": {"forged"},
		"Connection": {"X-WX-OPENID"}, "X-Own": {"kept"}, "X-Forwarded-For": {"203.0.113.1"},
	}
	resp, err := caller.http.Do(request)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusTeapot, resp.StatusCode)
	assert.Equal(t, "/base/openapi/soter/verifySignature?a=1", string(text))
	assert.Equal(t, "{}", behind.body)

	wx := map[string][]string{}
	for name, values := range behind.last.Header {
		if isWeChatHeader(name) {
			wx[name] = values
		}
	}
	token := wx["X-Wx-Cloudbase-Access-Token"][0]
	assert.Equal(t, map[string][]string{
		"X-Wx-Openid": {"oShop"}, "X-Wx-Appid": {shopID}, "X-Wx-Env": {"local"}, "X-Wx-Source": {"wx_client"},
		"X-Wx-Cloudbase-Access-Token": {token},
	}, wx)
	assert.Equal(t, "kept", behind.last.Header.Get("X-Own"))
	assert.Equal(t, "127.0.0.1", behind.last.Header.Get("X-Forwarded-For"))
	path := verifyPath + "?cloudbase_access_token=" + token
	body := jsonOf(t, bodyOf(c.signFor(shopID, "oShop")))
	assert.Zero(t, c.call("POST", path, body).code(), "it is the app's")
	now.Advance(cloudbaseLife + time.Second)
	assert.Equal(t, 42001, c.call("POST", path, body).code())

	status, _, _ := caller.send("POST", "/", strings.Repeat("x", maxContainerBody))
	assert.Equal(t, http.StatusTeapot, status)
	status, _, _ = caller.send("POST", "/", strings.Repeat("x", maxContainerBody+1))
	assert.Equal(t, http.StatusRequestEntityTooLarge, status)
	server.Close()
	status, _, text2 := caller.send("GET", "/", "")
	assert.Equal(t, http.StatusBadGateway, status)
	assert.Equal(t, "the container does not answer\n", text2)
}

func TestCallContainerRefusesArguments(t *testing.T) {
	s := newSandbox(t, Options{})
	for _, tt := range []struct{ base, openid string }{
		{"https://127.0.0.1:1", alice}, {"127.0.0.1:1", alice}, {"http://", alice}, {"http://127.0.0.1:1/?a=1", alice}, {"%", alice},
		{"http://127.0.0.1:1", ""}, {"http://127.0.0.1:1", "o\nX-WX-APPID: x"}, {"http://127.0.0.1:1", "微信"},
	} {
		_, err := s.app.CallContainer(tt.base, tt.openid)
		assert.ErrorIs(t, err, ErrArgument, tt)
	}
	_, err := s.app.CallContainer("http://127.0.0.1:1", alice)
	assert.NoError(t, err)
}

// WeChat, developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src/development/call: a request of text has 100 KiB at
// most and a response 1,000 KiB. Its page faq beside it: 102002, callContainer waits for 15 s at most; 102005, other
// methods than GET, POST, PUT and DELETE; -606001, the request is too large; -606002, the response is too large.
func TestCallContainerHasThePlatformsLimits(t *testing.T) {
	var size atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, strings.Repeat("x", int(size.Load())))
	}))
	defer server.Close()
	door, err := newSandbox(t, Options{}).app.CallContainer(server.URL, alice)
	require.NoError(t, err)
	call := func(method, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		door.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(body)))
		return w
	}
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		assert.Equal(t, http.StatusOK, call(method, "").Code, method)
	}
	for _, method := range []string{"PATCH", "OPTIONS", "HEAD"} {
		assert.Contains(t, call(method, "").Body.String(), "102005", method)
	}
	assert.Contains(t, call("POST", strings.Repeat("x", maxContainerBody+1)).Body.String(), "-606001")

	size.Store(maxContainerResponse)
	assert.Equal(t, maxContainerResponse, call("GET", "").Body.Len(), "the twin")
	size.Add(1)
	assert.Contains(t, call("GET", "").Body.String(), "-606002")

	assert.Equal(t, 15*time.Second, containerTime)
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	w := httptest.NewRecorder()
	door.ServeHTTP(w, httptest.NewRequestWithContext(late, "GET", "/", nil))
	assert.Equal(t, http.StatusGatewayTimeout, w.Code)
	assert.Contains(t, w.Body.String(), "102002")
}
