package sandbox

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tokenPath  = "/cgi-bin/token"
	verifyPath = "/cgi-bin/soter/verify_signature"

	alice = "oSandbox-Alice_0000000000001"
	bob   = "oSandbox-Bob___0000000000001"
)

// ridForm is the suffix of the failures of the default clock.
const ridForm = ` rid: 6922d3c0-[0-9a-f]{8}-[0-9a-f]{8}$`

// clock starts at 2025-11-23 09:28:32 UTC, 0x6922d3c0, a Sunday afternoon in
// Beijing.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.nanos.Store(time.Unix(0x6922d3c0, 0).UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

// testKeys are made once, because making one is the slowest thing here.
var testKeys = sync.OnceValue(func() [3]*rsa.PrivateKey {
	var keys [3]*rsa.PrivateKey
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

var nextKey atomic.Uint32

// newSandbox has the default clock standing still unless o says otherwise, and
// enrols with testKeys in turn: phones enrolled one after the other differ.
func newSandbox(t testing.TB, o Options) *Sandbox {
	t.Helper()
	if o.Now == nil {
		o.Now = newClock().Now
	}
	s, err := New(o)
	require.NoError(t, err)
	s.newKey = func() (*rsa.PrivateKey, error) { return testKeys()[nextKey.Add(1)%3], nil }
	return s
}

// client speaks to a Sandbox over a real connection.
type client struct {
	t    testing.TB
	s    *Sandbox
	http *http.Client
	url  string
}

func serve(t testing.TB, s *Sandbox) *client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c := server.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{t: t, s: s, http: c, url: server.URL}
}

func newClient(t testing.TB, o Options) *client {
	t.Helper()
	return serve(t, newSandbox(t, o))
}

// answer is any JSON that the API may answer; pointers tell absent from zero.
type answer struct {
	ErrCode     *int   `json:"errcode"`
	ErrMsg      string `json:"errmsg"`
	IsOK        *bool  `json:"is_ok"`
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"`
}

func (a answer) code() int {
	if a.ErrCode == nil {
		return 0
	}
	return *a.ErrCode
}

// call sends one request and demands what holds for every answer of WeChat.
func (c *client) call(method, path, body string, header ...string) answer {
	c.t.Helper()
	status, contentType, text := c.send(method, path, body, header...)
	require.Equal(c.t, http.StatusOK, status)
	require.True(c.t, strings.HasPrefix(contentType, "application/json;"), contentType)
	var a answer
	require.NoError(c.t, json.Unmarshal([]byte(text), &a, json.RejectUnknownMembers(true)), text)
	return a
}

// send sends one request; header holds names and values in turn.
func (c *client) send(method, path, body string, header ...string) (status int, contentType, text string) {
	c.t.Helper()
	resp, err := c.try(method, path, body, header...)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(read)
}

func (c *client) try(method, path, body string, header ...string) (*http.Response, error) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	require.NoError(c.t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return c.http.Do(req)
}

// params are a good request for a token; with changes one of them.
func params(changes ...string) map[string]any {
	p := map[string]any{"grant_type": "client_credential", "appid": DefaultAppID, "secret": DefaultAppSecret}
	for i := 0; i+1 < len(changes); i += 2 {
		p[changes[i]] = changes[i+1]
	}
	return p
}

func without(p map[string]any, name string) map[string]any {
	delete(p, name)
	return p
}

func with(p map[string]any, name string, value any) map[string]any {
	p = maps.Clone(p)
	p[name] = value
	return p
}

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v, json.Deterministic(true))
	require.NoError(t, err)
	return string(text)
}

func (c *client) classic() answer {
	c.t.Helper()
	query := make(url.Values)
	for name, value := range params() {
		query.Set(name, value.(string))
	}
	return c.call("GET", tokenPath+"?"+query.Encode(), "")
}

func (c *client) stable(force bool) answer {
	c.t.Helper()
	return c.call("POST", stablePath, jsonOf(c.t, with(params(), "force_refresh", force)))
}

