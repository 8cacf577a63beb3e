package sotercall_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall"
	"sotercall/internal/store/redis/redistest"
	"sotercall/redisstore"
	"sotercall/sotercalltest"
)

// post is a request for a signature to be verified, as a backend sends it.
func post(path, bearer string, r sotercall.Request) *http.Request {
	body, err := json.Marshal(map[string]string{"openid": r.OpenID, "jsonString": r.JSONString, "jsonSignature": r.JSONSignature})
	if err != nil {
		panic(err)
	}
	req := httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, bytes.NewReader(body))
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	return req
}

func answered(h http.Handler, r *http.Request) (status int, body string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

const isOK = `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`

func TestHandlerUnderAPrefix(t *testing.T) {
	service, wechat := open(t, nil)
	mux := http.NewServeMux()
	mux.Handle("/soter/", http.StripPrefix("/soter", service.Handler()))

	status, body := answered(mux, post("/soter/openapi/soter/issueChallenge", sotercalltest.BearerToken, sotercall.Request{OpenID: alice}))
	require.Equal(t, http.StatusOK, status, body)
	var issued struct {
		Challenge string `json:"challenge"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &issued))
	r := wechat.Phone(alice).Sign(issued.Challenge)
	for _, wrong := range []string{"", "another-token-of-the-test"} {
		status, _ = answered(mux, post("/soter/", wrong, r))
		assert.Equal(t, http.StatusUnauthorized, status)
	}
	status, body = answered(mux, post("/soter/openapi/soter/verifySignature", sotercalltest.BearerToken, r))
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, isOK, body)
	got, err := service.Verify(t.Context(), r)
	requireRefused(t, sotercall.Used, got, err) // Go and HTTP are one service

	status, body = answered(mux, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/soter/healthz", nil))
	assert.Equal(t, http.StatusOK, status, body)
	require.NoError(t, service.Close())
	status, _ = answered(mux, post("/soter/", sotercalltest.BearerToken, r))
	assert.Equal(t, http.StatusServiceUnavailable, status)
}

// What is not asked for lets nobody in, and headers that anybody can write prove nothing.
func TestWhoMayUseTheHandler(t *testing.T) {
	for name, test := range map[string]struct {
		auth           sotercall.Auth
		bearer, header bool // whether a request is let in that has one of them, or none
		none           bool
	}{
		"nobody":   {auth: sotercall.Auth{}},
		"bearer":   {auth: sotercall.Auth{BearerTokens: []string{sotercalltest.BearerToken}}, bearer: true},
		"headers":  {auth: sotercall.Auth{TrustWeChatHeaders: true}, header: true},
		"both":     {auth: sotercall.Auth{TrustWeChatHeaders: true, BearerTokens: []string{sotercalltest.BearerToken}}, bearer: true, header: true},
		"everyone": {auth: sotercall.Auth{TrustEveryRequest: true}, bearer: true, header: true, none: true},
	} {
		t.Run(name, func(t *testing.T) {
			service, wechat := open(t, func(c *sotercall.Config) { c.Auth = test.auth })
			ask := func(bearer string, header bool) bool {
				r := wechat.Phone(alice).Sign(issue(t, service, sotercall.ChallengeRequest{OpenID: alice}))
				req := post("/", bearer, r)
				if header {
					req.Header.Set("X-WX-OPENID", alice)
					req.Header.Set("X-WX-SOURCE", "wx_client")
				}
				_, body := answered(service.Handler(), req)
				return body == isOK
			}
			assert.Equal(t, test.bearer, ask(sotercalltest.BearerToken, false))
			assert.Equal(t, test.header, ask("", true))
			assert.Equal(t, test.none, ask("", false))
		})
	}
}

// lines is an slog.Handler that keeps what it gets as JSON.
func lines(buffer *bytes.Buffer) *slog.Logger { return slog.New(slog.NewJSONHandler(buffer, nil)) }

func TestLogLineOfACall(t *testing.T) {
	var log bytes.Buffer
	service, wechat := open(t, func(c *sotercall.Config) { c.Logger = lines(&log).With("app", "shop") })
	r := wechat.Phone(alice).Sign(issue(t, service, sotercall.ChallengeRequest{OpenID: alice}))
	log.Reset()
	for range 2 {
		_, _ = service.Verify(t.Context(), r)
	}
	got := strings.Split(strings.TrimSpace(log.String()), "\n")
	require.Len(t, got, 2)
	for i, want := range []map[string]any{
		{"outcome": "genuine", "isOk": true}, {"outcome": "wrong", "isOk": false, "reason": "the challenge was used before"},
	} {
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(got[i]), &line))
		for name, value := range want {
			assert.Equal(t, value, line[name], name)
		}
		assert.Equal(t, "shop", line["app"])
		assert.Equal(t, "go", line["platform"])
		assert.Equal(t, "INFO", line["level"])
		for _, hidden := range []string{alice, r.JSONSignature, wechat.Config().Apps[0].AppSecret} {
			assert.NotContains(t, got[i], hidden)
		}
	}
}

// counting is a transport that no one but its own maker knows.
type counting struct {
	requests, closed atomic.Int64
	next             http.RoundTripper
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	return c.next.RoundTrip(r)
}

func (c *counting) CloseIdleConnections() { c.closed.Add(1) }

func TestGivenTransportIsUsedAndRemainsTheCallers(t *testing.T) {
	standard := &http.Transport{}
	defer standard.CloseIdleConnections()
	transport := &counting{next: standard}
	service, wechat := open(t, func(c *sotercall.Config) { c.Transport = transport })
	_, err := service.Verify(t.Context(), wechat.Phone(alice).Sign(issue(t, service, sotercall.ChallengeRequest{OpenID: alice})))
	require.NoError(t, err)
	assert.EqualValues(t, 2, transport.requests.Load(), "a token and a verification")
	require.NoError(t, service.Close())
	assert.Zero(t, transport.closed.Load(), "its connections are the caller's to close")
}

// A program that opens a store by its package has no variable: what is wrong with the
// store is said of what the program has set.
func TestWrongStoreIsCalledByWhatTheProgramSets(t *testing.T) {
	server := redistest.Start(t)
	service, wechat := open(t, func(c *sotercall.Config) {
		c.Store = redisstore.New(strings.Replace(server.URL.Reveal(), redistest.Password, "hidden", 1))
	})
	text := issue(t, service, sotercall.ChallengeRequest{OpenID: alice})
	got, err := service.Verify(t.Context(), wechat.Phone(alice).Sign(text))
	requireError(t, sotercall.CodeSystem, got, err)
	status, body := answered(service.Handler(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil))
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Contains(t, body, "Store (redisstore.New): the server refuses the user or the password (WRONGPASS)\n")
	assert.NotContains(t, body+err.Error(), "REDIS_URL")
	assert.NotContains(t, body+err.Error(), "hidden")
}
