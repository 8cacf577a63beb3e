package main

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

func TestMain(m *testing.M) { hosted.Main(m, "token", "verify") }

const (
	clientSecret = "client-secret-of-the-test"
	oldSecret    = "client-secret-before-rotation"
	tokenPath    = "/cgi-bin/stable_token"
	verifyPath   = "/cgi-bin/soter/verify_signature"
)

// pair is the token function and verify behind one base URL, verify fetching its
// tokens there, as they are deployed together.
type pair struct {
	wechat hosted.Sandbox
	base   string // of both functions
	// variables are what both functions are told.
	variables map[string]string
	token     emulator.Runtime
	verify    emulator.Runtime
	logs      *hosted.Log
}

func newPair(t *testing.T, o sandbox.Options) *pair { return newPairWith(t, o, nil) }

// newPairWith is newPair with further variables for both functions.
func newPairWith(t *testing.T, o sandbox.Options, variables map[string]string) *pair {
	t.Helper()
	p := &pair{wechat: hosted.NewSandbox(t, o), logs: new(hosted.Log)}
	p.variables = hosted.With(p.wechat.Variables(), variables)
	mux := http.NewServeMux()
	p.base = serve(t, mux)
	p.token = hosted.SCF(t, "token", hosted.With(p.variables,
		map[string]string{"TOKEN_CLIENT_SECRETS": clientSecret + "," + oldSecret}), hosted.Ample, p.logs)
	mux.Handle("/cgi-bin/token", hosted.URL(p.token))
	mux.Handle("/cgi-bin/stable_token", hosted.URL(p.token))
	p.verify = p.newVerify(t)
	mux.Handle("/cgi-bin/soter/", hosted.URL(p.verify))
	return p
}

// serve serves real HTTP until the test ends, and returns the base URL.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// newVerify starts one more verify function that fetches its tokens at the token
// function.
func (p *pair) newVerify(t *testing.T) emulator.Runtime {
	t.Helper()
	return hosted.SCF(t, "verify", hosted.With(p.variables,
		map[string]string{"WECHAT_APPSECRET": clientSecret, "WECHAT_TOKEN_BASE": p.base}), hosted.Ample, p.logs)
}

type answer struct {
	AccessToken string `json:"accessToken"`
	ExpiresIn   int    `json:"expiresIn"`
	ErrCode     int    `json:"errCode"`
	ErrMsg      string `json:"errMsg"`
}

func ask(t *testing.T, token emulator.Runtime, event string) answer {
	t.Helper()
	var a answer
	require.NoError(t, json.Unmarshal([]byte(hosted.Invoke(t, token, []byte(event), nil)), &a))
	return a
}

func TestDirectInvocation(t *testing.T) {
	p := newPair(t, sandbox.Options{})
	first := ask(t, p.token, `{}`)
	assert.Equal(t, "openapi.auth.getAccessToken:ok", first.ErrMsg)
	assert.InDelta(t, 7200, first.ExpiresIn, 10)
	assert.Equal(t, first.AccessToken, ask(t, p.token, `{}`).AccessToken)
	assert.Equal(t, 1, p.wechat.Requests(tokenPath))

	p.wechat.RevokeTokens()
	second := ask(t, p.token, `{"staleToken":"`+first.AccessToken+`"}`)
	assert.NotEqual(t, first.AccessToken, second.AccessToken)
	assert.Equal(t, second.AccessToken, ask(t, p.token, `{"staleToken":"`+first.AccessToken+`"}`).AccessToken, "compared before it is refreshed")
	assert.Equal(t, 3, p.wechat.Requests(tokenPath))
	assert.NotContains(t, p.logs.String(), first.AccessToken)
	assert.NotContains(t, p.logs.String(), second.AccessToken)
}

func TestPageGetsNoToken(t *testing.T) {
	p := newPair(t, sandbox.Options{})
	said := hosted.Invoke(t, p.token, []byte(`{}`), hosted.PageCaller(sandbox.DemoOpenID))
	assert.Contains(t, said, `"errCode":-604104`)
	assert.NotContains(t, said, "accessToken")
	assert.Zero(t, p.wechat.Requests(tokenPath))
}

func TestTimerRenewsWhenDue(t *testing.T) {
	p := newPair(t, sandbox.Options{ExpiresIn: 2 * time.Second})
	timer := `{"Type":"Timer","TriggerName":"renew","Time":"2026-11-22T00:00:00Z","Message":""}`
	said := hosted.Invoke(t, p.token, []byte(timer), nil)
	assert.Contains(t, said, `"errCode":0`)
	assert.NotContains(t, said, "sandbox", "the answer tells no token")
	assert.Equal(t, 1, p.wechat.Requests(tokenPath))
}

