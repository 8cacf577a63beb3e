package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/emulator"
	"sotercall/internal/sandbox"
)

// binary is the function as it is deployed, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "verify-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		binary = filepath.Join(folder, "verify")
		build := exec.Command("go", "build", "-trimpath", "-tags", "lambda.norpc", "-o", binary, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("go build: %v\n%s", err, out))
		}
		return m.Run()
	}())
}

// hosted is the function on both platforms, in front of a sandbox.
type hosted struct {
	*sandbox.Sandbox
	url  string
	on   map[string]emulator.Runtime
	logs logs
}

// logs is everything that the function wrote.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

const bearerToken = "BEARER_TOKEN" // as it stands in deploy/events

// host starts the function; variables replace those that it gets by default.
func host(t *testing.T, timeout time.Duration, variables map[string]string) *hosted {
	t.Helper()
	s, err := sandbox.New(sandbox.Options{})
	require.NoError(t, err)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	h := &hosted{Sandbox: s, url: server.URL, on: map[string]emulator.Runtime{}}
	f := emulator.Function{Name: "verify", Binary: binary, Timeout: timeout, Log: &h.logs, Env: map[string]string{
		"WECHAT_APPID":       sandbox.DefaultAppID,
		"WECHAT_APPSECRET":   sandbox.DefaultAppSecret,
		"WECHAT_API_BASE":    server.URL,
		"HTTP_BEARER_TOKENS": bearerToken,
	}}
	for name, value := range variables {
		f.Env[name] = value
	}
	h.on["lambda"], err = emulator.StartLambda(t.Context(), f)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, h.on["lambda"].Close()) })
	h.on["scf"], err = emulator.StartSCF(t.Context(), f)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, h.on["scf"].Close()) })
	return h
}

// invoke runs one event, which must not end in a function error.
func invoke(t *testing.T, runtime emulator.Runtime, event []byte, environment map[string]string) []byte {
	t.Helper()
	answer, err := runtime.Invoke(context.Background(), emulator.Call{Payload: event, Environment: environment})
	require.NoError(t, err)
	require.Empty(t, answer.FunctionError, "%s", answer.Payload)
	return answer.Payload
}

const verified = `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`

// sample is the event of deploy/events that the sandbox's demo user has signed.
func sample(t *testing.T) sandbox.Signed {
	t.Helper()
	var signed sandbox.Signed
	require.NoError(t, json.Unmarshal(readFile(t, "../../deploy/events/direct.json"), &signed))
	return signed
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return data
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return data
}

// TestEveryDoorOnBothRuntimes runs the event of each door, and compares the
// answer with the one that is recorded beside it.
func TestEveryDoorOnBothRuntimes(t *testing.T) {
	events, err := filepath.Glob("../../deploy/events/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(events), 17, "one event for each door")
	h := host(t, 10*time.Second, nil)
	// The HTTPS Call door wants a token that WeChat has given.
	token := stableToken(t, h)
	verifiedEvents := 0
	for _, file := range events {
		name := filepath.Base(file)
		want := string(bytes.TrimSpace(readFile(t, filepath.Join("testdata/answers", name))))
		event := bytes.ReplaceAll(readFile(t, file), []byte("ACCESS_TOKEN"), []byte(token))
		for platform, runtime := range h.on {
			got := string(invoke(t, runtime, event, nil))
			assert.Equal(t, want, got, "%s on %s", name, platform)
			if isOK(got) {
				verifiedEvents++
			}
		}
	}
	assert.Equal(t, 2*(len(events)-3), verifiedEvents, "all but the two timers and the GET")
}

// isOK finds a positive verdict in an answer of any door.
func isOK(answer string) bool {
	for _, text := range []string{answer, strings.ReplaceAll(answer, `\"`, `"`), decodedBody(answer)} {
		if strings.Contains(text, `"isOk":true`) || strings.Contains(text, `"is_ok":true`) {
			return true
		}
	}
	return false
}

func decodedBody(answer string) string {
	var response struct {
		Body string `json:"body"`
	}
	if json.Unmarshal([]byte(answer), &response) != nil {
		return ""
	}
	decoded, err := base64.StdEncoding.DecodeString(response.Body)
	if err != nil {
		return response.Body
	}
	return string(decoded)
}

// stableToken fetches a token as a WeChat SDK would.
func stableToken(t *testing.T, h *hosted) string {
	t.Helper()
	return fetchStableToken(t, h.url, sandbox.DefaultAppID, sandbox.DefaultAppSecret)
}
