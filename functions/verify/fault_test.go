package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// TestFaults: what goes wrong at WeChat is told by its code, is never a positive
// verdict, and leaves no secret in the log.
func TestFaults(t *testing.T) {
	const always = 0
	h := host(t, hosted.Ample, nil)
	genuine := hosted.Sample(t)
	event := hosted.JSON(t, genuine)
	for _, c := range []struct {
		name  string
		fault sandbox.Fault
		says  string
	}{
		{"busy twice", sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: -1, Times: 2}, hosted.Verified},
		{"HTTP 502 once", sandbox.Fault{Kind: sandbox.FaultStatus, Times: 1}, hosted.Verified},
		{"reset once", sandbox.Fault{Kind: sandbox.FaultReset, Times: 1}, hosted.Verified},
		{"revoked token", sandbox.Fault{Kind: sandbox.FaultRotate, Times: 1}, hosted.Verified},
		{"not granted", sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: 48001, Times: always}, `"errCode":48001`},
		{"HTML", sandbox.Fault{Kind: sandbox.FaultHTML, Times: always}, `"errCode":-604103`},
		{"truncated", sandbox.Fault{Kind: sandbox.FaultTruncated, Times: always}, `"errCode":-604103`},
		{"HTTP 500 for ever", sandbox.Fault{Kind: sandbox.FaultStatus, Status: 500, Times: always}, `"errCode":-604103`},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer h.ClearFaults()
			for platform, runtime := range h.on {
				c.fault.Path = verifyPath
				require.NoError(t, h.Inject(c.fault))
				answer := hosted.Invoke(t, runtime, event, nil)
				assert.Contains(t, answer, c.says, platform)
				assert.Equal(t, c.says == hosted.Verified, isOK(answer), platform)
				h.ClearFaults()
				assert.Equal(t, hosted.Verified, hosted.Invoke(t, runtime, event, nil), "the twin")
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

// WeChat never answers: the function says so before the platform ends it.
func TestNeverAnAnswer(t *testing.T) {
	h := host(t, 4*time.Second, nil)
	require.NoError(t, h.Inject(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultDelay, DelayMS: 60_000}))
	defer h.ClearFaults()
	onBothClouds(t, h, func(t *testing.T, runtime emulator.Runtime) {
		answer := hosted.Invoke(t, runtime, hosted.JSON(t, hosted.Sample(t)), nil)
		assert.Contains(t, answer, `"errCode":-604102`)
		assert.False(t, isOK(answer))
	})
}

// onBothClouds runs a test on both platforms at once.
func onBothClouds(t *testing.T, h *pair, test func(t *testing.T, runtime emulator.Runtime)) {
	t.Helper()
	t.Run("on", func(t *testing.T) {
		for platform, runtime := range h.on {
			t.Run(platform, func(t *testing.T) {
				t.Parallel()
				test(t, runtime)
			})
		}
	})
}

// front is a server in front of the sandbox, in which every second question of a
// kind meets what goes wrong.
func front(t *testing.T, s hosted.Sandbox, path string, goesWrong http.HandlerFunc) *httptest.Server {
	t.Helper()
	var n atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path && n.Add(1)%2 == 1 {
			goesWrong(w, r)
			return
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

// On both platforms, a genuine signature is verified although
// every second request meets trouble: docs/failures.md, rows 4 to 6.
func TestEverySecondRequestMeetsTrouble(t *testing.T) {
	for name, goesWrong := range map[string]http.HandlerFunc{
		"silent": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // so that the server notices who leaves
			<-r.Context().Done()
		},
		"half a reply": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "60")
			_, _ = io.WriteString(w, `{"errcode":0,`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"429":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"503":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"web page": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<p>Please sign in.") },
		"nonsense": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"errcode":0}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, on := range []string{"lambda", "scf"} {
				s := hosted.NewSandbox(t, sandbox.Options{})
				server := front(t, s, verifyPath, goesWrong)
				variables := hosted.With(s.Variables(), map[string]string{"WECHAT_API_BASE": server.URL})
				runtime := start(t, on, variables)
				for range 4 {
					assert.Equal(t, hosted.Verified, hosted.Invoke(t, runtime, hosted.JSON(t, hosted.Sample(t)), nil), on)
				}
			}
		})
	}
}

// start hosts verify on a platform. internal/wechat holds the same within a limit of 3 s, on a
// clock that a busy machine does not change.
func start(t *testing.T, platform string, variables map[string]string) emulator.Runtime {
	t.Helper()
	if platform == "lambda" {
		return hosted.Lambda(t, "verify", variables, hosted.Ample, new(hosted.Log))
	}
	return hosted.SCF(t, "verify", variables, hosted.Ample, new(hosted.Log))
}