// A WeChat SDK works against both functions from token to verification, by a base
// URL and a secret that are not WeChat's.
func TestWeChatSDKNeedsOnlyAnotherBaseURL(t *testing.T) {
	p := newPair(t, sandbox.Options{})
	signed := hosted.Sample(t)
	body := hosted.JSON(t, map[string]string{"openid": signed.OpenID, "json_string": signed.JSONString, "json_signature": signed.JSONSignature})
	for _, secret := range []string{clientSecret, oldSecret} {
		token := hosted.StableToken(t, p.base, sandbox.DefaultAppID, secret)
		status, said := hosted.Post(t, p.base+verifyPath+"?access_token="+token, body, nil)
		assert.Equal(t, 200, status)
		assert.Equal(t, `{"errcode":0,"errmsg":"ok","is_ok":true}`, said)
	}
	_, said := hosted.Post(t, p.base+verifyPath, body, nil)
	assert.Contains(t, said, `"errcode":41001`)
	_, said = hosted.Post(t, p.base+verifyPath+"?access_token=another", body, nil)
	assert.Contains(t, said, `"errcode":40001`)
	_, said = hosted.Post(t, p.base+tokenPath, hosted.JSON(t, map[string]string{
		"grant_type": "client_credential", "appid": sandbox.DefaultAppID, "secret": sandbox.DefaultAppSecret}), nil)
	assert.Contains(t, said, `"errcode":40125`, "the AppSecret is no client secret")
}

// A token that WeChat has refused is good for nothing here either.
func TestRefusedTokenIsNotAcceptedAnyMore(t *testing.T) {
	p := newPair(t, sandbox.Options{})
	signed := hosted.Sample(t)
	body := hosted.JSON(t, map[string]string{"openid": signed.OpenID, "json_string": signed.JSONString, "json_signature": signed.JSONSignature})
	old := hosted.StableToken(t, p.base, sandbox.DefaultAppID, clientSecret)
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, p.verify, hosted.JSON(t, signed), nil))
	p.wechat.RotateTokens()
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, p.verify, hosted.JSON(t, signed), nil))
	_, said := hosted.Post(t, p.base+verifyPath+"?access_token="+old, body, nil)
	assert.Contains(t, said, `"errcode":40001`)
	current := hosted.StableToken(t, p.base, sandbox.DefaultAppID, clientSecret)
	_, said = hosted.Post(t, p.base+verifyPath+"?access_token="+current, body, nil)
	assert.Contains(t, said, `"is_ok":true`)
}

func TestForcedRefreshOfAClientIsSubjectToTheBudget(t *testing.T) {
	p := newPair(t, sandbox.Options{})
	force := func() string {
		_, said := hosted.Post(t, p.base+tokenPath, hosted.JSON(t, map[string]any{
			"grant_type": "client_credential", "appid": sandbox.DefaultAppID, "secret": clientSecret, "force_refresh": true}), nil)
		return said
	}
	token := func() string { return hosted.StableToken(t, p.base, sandbox.DefaultAppID, clientSecret) }
	first := token()
	force()
	second := token()
	assert.NotEqual(t, first, second)
	for range 5 { // 30 seconds have not passed
		force()
		assert.Equal(t, second, token())
	}
	assert.Equal(t, 3, p.wechat.Requests(tokenPath), "the first, a normal one, a forced one")
}

// 8 processes with one store, cold, and 1,000 calls at once: one fetch for all of them.
func TestEightProcessesFetchOnce(t *testing.T) {
	for name, start := range hosted.Stores {
		t.Run(name, func(t *testing.T) { eightProcessesFetchOnce(t, start(t)) })
	}
}

func eightProcessesFetchOnce(t *testing.T, store hosted.Store) {
	s := hosted.NewSandbox(t, sandbox.Options{Strict: true})
	variables := hosted.With(s.Variables(), store.Variables)
	logs := new(hosted.Log)
	processes := make([]emulator.Runtime, 8)
	for i := range processes {
		processes[i] = hosted.SCF(t, "token", variables, hosted.Ample, logs)
	}
	everybody := func(event string) map[string]int {
		var mu sync.Mutex
		tokens := map[string]int{}
		var wg sync.WaitGroup
		for _, process := range processes {
			for range 125 {
				wg.Go(func() {
					a := ask(t, process, event)
					mu.Lock()
					defer mu.Unlock()
					tokens[a.AccessToken]++
				})
			}
		}
		wg.Wait()
		return tokens
	}
	tokens := everybody(`{}`)
	require.Len(t, tokens, 1)
	assert.NotContains(t, tokens, "")
	assert.Equal(t, 1, s.Requests(tokenPath))

	s.RevokeTokens()
	var stale string
	for stale = range tokens {
	}
	tokens = everybody(`{"staleToken":"` + stale + `"}`)
	require.Len(t, tokens, 1)
	assert.NotContains(t, tokens, stale)
	assert.LessOrEqual(t, s.Requests(tokenPath), 3)

	store.Fail()
	assert.Equal(t, tokens, everybody(`{}`), "what is in memory serves on")
	assert.LessOrEqual(t, s.Requests(tokenPath), 3)
	for _, secret := range []string{"REDIS_URL", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		if value := store.Variables[secret]; value != "" {
			assert.NotContains(t, logs.String(), value)
		}
	}
}

