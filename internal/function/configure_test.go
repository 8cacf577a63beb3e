package function_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/adapter"
	"sotercall/internal/function"
	"sotercall/internal/openapi"
	"sotercall/internal/secrets"
	"sotercall/internal/secrets/secretsmanagertest"
)

// keeping is a function whose one secret is kept in server; it answers with the
// secret, and counts in built how often it is built.
func keeping(server *secretsmanagertest.Server, now func() time.Time, log *bytes.Buffer) (_ *function.Host, environment map[string]string, built *atomic.Int32) {
	built = new(atomic.Int32)
	build := func(variables map[string]string, _ *slog.Logger, _ *slog.LevelVar) (function.Function, error) {
		built.Add(1)
		call := doing(func(context.Context, []byte) []byte { return []byte(variables["WECHAT_APPSECRET"]) })
		if variables["WECHAT_APPSECRET"] == "bad" {
			return function.Function{Calls: []openapi.Call{call}}, errors.New("WECHAT_APPSECRET is bad")
		}
		return function.Function{Calls: []openapi.Call{call}}, nil
	}
	environment = server.Variables()
	maps.Copy(environment, secretsmanagertest.Credentials())
	environment["WECHAT_APPSECRET_ARN"] = secretsmanagertest.ARN("app")
	h := function.New("verify", build, log)
	h.SetClock(now)
	h.SetVault(secrets.Open)
	return h, environment, built
}

// Secrets Manager must not be reached without the proxy either.
func TestProxyThatCannotBeReadKeepsSecretsUnread(t *testing.T) {
	server := secretsmanagertest.Start(t)
	server.Put("app", "first")
	for proxy, says := range map[string]string{"http://user:hush@proxy:port": "HTTPS_PROXY must be the address of a proxy", "http://proxy:3128": ""} {
		var log bytes.Buffer
		h, environment, _ := keeping(server, time.Now, &log)
		environment["HTTPS_PROXY"] = proxy
		before := server.Asked()
		answer, err := h.Invoke(t.Context(), adapter.Invocation{Environment: environment}, []byte(`{}`))
		require.NoError(t, err)
		assert.NotContains(t, string(answer)+log.String(), "hush")
		assert.Equal(t, says == "", server.Asked() > before)
		if says != "" {
			assert.Contains(t, string(answer), says)
			assert.ErrorContains(t, h.Configured(), says)
		} else {
			assert.Equal(t, "first", string(answer), "the twin")
		}
	}
}

func TestRotatedSecretNeedsNoDeployment(t *testing.T) {
	server := secretsmanagertest.Start(t)
	clock := time.Now()
	var log bytes.Buffer
	h, environment, built := keeping(server, func() time.Time { return clock }, &log)
	invoke := func() string {
		answer, err := h.Invoke(t.Context(), adapter.Invocation{Environment: environment}, []byte(`{}`))
		require.NoError(t, err)
		return string(answer)
	}

	var refused struct {
		ErrCode int    `json:"errCode"`
		ErrMsg  string `json:"errMsg"`
	}
	require.NoError(t, json.Unmarshal([]byte(invoke()), &refused))
	assert.Equal(t, openapi.CodeSystem, refused.ErrCode)
	assert.Contains(t, refused.ErrMsg, "the function is not configured: WECHAT_APPSECRET_ARN: Secrets Manager has no such secret")

	server.Put("app", "first")
	clock = clock.Add(2 * time.Second)
	built.Store(0)
	assert.Equal(t, "first", invoke(), "what could not be read is tried again")
	server.Put("app", "second")
	assert.Equal(t, "first", invoke())
	assert.EqualValues(t, 1, built.Load())
	clock = clock.Add(secrets.Life)
	assert.Equal(t, "second", invoke())
	assert.EqualValues(t, 2, built.Load())
	clock = clock.Add(secrets.Life)
	assert.Equal(t, "second", invoke())
	assert.EqualValues(t, 2, built.Load(), "the twin: the same secret makes no new function")

	server.Refuse("InternalServiceError", "")
	clock = clock.Add(secrets.Life)
	assert.Equal(t, "second", invoke())
	assert.Contains(t, log.String(), "the secrets cannot be read anew, those from before are used")
	server.Refuse("", "")
	server.Put("app", "bad")
	clock = clock.Add(secrets.Life)
	assert.Contains(t, invoke(), "the function is not configured: WECHAT_APPSECRET is bad", "as in a new instance")
	for _, secret := range []string{"first", "second"} {
		assert.NotContains(t, log.String(), secret)
	}
}

