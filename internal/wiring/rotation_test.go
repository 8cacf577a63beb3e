package wiring

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secrets"
	"sotercall/internal/secrets/secretsmanagertest"
	"sotercall/internal/test/hosted"
)

const (
	firstChallengeSecret = "a-challenge-secret-of-this-test-1"
	nextChallengeSecret  = "a-challenge-secret-of-this-test-2"
	nextAppSecret        = "the-next-secret-of-the-app-00000"
)

// rotating is a function whose secrets are kept in Secrets Manager, in front of a
// WeChat whose AppSecret can be changed.
type rotating struct {
	hosted  emulator.Runtime
	wechat  *sandbox.Sandbox
	secrets *secretsmanagertest.Server
	wind    func(by time.Duration)
	log     *hosted.Log

	connections atomic.Int32
	mu          sync.Mutex
	appSecret   string // guarded by mu; the one that WeChat takes
}

// rotatingOn hosts service on a platform, with a store's variables, in front of a
// WeChat that takes an AppSecret.
func rotatingOn(t *testing.T, on emulator.Platform, appSecret string, store map[string]string) *rotating {
	t.Helper()
	r := &rotating{secrets: secretsmanagertest.Start(t), appSecret: appSecret, log: new(hosted.Log)}
	var err error
	r.wechat, err = sandbox.New(sandbox.Options{Strict: true})
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(r.serveWeChat))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			r.connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)

	variables := map[string]string{
		"WECHAT_APPID": sandbox.DefaultAppID, "WECHAT_API_BASE": server.URL, "ACCESS_TOKEN_MODE": "classic",
		"WECHAT_APPSECRET_ARN": secretsmanagertest.ARN("app"), "CHALLENGE_SECRET_ARN": secretsmanagertest.ARN("challenge"),
		"HTTP_BEARER_TOKENS": bearerToken,
	}
	maps.Copy(variables, r.secrets.Variables())
	maps.Copy(variables, secretsmanagertest.Credentials())
	maps.Copy(variables, store)
	if on.Name == "lambda" { // which sets them itself
		for _, name := range []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
			delete(variables, name)
		}
	}
	r.secrets.Put("app", sandbox.DefaultAppSecret)
	r.secrets.Put("challenge", firstChallengeSecret)
	var binary string
	binary, r.wind = windable(t, "service")
	r.hosted, err = on.Start(t.Context(), emulator.Function{Name: "service", Binary: binary, Env: variables, Timeout: 10 * time.Second, Log: r.log})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.hosted.Close()) })
	return r
}

// serveWeChat is the sandbox, whose AppSecret never changes, behind one that does.
func (r *rotating) serveWeChat(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == "/cgi-bin/token" {
		r.mu.Lock()
		right := req.URL.Query().Get("secret") == r.appSecret
		r.mu.Unlock()
		if !right {
			fmt.Fprint(w, `{"errcode":40125,"errmsg":"invalid appsecret rid: 0-0-0"}`)
			return
		}
		query := req.URL.Query()
		query.Set("secret", sandbox.DefaultAppSecret)
		req.URL.RawQuery = query.Encode()
	}
	r.wechat.ServeHTTP(w, req)
}

func (r *rotating) changeAppSecretAtWeChat(to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.appSecret = to
}

// rotate changes secrets in Secrets Manager, and lets so much time pass that they are
// read.
func (r *rotating) rotate(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		r.secrets.Put(pairs[i], pairs[i+1])
	}
	r.wind(secrets.Life)
}

// invoke sends an event of the developer's backend; behind a port, a request.
func (r *rotating) invoke(t *testing.T, path string, event any) string {
	t.Helper()
	if server, ok := r.hosted.(*emulator.HTTPServer); ok {
		_, answer := hosted.Post(t, server.URL+path, hosted.JSON(t, event), http.Header{"Authorization": {"Bearer " + bearerToken}})
		return answer
	}
	answer, err := r.hosted.Invoke(context.Background(), emulator.Call{Payload: hosted.JSON(t, event)})
	require.NoError(t, err)
	require.Empty(t, answer.FunctionError, "%s", answer.Payload)
	return string(answer.Payload)
}