// TestNothingWrittenHoldsASecret greps all that both functions write during a run
// of faults for every secret that was in play.
func TestNothingWrittenHoldsASecret(t *testing.T) {
	p := newPair(t, sandbox.Options{})
	signed := hosted.Sample(t)
	event := hosted.JSON(t, signed)
	secrets := map[string]string{
		sandbox.DefaultAppSecret: "AppSecret", clientSecret: "client secret", oldSecret: "old client secret",
		signed.JSONSignature: "signature",
	}
	answers, current := "", ask(t, p.token, `{}`)
	for _, path := range []string{tokenPath, verifyPath} {
		p.wechat.RotateTokens()
		for _, fault := range []sandbox.Fault{
			{Kind: sandbox.FaultErrCode, ErrCode: -1, Times: 1}, {Kind: sandbox.FaultErrCode, ErrCode: 42001, Times: 1},
			{Kind: sandbox.FaultReset, Times: 5}, {Kind: sandbox.FaultTruncated, Times: 1}, {Kind: sandbox.FaultHTML, Times: 1},
			{Kind: sandbox.FaultStatus, Times: 5}, {Kind: sandbox.FaultEmpty, Times: 1}, {Kind: sandbox.FaultRedirect, Times: 1},
			{Kind: sandbox.FaultDelay, DelayMS: 30_000, Times: 1},
			{Kind: sandbox.FaultBody, Body: `{"access_token":"half a tok`, Times: 1},
		} {
			fault.Path = path
			require.NoError(t, p.wechat.Inject(fault))
			refreshed := ask(t, p.token, `{"staleToken":"`+current.AccessToken+`"}`)
			if refreshed.ErrCode == 0 {
				current = refreshed
			}
			secrets[current.AccessToken] = "token"
			answers += hosted.Invoke(t, p.verify, event, nil)
			_, said := hosted.Post(t, p.base+verifyPath+"?access_token="+current.AccessToken, []byte(`{}`), nil)
			answers += said
			_, said = hosted.Post(t, p.base+tokenPath, []byte(`{"grant_type":"client_credential","appid":"x","secret":"`+clientSecret+`"}`), nil)
			answers += said
			p.wechat.ClearFaults()
		}
	}
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, p.verify, event, nil), "and they recover")
	written := p.logs.String()
	require.Contains(t, written, `"msg":"invocation"`)
	require.GreaterOrEqual(t, len(secrets), 6)
	for secret, name := range secrets {
		assert.NotContains(t, written, secret, name)
		assert.NotContains(t, answers, secret, name)
	}
}

func TestWrongConfigurationIsNamed(t *testing.T) {
	s := hosted.NewSandbox(t, sandbox.Options{})
	for says, variables := range map[string]map[string]string{
		"WECHAT_APPID is not set":               {"WECHAT_APPID": ""},
		"WECHAT_APPSECRET is not set":           {"WECHAT_APPSECRET": ""},
		"ACCESS_TOKEN_MODE must be one of":      {"ACCESS_TOKEN_MODE": "cloudbase"},
		"must not hold the AppSecret":           {"TOKEN_CLIENT_SECRETS": clientSecret + "," + sandbox.DefaultAppSecret},
		"TOKEN_CLIENT_SECRETS must be secrets":  {"TOKEN_CLIENT_SECRETS": "fifteen-bytes-.," + clientSecret},
		"without blanks":                        {"TOKEN_CLIENT_SECRETS": clientSecret + ","},
		"HTTP_BASE_PATH must look like":         {"HTTP_BASE_PATH": "v1/"},
		"not an address of the form redis://":   {"REDIS_URL": "127.0.0.1"},
		"WECHAT_API_BASE must be an https addr": {"WECHAT_API_BASE": "http://192.0.2.1"},
	} {
		token := hosted.Lambda(t, "token", hosted.With(s.Variables(), variables), hosted.Ample, new(hosted.Log))
		a := ask(t, token, `{}`)
		assert.Contains(t, a.ErrMsg, says)
		assert.Equal(t, -604103, a.ErrCode)
		assert.Empty(t, a.AccessToken)
	}
}