// The first host is down, on both platforms and for tokens as well.
func TestNextHost(t *testing.T) {
	down := httptest.NewServer(nil)
	down.Close()
	s := hosted.NewSandbox(t, sandbox.Options{})
	for name, bases := range map[string]map[string]string{
		"the API":   {"WECHAT_API_BASE": down.URL + "," + s.URL},
		"the token": {"WECHAT_TOKEN_BASE": down.URL + ", " + s.URL},
	} {
		for _, on := range []string{"lambda", "scf"} {
			runtime := start(t, on, hosted.With(s.Variables(), bases))
			for range 3 {
				assert.Equal(t, hosted.Verified, hosted.Invoke(t, runtime, hosted.JSON(t, hosted.Sample(t)), nil), "%s on %s", name, on)
			}
		}
	}
	runtime := start(t, "scf", hosted.With(s.Variables(), map[string]string{"WECHAT_API_BASE": down.URL}))
	assert.Contains(t, hosted.Invoke(t, runtime, hosted.JSON(t, hosted.Sample(t)), nil), `"errCode":-604103`, "the twin: no other host")
}

func TestLogLine(t *testing.T) {
	h := host(t, hosted.Ample, nil)
	answers := map[string][]string{
		// Token and connection were there before the first call.
		"lambda": {`"upstream_attempts":1`, `"_aws":{`},
		"scf":    {`"upstream_attempts":2`, `"token_ms":`, `"token_fetches":1`},
	}
	if !hosted.OnRIE() {
		answers["lambda"] = append(answers["lambda"], `"trace_id":"Root=`)
	}
	for platform, fields := range answers {
		hosted.Invoke(t, h.on[platform], hosted.JSON(t, hosted.Sample(t)), nil)
		require.NoError(t, h.on[platform].Close())
		var line string
		for candidate := range strings.Lines(h.logs.String()) {
			if strings.Contains(candidate, `"msg":"invocation"`) && strings.Contains(candidate, `"platform":"`+platform+`"`) {
				require.Empty(t, line, "one line for each invocation")
				line = candidate
			}
		}
		for _, field := range append(fields, `"function":"verify"`, `"request_id":"`, `"source":"direct"`, `"cold":true`, `"errCode":0`,
			`"isOk":true`, `"outcome":"genuine"`, `"openid":"oSan***0001"`, `"total_ms":`, `"upstream_ms":`) {
			assert.Contains(t, line, field)
		}
	}
}

func TestFailingUpstreamDoesNotFailTheInit(t *testing.T) {
	s := hosted.NewSandbox(t, sandbox.Options{})
	require.NoError(t, s.Inject(sandbox.Fault{Kind: sandbox.FaultReset, Times: 3}))
	runtime := hosted.Lambda(t, "verify", s.Variables(), hosted.Ample, new(hosted.Log))
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, runtime, hosted.JSON(t, hosted.Sample(t)), nil))
	last, _ := s.LastRequest(verifyPath)
	assert.Contains(t, last.Header.Get("X-Amzn-Trace-Id"), "Root=", "the trace header is passed on")

	scf := hosted.SCF(t, "verify", s.Variables(), hosted.Ample, new(hosted.Log))
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, scf, hosted.JSON(t, hosted.Sample(t)), nil))
	last, _ = s.LastRequest(verifyPath)
	assert.Empty(t, last.Header.Get("X-Amzn-Trace-Id"), "the twin: SCF gave none")
}

func TestLogLevel(t *testing.T) {
	for level, want := range map[string]int{"info": 1, "warn": 0} {
		s, log := hosted.NewSandbox(t, sandbox.Options{}), new(hosted.Log)
		runtime := hosted.SCF(t, "verify", hosted.With(s.Variables(), map[string]string{"LOG_LEVEL": level}), hosted.Ample, log)
		hosted.Invoke(t, runtime, hosted.JSON(t, hosted.Sample(t)), nil)
		require.NoError(t, runtime.Close())
		assert.Equal(t, want, strings.Count(log.String(), `"msg":"invocation"`))
	}
}

