package tokenserver_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/adapter"
	"sotercall/internal/function"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/tokenserver"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// source gives one token, and says what it was asked for.
type source struct {
	err    error
	asked  string
	staled string
}

func (s *source) answer(asked string) (accesstoken.Token, error) {
	s.asked = asked
	return accesstoken.Token{Value: secret.New("TOKEN-" + asked), Expires: now.Add(time.Hour)}, s.err
}

func (s *source) Token(context.Context) (accesstoken.Token, error) { return s.answer("token") }

func (s *source) Claim(ctx context.Context, token secret.Text, why accesstoken.Why) (accesstoken.Token, error) {
	return s.Replace(ctx, token, why)
}

func (s *source) Replace(_ context.Context, token secret.Text, why accesstoken.Why) (accesstoken.Token, error) {
	if why == accesstoken.OnRequest {
		return s.answer("force")
	}
	s.staled = token.Reveal()
	return s.answer("refresh")
}

func (s *source) Status(context.Context) accesstoken.Status {
	return accesstoken.Status{Fetched: now.Add(-time.Hour), Expires: now.Add(time.Hour), ForcedLeft: 19, Failure: s.err, FailedAt: now}
}

// backend is a context in which the developer's own backend calls.
func backend(t testing.TB) context.Context {
	return openapi.WithCaller(t.Context(), openapi.Backend())
}

// direct is the answer to a direct event.
func direct(ctx context.Context, h *tokenserver.Server, event string) string {
	call := h.Calls()[0]
	return string(call.Body(call.Serve(openapi.NewEvent(ctx, []byte(event)))))
}

// serve answers a request as the function does.
func serve(h *tokenserver.Server, r *http.Request) *httptest.ResponseRecorder {
	return serveFor(adapter.Invocation{Platform: adapter.HTTP}, h, r)
}

func serveFor(i adapter.Invocation, h *tokenserver.Server, r *http.Request) *httptest.ResponseRecorder {
	build := func(map[string]string, *slog.Logger, *slog.LevelVar) (function.Function, error) {
		return function.Function{Calls: h.Calls()}, nil
	}
	w := httptest.NewRecorder()
	function.New("token", build, io.Discard).Serve(r.Context(), i, w, r)
	return w
}

func newSingle(s *source) *tokenserver.Server {
	return &tokenserver.Server{
		Apps:    map[string]tokenserver.Source{"wxAPP": s},
		Clients: []tokenserver.Client{{Secrets: []secret.Text{secret.New("client-one"), secret.New("client-two")}}},
		Now:     func() time.Time { return now },
	}
}

func TestDirect(t *testing.T) {
	for event, want := range map[string]string{
		// What WeChat's invokeCloudFunction adds to a backend's event.
		`{"userInfo":{"appId":"wxAPP"}}`:         `{"accessToken":"TOKEN-token","expiresIn":3600,"errCode":0,"errMsg":"openapi.auth.getAccessToken:ok"}`,
		`{"call":"openapi.auth.getAccessToken"}`: `{"accessToken":"TOKEN-token","expiresIn":3600,"errCode":0,"errMsg":"openapi.auth.getAccessToken:ok"}`,
		`{}`:                                     `{"accessToken":"TOKEN-token","expiresIn":3600,"errCode":0,"errMsg":"openapi.auth.getAccessToken:ok"}`,
		`{"staleToken":"OLD"}`:                   `{"accessToken":"TOKEN-refresh","expiresIn":3600,"errCode":0,"errMsg":"openapi.auth.getAccessToken:ok"}`,
	} {
		s := new(source)
		assert.Equal(t, want, direct(backend(t), newSingle(s), event))
		if s.asked == "refresh" {
			assert.Equal(t, "OLD", s.staled)
		}
	}
}

