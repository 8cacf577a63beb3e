package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

func TestMain(m *testing.M) { hosted.Main(m, "service") }

const (
	alice  = "oService-Alice_000000000000001"
	bob    = "oService-Bob___000000000000002"
	bearer = "a-bearer-token-of-the-service-test"
)

// serve hosts the service on a port until the test ends.
func serve(t *testing.T, variables map[string]string) *emulator.HTTPServer {
	t.Helper()
	return hosted.HTTP(t, "service", variables, hosted.Ample, new(hosted.Log))
}

// The way of a page in Cloud Hosting: it is told its challenge and its verdict
// through callContainer, WeChat is asked through the open API service, and nobody
// holds a token.
func TestAPageInCloudHosting(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	s := hosted.Container(t, wechat, map[string]string{"CHALLENGE_SECRET": strings.Repeat("c", 32)}, hosted.Ample, new(hosted.Log))
	door, err := s.CallContainer(alice)
	require.NoError(t, err)
	gateway := hosted.Serve(t, door)

	status, answer := hosted.Post(t, gateway+"/openapi/soter/issueChallenge", []byte(`{}`), nil)
	require.Equal(t, 200, status, answer)
	var issued struct {
		Challenge string `json:"challenge"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &issued))
	phone, err := wechat.Phone(alice, sandbox.Android)
	require.NoError(t, err)
	signed, err := phone.Sign(issued.Challenge)
	require.NoError(t, err)
	event := hosted.JSON(t, map[string]string{"jsonString": signed.JSONString, "jsonSignature": signed.JSONSignature})

	forged := http.Header{"X-Wx-Openid": {bob}, "X-Wx-Source": {"scf"}}
	status, answer = hosted.Post(t, gateway+"/openapi/soter/verifySignature", event, forged)
	assert.Equal(t, 200, status)
	assert.Equal(t, hosted.Verified, answer, "what the client sent is not what the gateway says")
	_, answer = hosted.Post(t, gateway+"/", event, nil)
	assert.Contains(t, answer, `"isOk":false,"errMsg":"openapi.soter.verifySignature:ok"`, "a challenge counts once")
	assert.Zero(t, wechat.Requests("/cgi-bin/stable_token"))
}

// Behind another token function there is none: its clients would be given tokens
// that were fetched with a client secret.
func TestAServiceIsNoTokenFunctionBehindAnother(t *testing.T) {
	variables := map[string]string{
		"WECHAT_APPID": "wx0123456789abcdef", "WECHAT_APPSECRET": "a-client-secret-elsewhere",
		"TOKEN_CLIENT_SECRETS": "a-client-secret-of-this-test", "HTTP_BEARER_TOKENS": bearer,
	}
	for base, want := range map[string]bool{"": false, "https://token.example.com": true} {
		s := serve(t, hosted.With(variables, map[string]string{"WECHAT_TOKEN_BASE": base}))
		_, answer := hosted.Post(t, s.URL+"/", []byte(`{}`), http.Header{"Authorization": {"Bearer " + bearer}})
		assert.Equal(t, want, strings.Contains(answer, "TOKEN_CLIENT_SECRETS is not used with WECHAT_TOKEN_BASE"), answer)
	}
}

// What the token part must not have said for it, verify does not say either.
func TestAnEchoOfAClientSecretIsNotSaid(t *testing.T) {
	const client = "Zb5Km8Qp2Wx7Lt4Rn9Vd1Ys6Hf3Jc0Ga"
	wechat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"errcode":40013,"errmsg":"who is `+client+`, please"}`)
	}))
	t.Cleanup(wechat.Close)
	log := new(hosted.Log)
	s := hosted.HTTP(t, "service", map[string]string{
		"WECHAT_APPID": "wx0123456789abcdef", "WECHAT_APPSECRET": "a-secret-of-the-app", "WECHAT_API_BASE": wechat.URL,
		"HTTP_BEARER_TOKENS": bearer, "TOKEN_CLIENT_SECRETS": client,
	}, hosted.Ample, log)
	_, answer := hosted.Post(t, s.URL+"/", hosted.JSON(t, hosted.Sample(t)), http.Header{"Authorization": {"Bearer " + bearer}})
	assert.Contains(t, answer, "who is [redacted], please", "the twin: the rest is said")
	require.NoError(t, s.Close())
	assert.Empty(t, hosted.Leak(log.String(), client))
}