func TestHTTPDoorAsksForItsToken(t *testing.T) {
	h := host(t, hosted.Ample, nil)
	gateway := httptest.NewServer(emulator.HTTPAPI(h.on["lambda"]))
	defer gateway.Close()
	url := gateway.URL + "/openapi/soter/verifySignature"
	body := hosted.JSON(t, hosted.Sample(t))
	status, answer := hosted.Post(t, url, body, http.Header{"Authorization": {"Bearer " + bearerToken}})
	assert.Equal(t, 200, status)
	assert.Equal(t, hosted.Verified, answer)
	status, answer = hosted.Post(t, url, body, http.Header{"Authorization": {"bearer " + bearerToken}})
	assert.Equal(t, 200, status, answer)
	for _, authorization := range []string{"", "Bearer", "Bearer x", "Basic " + bearerToken, bearerToken} {
		status, answer = hosted.Post(t, url, body, http.Header{"Authorization": {authorization}})
		assert.Equal(t, 401, status, authorization)
		assert.Contains(t, answer, `"errCode":-604101`)
	}
	status, answer = hosted.Post(t, gateway.URL+"/cgi-bin/soter/verify_signature?access_token="+bearerToken, body, nil)
	assert.Equal(t, 200, status)
	assert.Contains(t, answer, `"errcode":40001`)
}

func TestHTTPDoorIsClosedUnlessOpened(t *testing.T) {
	h := host(t, hosted.Ample, map[string]string{"HTTP_BEARER_TOKENS": ""})
	gateway := httptest.NewServer(emulator.HTTPAPI(h.on["lambda"]))
	defer gateway.Close()
	status, answer := hosted.Post(t, gateway.URL, hosted.JSON(t, hosted.Sample(t)), http.Header{"Authorization": {"Bearer "}})
	assert.Equal(t, 403, status)
	assert.Contains(t, answer, "set HTTP_BEARER_TOKENS")
}

func TestWrongConfigurationIsNamed(t *testing.T) {
	for name, variables := range map[string]map[string]string{
		"WECHAT_APPID is not set":                               {"WECHAT_APPID": ""},
		"WECHAT_APPSECRET is not set":                           {"WECHAT_APPSECRET": ""},
		"WECHAT_API_BASE must be an https":                      {"WECHAT_API_BASE": "http://api.weixin.qq.com"},
		"WECHAT_API_BASE must be an https addr":                 {"WECHAT_API_BASE": "https://api.weixin.qq.com,http://api2.weixin.qq.com"},
		"WECHAT_API_BASE holds an address that is":              {"WECHAT_API_BASE": "https://api.weixin.qq.com,https://api.weixin.qq.com"},
		"WECHAT_TOKEN_BASE must be an https":                    {"WECHAT_TOKEN_BASE": "ftp://127.0.0.1"},
		"ACCESS_TOKEN_MODE must be one of stable":               {"ACCESS_TOKEN_MODE": "fast"},
		"SOTER_VERIFIER must be one of":                         {"SOTER_VERIFIER": "trust"},
		"HTTP_AUTH must be one of":                              {"HTTP_AUTH": "none"},
		"LOG_LEVEL must be one of debug, info, warn, error":     {"LOG_LEVEL": "loud"},
		"COUNTER_POLICY cannot be enforced":                     {"COUNTER_POLICY": "enforce"},
		"HTTP_BEARER_TOKENS is not used with":                   {"HTTP_AUTH": "platform"},
		"HTTP_BEARER_TOKENS must be secrets":                    {"HTTP_BEARER_TOKENS": "fifteen-bytes-."},
		"AUTHKEYS_FILE is only for":                             {"AUTHKEYS_FILE": "authkeys.json"},
		"COUNTER_POLICY must be one of log, enforce":            {"COUNTER_POLICY": "maybe"},
		"AUTHKEYS_FILE, REDIS_URL or DYNAMODB_TABLE is not set": {"SOTER_VERIFIER": "local"},
		"not an address of the form redis://":                   {"REDIS_URL": "http://127.0.0.1"},
		"WECHAT_APPSECRET stands in quotes":                     {"WECHAT_APPSECRET": `"0123456789abcdef0123456789abcdef"`},
		"WECHAT_APPID must be an AppID":                         {"WECHAT_APPID": "your-appid"},
		"WECHAT_API_BASE must end before /cgi-bin":              {"WECHAT_API_BASE": "https://api.weixin.qq.com/cgi-bin"},
		"32": {"CHALLENGE_SECRET": "short"},
	} {
		h := host(t, hosted.Ample, variables)
		for platform, runtime := range h.on {
			answer := hosted.Invoke(t, runtime, hosted.JSON(t, hosted.Sample(t)), nil)
			assert.Contains(t, answer, name, platform)
			assert.Contains(t, answer, `"errCode":-604103`)
			assert.Contains(t, answer, `"isOk":false`)
		}
	}
}

func TestStartedByHandItSaysHowToRunIt(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, hosted.Binary("verify"))
	command.Env = []string{}
	said, err := command.CombinedOutput()
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit))
	assert.Equal(t, 2, exit.ExitCode())
	assert.Contains(t, string(said), "go run ./scripts/local demo")
}