func TestDirectRefusals(t *testing.T) {
	page := openapi.WithCaller(t.Context(), openapi.User("oUser"))
	for _, c := range []struct {
		name  string
		ctx   context.Context
		event string
		err   error
		code  string
		asked bool
	}{
		{"a page", page, `{}`, nil, `"errCode":-604104`, false},
		{"a page that is nobody's", openapi.WithCaller(t.Context(), openapi.Unknown("a page")), `{}`, nil, `"errCode":-604104`, false},
		{"junk", backend(t), `{"staleToken":`, nil, `"errCode":-501007`, false},
		{"nobody that is known", t.Context(), `{}`, nil, `"errCode":-604104`, false},
		{"nothing", backend(t), ``, nil, `"errCode":-501007`, false},
		{"null", backend(t), `null`, nil, `"errCode":-501007`, false},
		{"an array", backend(t), `[]`, nil, `"errCode":-501007`, false},
		{"another member", backend(t), `{"x":1}`, nil, `"errCode":-501007`, false},
		{"another member beside", backend(t), `{"staleToken":"x","appId":"wx"}`, nil, `"errCode":-501007`, false},
		{"a name in another case", backend(t), `{"StaleToken":"x"}`, nil, `"errCode":-501007`, false},
		{"another call", backend(t), `{"call":"openapi.soter.verifySignature"}`, nil, `"errCode":-501007`, false},
		{"a user's", backend(t), `{"userInfo":{"appId":"wx","openId":"oUser"}}`, nil, `"errCode":-501007`, false},
		{"staleToken twice", backend(t), `{"staleToken":"x","staleToken":"y"}`, nil, `"errCode":-501007`, false},
		{"a number", backend(t), `{"staleToken":7}`, nil, `"errCode":-501007`, false},
		{"WeChat refuses", backend(t), `{}`, &accesstoken.Refusal{ErrCode: 40164, ErrMsg: "invalid ip"}, `"errCode":40164,"errMsg":"openapi.auth.getAccessToken:fail invalid ip"`, true},
		{"nothing left to force", backend(t), `{"staleToken":"x"}`, accesstoken.ErrStale, `"errCode":45009`, true},
		{"no time", backend(t), `{}`, context.DeadlineExceeded, `"errCode":-604102`, true},
		{"something else", backend(t), `{}`, errors.New("a detail"), `"errCode":-604103`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &source{err: c.err}
			answer := direct(c.ctx, newSingle(s), c.event)
			assert.Contains(t, answer, c.code)
			assert.NotContains(t, answer, "TOKEN")
			assert.NotContains(t, answer, "a detail")
			assert.Equal(t, c.asked, s.asked != "")
		})
	}
}

func TestTimerRenewsAndTellsNoToken(t *testing.T) {
	s := new(source)
	call := newSingle(s).Calls()[0]
	assert.Equal(t, `{"expiresIn":3600,"errCode":0,"errMsg":"openapi.auth.getAccessToken:ok"}`, string(call.Body(call.Timer(t.Context()))))
	assert.Equal(t, "token", s.asked)
}

// request is an HTTP request, its answer, and what the source was asked.
type request struct{ name, method, target, body, answer, asked string }

