package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/emulator"
	"sotercall/internal/hostedtest"
	"sotercall/internal/sandbox"
)

// TestFaults: what goes wrong at WeChat is told by its code, is never a positive
// verdict, and leaves no secret in the log.
func TestFaults(t *testing.T) {
	const always = 0
	h := host(t, 3*time.Second, nil)
	genuine := hostedtest.Sample(t)
	event := hostedtest.JSON(t, genuine)
	for _, c := range []struct {
		name  string
		fault sandbox.Fault
		says  string
	}{
		{"busy twice", sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: -1, Times: 2}, hostedtest.Verified},
		{"HTTP 502 once", sandbox.Fault{Kind: sandbox.FaultStatus, Times: 1}, hostedtest.Verified},
		{"reset once", sandbox.Fault{Kind: sandbox.FaultReset, Times: 1}, hostedtest.Verified},
		{"revoked token", sandbox.Fault{Kind: sandbox.FaultRotate, Times: 1}, hostedtest.Verified},
		{"not granted", sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: 48001, Times: always}, `"errCode":48001`},
		{"HTML", sandbox.Fault{Kind: sandbox.FaultHTML, Times: always}, `"errCode":-604103`},
		{"truncated", sandbox.Fault{Kind: sandbox.FaultTruncated, Times: always}, `"errCode":-604103`},
		{"HTTP 500 for ever", sandbox.Fault{Kind: sandbox.FaultStatus, Status: 500, Times: always}, `"errCode":-604103`},
		{"never an answer", sandbox.Fault{Kind: sandbox.FaultDelay, DelayMS: 60_000, Times: always}, `"errCode":-604102`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for platform, runtime := range h.on {
				c.fault.Path = verifyPath
				require.NoError(t, h.Inject(c.fault))
				answer := hostedtest.Invoke(t, runtime, event, nil)
				assert.Contains(t, answer, c.says, platform)
				assert.Equal(t, c.says == hostedtest.Verified, isOK(answer), platform)
				h.ClearFaults()
				assert.Equal(t, hostedtest.Verified, hostedtest.Invoke(t, runtime, event, nil), "the twin")
			}
		})
	}
	written := h.logs.String()
	assert.NotEmpty(t, written)
	for name, secret := range map[string]string{
		"AppSecret": sandbox.DefaultAppSecret, "signature": genuine.JSONSignature, "token": stableToken(t, h), "openid": genuine.OpenID,
		"bearer token": bearerToken,
	} {
		assert.NotContains(t, written, secret, name)
	}
}

func TestLogLine(t *testing.T) {
	h := host(t, 10*time.Second, nil)
	answers := map[string][]string{
		// Token and connection were there before the first call.
		"lambda": {`"upstream_attempts":1`, `"trace_id":"Root=`, `"_aws":{`},
		"scf":    {`"upstream_attempts":2`, `"token_ms":`, `"token_fetches":1`},
	}
	for platform, fields := range answers {
		hostedtest.Invoke(t, h.on[platform], hostedtest.JSON(t, hostedtest.Sample(t)), nil)
		require.NoError(t, h.on[platform].Close())
		var line string
		for candidate := range strings.Lines(h.logs.String()) {
			if strings.Contains(candidate, `"msg":"invocation"`) && strings.Contains(candidate, `"platform":"`+platform+`"`) {
				require.Empty(t, line, "one line for each invocation")
				line = candidate
			}
		}
		for _, field := range append(fields, `"function":"verify"`, `"request_id":"`, `"door":"direct"`, `"cold":true`, `"errCode":0`,
			`"isOk":true`, `"outcome":"genuine"`, `"openid":"oSan***0001"`, `"total_ms":`, `"upstream_ms":`) {
			assert.Contains(t, line, field)
		}
	}
}

func TestFailingUpstreamDoesNotFailTheInit(t *testing.T) {
	s := hostedtest.NewSandbox(t, sandbox.Options{})
	require.NoError(t, s.Inject(sandbox.Fault{Kind: sandbox.FaultReset, Times: 3}))
	runtime := hostedtest.Lambda(t, "verify", s.Variables(), 10*time.Second, new(hostedtest.Log))
	assert.Equal(t, hostedtest.Verified, hostedtest.Invoke(t, runtime, hostedtest.JSON(t, hostedtest.Sample(t)), nil))
	last, _ := s.LastRequest(verifyPath)
	assert.Contains(t, last.Header.Get("X-Amzn-Trace-Id"), "Root=", "the trace header is passed on")

	scf := hostedtest.SCF(t, "verify", s.Variables(), 10*time.Second, new(hostedtest.Log))
	assert.Equal(t, hostedtest.Verified, hostedtest.Invoke(t, scf, hostedtest.JSON(t, hostedtest.Sample(t)), nil))
	last, _ = s.LastRequest(verifyPath)
	assert.Empty(t, last.Header.Get("X-Amzn-Trace-Id"), "the twin: SCF gave none")
}

