package accesstoken_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
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

func (s *source) Renew(ctx context.Context, refused secret.Text, _ accesstoken.Doubt) (accesstoken.Token, error) {
	return s.Refresh(ctx, refused)
}

func (s *source) Refresh(_ context.Context, stale secret.Text) (accesstoken.Token, error) {
	s.staled = stale.Reveal()
	return s.answer("refresh")
}

func (s *source) Force(context.Context) (accesstoken.Token, error) { return s.answer("force") }

func newHandler(s *source) *accesstoken.Handler {
	return &accesstoken.Handler{
		Source:        s,
		AppID:         "wxAPP",
		ClientSecrets: []secret.Text{secret.New("client-one"), secret.New("client-two")},
		Now:           func() time.Time { return now },
	}
}

func TestDirect(t *testing.T) {
	for event, want := range map[string]string{
		``:                     `{"accessToken":"TOKEN-token","expiresIn":3600,"errCode":0,"errMsg":"openapi.auth.getAccessToken:ok"}`,
		`{}`:                   `{"accessToken":"TOKEN-token","expiresIn":3600,"errCode":0,"errMsg":"openapi.auth.getAccessToken:ok"}`,
		`{"staleToken":"OLD"}`: `{"accessToken":"TOKEN-refresh","expiresIn":3600,"errCode":0,"errMsg":"openapi.auth.getAccessToken:ok"}`,
	} {
		s := new(source)
		assert.Equal(t, want, string(newHandler(s).Direct(t.Context(), []byte(event))))
		if s.asked == "refresh" {
			assert.Equal(t, "OLD", s.staled)
		}
	}
}

func TestDirectRefusals(t *testing.T) {
	page := openapi.WithCaller(t.Context(), openapi.Caller{OpenID: "oUser", FromPage: true})
	for _, c := range []struct {
		name  string
		ctx   context.Context
		event string
		err   error
		code  string
		asked bool
	}{
		{"a page", page, `{}`, nil, `"errCode":-604104`, false},
		{"a page that is nobody's", openapi.WithCaller(t.Context(), openapi.Caller{FromPage: true}), `{}`, nil, `"errCode":-604104`, false},
		{"junk", t.Context(), `{"staleToken":`, nil, `"errCode":-501007`, false},
		{"a number", t.Context(), `{"staleToken":7}`, nil, `"errCode":-501007`, false},
		{"WeChat refuses", t.Context(), `{}`, &accesstoken.Refusal{ErrCode: 40164, ErrMsg: "invalid ip"}, `"errCode":40164,"errMsg":"openapi.auth.getAccessToken:fail invalid ip"`, true},
		{"nothing left to force", t.Context(), `{"staleToken":"x"}`, accesstoken.ErrStale, `"errCode":45009`, true},
		{"no time", t.Context(), `{}`, context.DeadlineExceeded, `"errCode":-604102`, true},
		{"something else", t.Context(), `{}`, errors.New("a detail"), `"errCode":-604103`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &source{err: c.err}
			answer := string(newHandler(s).Direct(c.ctx, []byte(c.event)))
			assert.Contains(t, answer, c.code)
			assert.NotContains(t, answer, "TOKEN")
			assert.NotContains(t, answer, "a detail")
			assert.Equal(t, c.asked, s.asked != "")
		})
	}
}

func TestTimerRenewsAndTellsNoToken(t *testing.T) {
	s := new(source)
	assert.Equal(t, `{"expiresIn":3600,"errCode":0,"errMsg":"openapi.auth.getAccessToken:ok"}`, string(newHandler(s).Timer(t.Context(), nil)))
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
		{"behind a base path", "POST", "/v1/cgi-bin/stable_token", good, `{"access_token":"TOKEN-token","expires_in":3600}`, "token"},
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
			w := httptest.NewRecorder()
			newHandler(s).ServeHTTP(w, httptest.NewRequest(c.method, c.target, strings.NewReader(c.body)))
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
		h := newHandler(s)
		h.ClientSecrets = nil
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/cgi-bin/token?grant_type=client_credential&appid=wxAPP&secret="+presented, nil))
		assert.Contains(t, w.Body.String(), `"errcode":-604101`)
		assert.Contains(t, w.Body.String(), "TOKEN_CLIENT_SECRETS")
		assert.Empty(t, s.asked)
	}
}

func TestHTTPOddities(t *testing.T) {
	s := new(source)
	w := httptest.NewRecorder()
	newHandler(s).ServeHTTP(w, httptest.NewRequest("GET", "/elsewhere", nil))
	assert.Equal(t, 404, w.Code)
	w = httptest.NewRecorder()
	newHandler(s).BadRequest(w, httptest.NewRequest("GET", "/", nil), errors.New("broken"))
	assert.Equal(t, 400, w.Code)
	assert.Contains(t, w.Body.String(), `"errcode":-501007`)

	// A page cannot dress up as an HTTP client.
	r := httptest.NewRequest("GET", "/cgi-bin/token?grant_type=client_credential&appid=wxAPP&secret=client-one", nil)
	r = r.WithContext(openapi.WithCaller(r.Context(), openapi.Caller{OpenID: "oUser"}))
	w = httptest.NewRecorder()
	newHandler(s).ServeHTTP(w, r)
	assert.Contains(t, w.Body.String(), `-604104`)
	assert.Empty(t, s.asked)
}

func TestObserverLearnsWhy(t *testing.T) {
	cause := &accesstoken.Refusal{ErrCode: 40013, ErrMsg: "invalid appid"}
	h := newHandler(&source{err: cause})
	var code int
	var seen error
	h.Observe = func(_ context.Context, errCode int, err error) { code, seen = errCode, err }
	h.Direct(t.Context(), nil)
	assert.Equal(t, 40013, code)
	assert.ErrorIs(t, seen, cause)
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
		w := httptest.NewRecorder()
		newHandler(new(source)).ServeHTTP(w, r)
		var answer map[string]any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		if answer["access_token"] != nil {
			sent := target + string(body)
			decoded := r.URL.Query().Get("secret")
			require.True(t, strings.Contains(sent, "client-") || strings.HasPrefix(decoded, "client-") || strings.Contains(sent, `\u`), sent)
		}
	})
}