func TestHTTP(t *testing.T) {
	const good = `{"grant_type":"client_credential","appid":"wxAPP","secret":"client-one"}`
	const goodQuery = "/cgi-bin/token?grant_type=client_credential&appid=wxAPP&secret=client-two"
	for _, c := range []request{
		{"classic", "GET", goodQuery, "", `{"access_token":"TOKEN-token","expires_in":3600}`, "token"},
		{"classic by POST", "POST", goodQuery, "", `{"access_token":"TOKEN-token","expires_in":3600}`, "token"},
		{"stable", "POST", "/cgi-bin/stable_token", good, `{"access_token":"TOKEN-token","expires_in":3600}`, "token"},
		{"a slash at the end", "POST", "/cgi-bin/stable_token/", good, `{"access_token":"TOKEN-token","expires_in":3600}`, "token"},
		{"forced", "POST", "/cgi-bin/stable_token", strings.Replace(good, "{", `{"force_refresh":true,`, 1), `{"access_token":"TOKEN-force","expires_in":3600}`, "force"},
		{"expressly not forced", "POST", "/cgi-bin/stable_token", strings.Replace(good, "{", `{"force_refresh":false,`, 1), `{"access_token":"TOKEN-token","expires_in":3600}`, "token"},
		{"a refused token is named", "POST", "/cgi-bin/stable_token", strings.Replace(good, "{", `{"stale_token":"OLD",`, 1), `{"access_token":"TOKEN-refresh","expires_in":3600}`, "refresh"},
		{"named, and forced", "POST", "/cgi-bin/stable_token", strings.Replace(good, "{", `{"force_refresh":true,"stale_token":"OLD",`, 1), `{"access_token":"TOKEN-refresh","expires_in":3600}`, "refresh"},
		{"nothing is named", "POST", "/cgi-bin/stable_token", strings.Replace(good, "{", `{"stale_token":"",`, 1), `{"access_token":"TOKEN-token","expires_in":3600}`, "token"},
		{"named by whoever has no secret", "POST", "/cgi-bin/stable_token", strings.Replace(strings.Replace(good, "client-one", "x", 1), "{", `{"stale_token":"OLD",`, 1), `{"errcode":40125,"errmsg":"invalid appsecret"}`, ""},
		{"wrong secret", "POST", "/cgi-bin/stable_token", strings.Replace(good, "client-one", "client-three", 1), `{"errcode":40125,"errmsg":"invalid appsecret"}`, ""},
		{"no secret", "POST", "/cgi-bin/stable_token", strings.Replace(good, "client-one", "", 1), `{"errcode":41004,"errmsg":"appsecret missing"}`, ""},
		{"wrong appid", "POST", "/cgi-bin/stable_token", strings.Replace(good, "wxAPP", "wxOTHER", 1), `{"errcode":40013,"errmsg":"invalid appid"}`, ""},
		{"no appid", "POST", "/cgi-bin/stable_token", strings.Replace(good, "wxAPP", "", 1), `{"errcode":41002,"errmsg":"appid missing"}`, ""},
		{"wrong grant", "POST", "/cgi-bin/stable_token", strings.Replace(good, "client_c", "c", 1), `{"errcode":40002,"errmsg":"invalid grant_type"}`, ""},
		{"stable by GET", "GET", "/cgi-bin/stable_token", "", `{"errcode":43002,"errmsg":"require POST method"}`, ""},
		{"nothing sent", "POST", "/cgi-bin/stable_token", "", `{"errcode":44002,"errmsg":"empty post data"}`, ""},
		{"junk", "POST", "/cgi-bin/stable_token", "junk", `{"errcode":47001,"errmsg":"data format error"}`, ""},
		{"too much", "POST", "/cgi-bin/stable_token", strings.Repeat(" ", 9<<10) + good, `{"errcode":47001,"errmsg":"data format error"}`, ""},
		{"classic with a wrong secret", "GET", goodQuery + "x", "", `{"errcode":40125,"errmsg":"invalid appsecret"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := new(source)
			w := serve(newSingle(s), httptest.NewRequest(c.method, c.target, strings.NewReader(c.body)))
			assert.Equal(t, 200, w.Code)
			assert.Equal(t, c.answer, w.Body.String())
			assert.Equal(t, c.asked, s.asked)
			assert.Equal(t, c.asked == "refresh", s.staled == "OLD")
			assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		})
	}
}

func TestHTTPIsClosedWithoutClientSecrets(t *testing.T) {
	for _, presented := range []string{"", "client-one", "anything"} {
		s := new(source)
		h := newSingle(s)
		h.Clients = nil
		w := serve(h, httptest.NewRequest("GET", "/cgi-bin/token?grant_type=client_credential&appid=wxAPP&secret="+presented, nil))
		assert.Contains(t, w.Body.String(), `"errcode":-604101`)
		assert.Contains(t, w.Body.String(), "TOKEN_CLIENT_SECRETS")
		assert.Empty(t, s.asked)
	}
}

func TestHTTPOddities(t *testing.T) {
	s := new(source)
	for _, path := range []string{"/elsewhere", "/", "/v1/cgi-bin/token", "/cgi-bin/token//", "/cgi-bin/tokens"} {
		w := serve(newSingle(s), httptest.NewRequest("GET", path, nil))
		inWeChatsWords := strings.HasPrefix(path, "/cgi-bin/")
		assert.Equal(t, map[bool]int{true: 200, false: 404}[inWeChatsWords], w.Code, path)
		if inWeChatsWords {
			assert.Equal(t, `{"errcode":40066,"errmsg":"invalid url"}`, w.Body.String())
		} else {
			assert.Contains(t, w.Body.String(), `"errMsg":"openapi.auth.getAccessToken:fail -501007 invalid parameters. there is no such path: GET or POST to /cgi-bin/token, POST to /cgi-bin/stable_token, POST to /openapi/auth/getTokenStatus"`)
		}
	}

	// A page cannot dress up as an HTTP client.
	r := httptest.NewRequest("GET", "/cgi-bin/token?grant_type=client_credential&appid=wxAPP&secret=client-one", nil)
	w := serveFor(adapter.Invocation{Platform: adapter.SCF, Authorized: true, Environment: map[string]string{"WX_OPENID": "oUser"}}, newSingle(s), r)
	assert.Contains(t, w.Body.String(), `-604104`)
	assert.Empty(t, s.asked)
}

func TestLogLearnsWhy(t *testing.T) {
	cause := errors.New("connection refused")
	h := newSingle(&source{err: cause})
	r := h.Calls()[0].Serve(openapi.NewEvent(backend(t), []byte(`{}`)))
	require.ErrorIs(t, r.Err, cause)
	assert.Equal(t, openapi.CodeSystem, r.Err.Code)
}

// FuzzHTTP: whatever a client sends, it gets JSON, and a token only with a client
// secret.
func FuzzHTTP(f *testing.F) {
	f.Add("/cgi-bin/stable_token", []byte(`{"grant_type":"client_credential","appid":"wxAPP","secret":"client-one"}`))
	f.Add("/cgi-bin/token?grant_type=client_credential&appid=wxAPP&secret=client-two", []byte{})
	f.Fuzz(func(t *testing.T, target string, body []byte) {
		r, err := http.NewRequest("POST", "http://h"+target, strings.NewReader(string(body)))
		if err != nil {
			return
		}
		w := serve(newSingle(new(source)), r)
		var answer map[string]any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		if answer["access_token"] != nil {
			sent := target + string(body)
			decoded := r.URL.Query().Get("secret")
			require.True(t, strings.Contains(sent, "client-") || strings.HasPrefix(decoded, "client-") || strings.Contains(sent, `\u`), sent)
		}
	})
}