func verifyURL(token string) string { return verifyPath + "?access_token=" + url.QueryEscape(token) }

func (c *client) verify(token string, signed Signed) answer {
	c.t.Helper()
	return c.call("POST", verifyURL(token), jsonOf(c.t, bodyOf(signed)))
}

func bodyOf(signed Signed) map[string]any {
	return map[string]any{"openid": signed.OpenID, "json_string": signed.JSONString, "json_signature": signed.JSONSignature}
}

// codeOf asks a good question with a token and returns the errcode.
func (c *client) codeOf(token string) int {
	c.t.Helper()
	return c.verify(token, demoSigned(c.t)).code()
}

func (c *client) sign(openid string, device Device, challenge string) Signed {
	c.t.Helper()
	phone, err := c.s.Phone(openid, device)
	require.NoError(c.t, err)
	signed, err := phone.Sign(challenge)
	require.NoError(c.t, err)
	return signed
}

func TestNewRefusesBrokenLives(t *testing.T) {
	for _, life := range []time.Duration{-time.Second, 1500 * time.Millisecond} {
		_, err := New(Options{ExpiresIn: life})
		require.ErrorIs(t, err, ErrArgument)
	}
	_, err := New(Options{ExpiresIn: time.Second})
	require.NoError(t, err)
}

func TestPathsMountTheSandboxOnASharedServer(t *testing.T) {
	s := newSandbox(t, Options{})
	mux := http.NewServeMux()
	for _, path := range s.Paths() {
		mux.Handle(path, s)
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	c := &client{t: t, s: s, http: server.Client(), url: server.URL}

	assert.NotEmpty(t, c.classic().AccessToken)
	status, _, _ := c.send("GET", "/sandbox/faults", "")
	assert.Equal(t, http.StatusOK, status)
}

func TestAPathThatIsNotWeChatsIsNotFound(t *testing.T) {
	c := newClient(t, Options{})
	for _, path := range []string{"/elsewhere", "/", "/cgi-bin2/token"} {
		status, _, _ := c.send("GET", path, "")
		assert.Equal(t, http.StatusNotFound, status, path)
	}
}

func TestLogTellsTheAnswerAndNoToken(t *testing.T) {
	var log bytes.Buffer
	s := newSandbox(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	server := httptest.NewServer(s)
	c := &client{t: t, s: s, http: server.Client(), url: server.URL}
	token := c.classic().AccessToken
	signed := demoSigned(t)
	c.verify(token, signed)
	c.verify(token+"x", signed)
	server.Close() // the log is complete

	assert.Contains(t, log.String(), "path="+verifyPath+" is_ok=true")
	assert.Contains(t, log.String(), "path="+verifyPath+" errcode=40001")
	assert.NotContains(t, log.String(), token)
	assert.NotContains(t, log.String(), signed.JSONSignature)
	assert.NotContains(t, log.String(), DefaultAppSecret)
}

func TestRequestsTellsWhatWeChatReceived(t *testing.T) {
	c := newClient(t, Options{})
	_, ok := c.s.LastRequest(stablePath)
	require.False(t, ok)
	require.Zero(t, c.s.Requests(""))

	body := " {\"appid\": \"x\\u003c\"}\n"
	c.call("POST", stablePath+"?a=1", body, "Content-Type", "text/x-odd")
	c.classic()
	c.send("GET", "/sandbox/faults", "")

	assert.Equal(t, 1, c.s.Requests(stablePath))
	assert.Equal(t, 2, c.s.Requests(""), "control requests do not count")
	last, ok := c.s.LastRequest(stablePath)
	require.True(t, ok)
	assert.Equal(t, body, string(last.Body))
	assert.Equal(t, "POST", last.Method)
	assert.Equal(t, "a=1", last.RawQuery)
	assert.Equal(t, "text/x-odd", last.Header.Get("Content-Type"))
}