// Verify and token share one token, and one fetch.
func TestOneServiceFetchesOnce(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	const client = "a-client-secret-of-this-test"
	s := serve(t, hosted.With(wechat.Variables(), map[string]string{
		"HTTP_BEARER_TOKENS": bearer, "TOKEN_CLIENT_SECRETS": client,
	}))
	_, answer := hosted.Post(t, s.URL+"/", hosted.JSON(t, hosted.Sample(t)), http.Header{"Authorization": {"Bearer " + bearer}})
	assert.Equal(t, hosted.Verified, answer)
	token := hosted.StableToken(t, s.URL, sandbox.DefaultAppID, client)
	assert.Equal(t, 1, wechat.Requests("/cgi-bin/stable_token"))
	sample := hosted.Sample(t)
	_, answer = hosted.Post(t, s.URL+"/cgi-bin/soter/verify_signature?access_token="+token, hosted.JSON(t, map[string]string{
		"openid": sample.OpenID, "json_string": sample.JSONString, "json_signature": sample.JSONSignature}), nil)
	assert.Equal(t, `{"errcode":0,"errmsg":"ok","is_ok":true}`, answer)
}

func TestHealthAndStop(t *testing.T) {
	for appID, want := range map[string]int{"": 503, "wx0123456789abcdef": 200} {
		s := serve(t, map[string]string{"WECHAT_APPID": appID, "WECHAT_APPSECRET": "s", "WECHAT_API_BASE": "http://127.0.0.1:1"})
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.URL+"/healthz", nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, want, resp.StatusCode)
		require.NoError(t, s.Stop(), "SIGTERM ends it with status 0")
	}
}

// Each failure of the open API service says what to do, and is asked for once.
// Sources: WeChat, developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src/guide/weixin/faq.html:
// some APIs that are not on the list of 微信令牌 get HTTP 502, others 85107; 85112 and
// error_type: the link is broken, open a ticket; 85113: not initialized yet, wait.
func TestFailuresOfTheOpenAPIServiceSayWhatToDo(t *testing.T) {
	const path = "/cgi-bin/soter/verify_signature"
	for name, c := range map[string]struct {
		listed string
		fault  sandbox.Fault
		says   []string
	}{
		"the twin":   {path, sandbox.Fault{}, []string{hosted.Verified}},
		"not listed": {"/wxa/msg_sec_check", sandbox.Fault{}, []string{`"errCode":85107`, "微信令牌", "build a new version"}},
		"502":        {path, sandbox.Fault{Kind: sandbox.FaultStatus, Status: 502}, []string{`"errCode":-604103`, "HTTP 502", "开放接口服务", "微信令牌", "build a new version"}},
		"85112":      {path, sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: 85112}, []string{`"errCode":85112`, "open a ticket"}},
		"85113":      {path, sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: 85113}, []string{`"errCode":85113`, "wait some minutes"}},
		"error_type": {path, sandbox.Fault{Kind: sandbox.FaultBody, Body: `{"error_type":"GatewayError"}`}, []string{`"errCode":-604103`, "error_type", "open a ticket"}},
	} {
		t.Run(name, func(t *testing.T) {
			wechat := hosted.NewSandbox(t, sandbox.Options{})
			app, err := wechat.App("")
			require.NoError(t, err)
			sidecar := app.OpenAPIService(c.listed)
			openAPI := httptest.NewServer(sidecar)
			t.Cleanup(openAPI.Close)
			s := serve(t, map[string]string{"HTTP_BEARER_TOKENS": bearer, "ACCESS_TOKEN_MODE": "none", "WECHAT_API_BASE": openAPI.URL})
			sidecar.ContainerStarted()
			if c.fault.Kind != "" {
				c.fault.Path = path
				require.NoError(t, wechat.Inject(c.fault))
			}
			_, answer := hosted.Post(t, s.URL+"/", hosted.JSON(t, hosted.Sample(t)), http.Header{"Authorization": {"Bearer " + bearer}})
			for _, part := range c.says {
				assert.Contains(t, answer, part)
			}
			assert.Equal(t, 1, wechat.Requests(path), "asked once")
		})
	}
}

// WeChat, developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src/guide/weixin/faq.html: make no cloud call while the
// service starts.
func TestNothingIsAskedWhileAContainerStarts(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	s := serve(t, map[string]string{"HTTP_AUTH": "wechat", "ACCESS_TOKEN_MODE": "none", "WECHAT_API_BASE": wechat.URL})
	require.NoError(t, s.Stop())
	assert.Zero(t, wechat.Requests(""))
}

// 41001 says what to do.
func TestWithoutTheOpenAPIService(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	s := serve(t, map[string]string{"HTTP_BEARER_TOKENS": bearer, "ACCESS_TOKEN_MODE": "none", "WECHAT_API_BASE": hosted.Serve(t, wechat.Sandbox)})
	_, answer := hosted.Post(t, s.URL+"/", hosted.JSON(t, hosted.Sample(t)), http.Header{"Authorization": {"Bearer " + bearer}})
	assert.Contains(t, answer, `"errCode":41001`)
	assert.Contains(t, answer, "开放接口服务")
}
