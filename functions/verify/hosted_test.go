package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

func TestMain(m *testing.M) { hosted.Main(m, "verify", "token", "challenge") }

// pair is the function on both platforms, in front of a sandbox.
type pair struct {
	hosted.Sandbox
	on   map[string]emulator.Runtime
	logs *hosted.Log
}

const bearerToken = "a-bearer-token-of-the-test"

// host starts the function; variables replace those that it gets by default.
func host(t *testing.T, timeout time.Duration, variables map[string]string) *pair {
	t.Helper()
	h := &pair{Sandbox: hosted.NewSandbox(t, sandbox.Options{}), logs: new(hosted.Log)}
	all := hosted.With(h.Variables(), map[string]string{"HTTP_BEARER_TOKENS": bearerToken})
	h.on = hosted.Both(t, "verify", hosted.With(all, variables), timeout, h.logs)
	return h
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return data
}

// TestEveryDoorOnBothRuntimes runs the event of each door, and compares the
// answer with the one that is recorded beside it; on AWS's own emulator, too.
func TestEveryDoorOnBothRuntimes(t *testing.T) {
	events, err := filepath.Glob("../../deploy/events/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(events), 17, "one event for each door")
	h := host(t, hosted.Ample, nil)
	h.on["lambda, by AWS"] = hosted.RIE(t, "verify", hosted.With(h.Variables(), map[string]string{"HTTP_BEARER_TOKENS": bearerToken}), hosted.Ample, h.logs)
	// The HTTPS Call door wants a token that WeChat has given.
	token := stableToken(t, h)
	verifiedEvents := 0
	for _, file := range events {
		name := filepath.Base(file)
		want := string(bytes.TrimSpace(readFile(t, filepath.Join("testdata/answers", name))))
		event := bytes.ReplaceAll(readFile(t, file), []byte(sandbox.EventToken), []byte(token))
		event = bytes.ReplaceAll(event, []byte("BEARER_TOKEN"), []byte(bearerToken))
		for platform, runtime := range h.on {
			got := hosted.Invoke(t, runtime, event, nil)
			assert.Equal(t, want, got, "%s on %s", name, platform)
			if isOK(got) {
				verifiedEvents++
			}
		}
	}
	assert.Equal(t, len(h.on)*(len(events)-3), verifiedEvents, "all but the two timers and the GET")
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
func stableToken(t *testing.T, h *pair) string {
	t.Helper()
	return hosted.StableToken(t, h.URL, sandbox.DefaultAppID, sandbox.DefaultAppSecret)
}