func TestLogLevel(t *testing.T) {
	for level, want := range map[string]int{"info": 1, "warn": 0} {
		s, log := hostedtest.NewSandbox(t, sandbox.Options{}), new(hostedtest.Log)
		runtime := hostedtest.SCF(t, "verify", hostedtest.With(s.Variables(), map[string]string{"LOG_LEVEL": level}), 10*time.Second, log)
		hostedtest.Invoke(t, runtime, hostedtest.JSON(t, hostedtest.Sample(t)), nil)
		require.NoError(t, runtime.Close())
		assert.Equal(t, want, strings.Count(log.String(), `"msg":"invocation"`))
	}
}

func TestHTTPDoorAsksForItsToken(t *testing.T) {
	h := host(t, 10*time.Second, nil)
	gateway := httptest.NewServer(emulator.HTTPAPI(h.on["lambda"]))
	defer gateway.Close()
	url := gateway.URL + "/openapi/soter/verifySignature"
	body := hostedtest.JSON(t, hostedtest.Sample(t))
	status, answer := hostedtest.Post(t, url, body, http.Header{"Authorization": {"Bearer " + bearerToken}})
	assert.Equal(t, 200, status)
	assert.Equal(t, hostedtest.Verified, answer)
	status, answer = hostedtest.Post(t, url, body, http.Header{"Authorization": {"bearer " + bearerToken}})
	assert.Equal(t, 200, status, answer)
	for _, authorization := range []string{"", "Bearer", "Bearer x", "Basic " + bearerToken, bearerToken} {
		status, answer = hostedtest.Post(t, url, body, http.Header{"Authorization": {authorization}})
		assert.Equal(t, 401, status, authorization)
		assert.Contains(t, answer, `"errCode":-604101`)
	}
	status, answer = hostedtest.Post(t, gateway.URL+"/cgi-bin/soter/verify_signature?access_token="+bearerToken, body, nil)
	assert.Equal(t, 200, status)
	assert.Contains(t, answer, `"errcode":40001`)
}

func TestHTTPDoorIsClosedUnlessOpened(t *testing.T) {
	h := host(t, 10*time.Second, map[string]string{"HTTP_BEARER_TOKENS": ""})
	gateway := httptest.NewServer(emulator.HTTPAPI(h.on["lambda"]))
	defer gateway.Close()
	status, answer := hostedtest.Post(t, gateway.URL, hostedtest.JSON(t, hostedtest.Sample(t)), http.Header{"Authorization": {"Bearer "}})
	assert.Equal(t, 403, status)
	assert.Contains(t, answer, "set HTTP_BEARER_TOKENS")
}

func TestWrongConfigurationIsNamed(t *testing.T) {
	for name, variables := range map[string]map[string]string{
		"WECHAT_APPID is not set":                 {"WECHAT_APPID": ""},
		"WECHAT_APPSECRET is not set":             {"WECHAT_APPSECRET": ""},
		"WECHAT_API_BASE must be an https":        {"WECHAT_API_BASE": "http://api.weixin.qq.com"},
		"WECHAT_TOKEN_BASE must be an https":      {"WECHAT_TOKEN_BASE": "ftp://127.0.0.1"},
		"ACCESS_TOKEN_MODE must be one of stable": {"ACCESS_TOKEN_MODE": "fast"},
		"SOTER_VERIFIER must be one of":           {"SOTER_VERIFIER": "trust"},
		"HTTP_AUTH must be one of":                {"HTTP_AUTH": "none"},
		"LOG_LEVEL cannot be read":                {"LOG_LEVEL": "loud"},
		"COUNTER_POLICY cannot be enforced":       {"COUNTER_POLICY": "enforce"},
		"HTTP_BEARER_TOKENS is not used with":     {"HTTP_AUTH": "platform"},
		"HTTP_BEARER_TOKENS must be secrets":      {"HTTP_BEARER_TOKENS": "fifteen-bytes-."},
		"AUTHKEYS_FILE is only for":               {"AUTHKEYS_FILE": "authkeys.json"},
		"COUNTER_POLICY cannot be read":           {"COUNTER_POLICY": "maybe"},
		"AUTHKEYS_FILE or REDIS_URL is not set":   {"SOTER_VERIFIER": "local"},
		"not an address of the form redis://":     {"REDIS_URL": "http://127.0.0.1"},
		"32":                                      {"CHALLENGE_SECRET": "short"},
	} {
		h := host(t, 10*time.Second, variables)
		for platform, runtime := range h.on {
			answer := hostedtest.Invoke(t, runtime, hostedtest.JSON(t, hostedtest.Sample(t)), nil)
			assert.Contains(t, answer, name, platform)
			assert.Contains(t, answer, `"errCode":-604103`)
			assert.Contains(t, answer, `"isOk":false`)
		}
	}
}

func TestStartedByHandItSaysHowToRunIt(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, hostedtest.Binary("verify"))
	command.Env = []string{}
	said, err := command.CombinedOutput()
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit))
	assert.Equal(t, 2, exit.ExitCode())
	assert.Contains(t, string(said), "go run ./scripts/local demo")
}