func TestOneCallReadsTheSecretsForAll(t *testing.T) {
	server := secretsmanagertest.Start(t)
	server.Put("app", "first")
	release := server.Hang()
	var log bytes.Buffer
	h, environment, built := keeping(server, time.Now, &log)

	ctx, giveUp := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	calls.Go(func() {
		assert.Eventually(t, func() bool { return server.Asked() > 0 }, time.Minute, time.Millisecond)
		giveUp()
	})
	answer, err := h.Invoke(ctx, adapter.Invocation{Environment: environment}, []byte(`{}`))
	require.NoError(t, err)
	calls.Wait()
	assert.Contains(t, string(answer), "WECHAT_APPSECRET_ARN: Secrets Manager did not answer in time")
	release()

	built.Store(0)
	asked := server.Asked()
	for range 50 {
		calls.Go(func() {
			answer, err := h.Invoke(t.Context(), adapter.Invocation{Environment: environment}, []byte(`{}`))
			assert.NoError(t, err)
			assert.Equal(t, "first", string(answer))
		})
	}
	calls.Wait()
	assert.EqualValues(t, 1, built.Load())
	assert.Equal(t, 1, server.Asked()-asked)
}

// What is known of a configuration is known without waiting for a vault that must be read anew.
func TestHopelessAsksNobody(t *testing.T) {
	server := secretsmanagertest.Start(t)
	server.Put("app", "bad")
	var ahead time.Duration
	var log bytes.Buffer
	h, environment, _ := keeping(server, func() time.Time { return time.Now().Add(ahead) }, &log)
	require.NoError(t, h.Hopeless(), "nothing is known yet")
	require.Zero(t, server.Asked())
	_, err := h.Invoke(t.Context(), adapter.Invocation{Environment: environment}, []byte(`{}`))
	require.NoError(t, err)
	asked := server.Asked()
	ahead = 24 * time.Hour
	require.EqualError(t, h.Hopeless(), "WECHAT_APPSECRET is bad")
	assert.Equal(t, asked, server.Asked())
	require.EqualError(t, h.Configured(), "WECHAT_APPSECRET is bad")
	assert.Greater(t, server.Asked(), asked, "the twin reads the secrets again")
}

// What is done early never costs the first call its answer.
func TestFirstCallReadsSecretsThatCouldNotBeReadEarly(t *testing.T) {
	server := secretsmanagertest.Start(t)
	server.Put("app", "first")
	server.Refuse("InternalServiceError", "")
	var log bytes.Buffer
	h, environment, _ := keeping(server, time.Now, &log)
	function.WarmUp(h, environment)
	require.NotZero(t, server.Asked())
	server.Refuse("", "")
	answer, err := h.Invoke(t.Context(), adapter.Invocation{}, []byte(`{}`))
	require.NoError(t, err)
	assert.Equal(t, "first", string(answer))
}

func TestSecretsAreReadBeforeTheFirstCall(t *testing.T) {
	server := secretsmanagertest.Start(t)
	server.Put("app", "first")
	var log bytes.Buffer
	h, environment, built := keeping(server, time.Now, &log)
	function.WarmUp(h, environment)
	require.Equal(t, 1, server.Asked())
	answer, err := h.Invoke(t.Context(), adapter.Invocation{}, []byte(`{}`))
	require.NoError(t, err)
	assert.Equal(t, "first", string(answer))
	assert.Equal(t, 1, server.Asked())
	assert.EqualValues(t, 1, built.Load())
}

func TestSecretInTwoPlacesIsRefused(t *testing.T) {
	server := secretsmanagertest.Start(t)
	var log bytes.Buffer
	h, environment, _ := keeping(server, time.Now, &log)
	environment["WECHAT_APPSECRET"] = "here-too"
	answer, err := h.Invoke(t.Context(), adapter.Invocation{Environment: environment}, []byte(`{}`))
	require.NoError(t, err)
	assert.Contains(t, string(answer), "WECHAT_APPSECRET and WECHAT_APPSECRET_ARN are both set")
	assert.False(t, strings.Contains(log.String()+string(answer), "here-too"))
	assert.Zero(t, server.Asked())
}