// signed is an answer to a new challenge.
func (r *rotating) signed(t *testing.T) any {
	t.Helper()
	answer := r.invoke(t, "/openapi/soter/issueChallenge", map[string]string{"call": "openapi.soter.issueChallenge", "openid": ofFirst})
	var got struct {
		Challenge string `json:"challenge"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &got), answer)
	require.NotEmpty(t, got.Challenge, answer)
	phone, err := r.wechat.Phone(ofFirst, sandbox.Huawei)
	require.NoError(t, err)
	signed, err := phone.Sign(got.Challenge)
	require.NoError(t, err)
	return map[string]string{"openid": ofFirst, "jsonString": signed.JSONString, "jsonSignature": signed.JSONSignature}
}

func (r *rotating) verify(t *testing.T, event any) string {
	t.Helper()
	return r.invoke(t, "/openapi/soter/verifySignature", event)
}

const wrong = `"isOk":false,"errMsg":"openapi.soter.verifySignature:ok"`

// everywhere runs a test on every platform, with and without a store.
func everywhere(t *testing.T, appSecret string, test func(t *testing.T, r *rotating)) {
	for _, platform := range emulator.All() {
		t.Run(platform.Name, func(t *testing.T) {
			t.Run("memory", func(t *testing.T) { test(t, rotatingOn(t, platform, appSecret, nil)) })
			for name, start := range hosted.Stores {
				t.Run(name, func(t *testing.T) { test(t, rotatingOn(t, platform, appSecret, start(t).Variables)) })
			}
		})
	}
}

// A secret that changes is all that changes: what was consumed stays so, the token in
// use is used on, on the connection that is open.
func TestRotationKeepsWhatItDoesNotTouch(t *testing.T) {
	everywhere(t, sandbox.DefaultAppSecret, func(t *testing.T, r *rotating) {
		first := r.signed(t)
		require.Equal(t, hosted.Verified, r.verify(t, first))
		require.Contains(t, r.verify(t, first), wrong, "used before")
		old := r.signed(t)
		connections := r.connections.Load()

		r.rotate("challenge", nextChallengeSecret+","+firstChallengeSecret)
		assert.Contains(t, r.verify(t, first), wrong, "still used before")
		assert.Equal(t, hosted.Verified, r.verify(t, old), "issued under the secret of before")
		assert.Equal(t, hosted.Verified, r.verify(t, r.signed(t)))
		r.rotate("challenge", nextChallengeSecret)
		assert.Contains(t, r.verify(t, first), wrong)
		assert.Equal(t, hosted.Verified, r.verify(t, r.signed(t)), "the twin: signed under the next")
		r.rotate("app", nextAppSecret)
		assert.Contains(t, r.verify(t, first), wrong)
		assert.Equal(t, hosted.Verified, r.verify(t, r.signed(t)))
		assert.Equal(t, 1, r.wechat.Requests("/cgi-bin/token"), "the token in use")
		assert.Equal(t, connections, r.connections.Load(), "the connections that were open")
		assert.Contains(t, r.log.String(), `"reason":"the challenge was used before"`)
		for _, secret := range []string{nextAppSecret, nextChallengeSecret, sandbox.DefaultAppSecret} {
			assert.NotContains(t, r.log.String(), secret)
		}

		// The next fetch is made with the secret of now.
		r.changeAppSecretAtWeChat(nextAppSecret)
		r.wechat.RotateTokens()
		assert.Equal(t, hosted.Verified, r.verify(t, r.signed(t)))
		assert.Equal(t, 2, r.wechat.Requests("/cgi-bin/token"))
	})
}

// That WeChat has refused an AppSecret says nothing about the next one.
func TestRotationForgetsThatTheOldSecretWasRefused(t *testing.T) {
	everywhere(t, nextAppSecret, func(t *testing.T, r *rotating) {
		refused := func() string { return r.verify(t, r.signed(t)) }
		require.Contains(t, refused(), `"errCode":40125`)
		r.rotate("challenge", nextChallengeSecret)
		require.Contains(t, refused(), `"errCode":40125`, "the twin: the AppSecret has not changed")
		r.rotate("app", nextAppSecret)
		assert.Equal(t, hosted.Verified, r.verify(t, r.signed(t)))
	})
}
