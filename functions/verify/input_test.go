package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/test/hosted"
)

func (h *pair) context() context.Context { return context.Background() }

func call(event []byte) emulator.Call { return emulator.Call{Payload: event} }

// TestEveryByteStringIsAnswered: whatever comes in is answered with JSON, by a
// function that goes on, and isOk is true for none of it.
func TestEveryByteStringIsAnswered(t *testing.T) {
	h := host(t, hosted.Ample, map[string]string{"HTTP_AUTH": "platform", "HTTP_BEARER_TOKENS": ""})
	junk := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(junk)
	inputs := map[string][]byte{
		"nothing":             {},
		"blank":               []byte(" "),
		"null":                []byte("null"),
		"1 MiB of junk":       junk,
		"1 MiB of blanks":     bytes.Repeat([]byte(" "), 1<<20),
		"1 MiB of brackets":   bytes.Repeat([]byte("["), 1<<20),
		"1 MiB of objects":    bytes.Repeat([]byte(`{"a":`), 1<<20/5),
		"1 MiB in jsonString": []byte(`{"openid":"o","jsonString":"` + strings.Repeat("x", 1<<20) + `","jsonSignature":"x"}`),
		"1 MiB as a body":     []byte(`{"httpMethod":"POST","path":"/","headers":{},"body":"` + strings.Repeat("x", 1<<20) + `"}`),
		"100,000 headers":     []byte(`{"httpMethod":"POST","path":"/","headers":{` + strings.Repeat(`"a":"b",`, 100_000) + `"c":"d"},"body":"{}"}`),
		"a lone surrogate":    []byte(`{"openid":"\ud800"}`),
		"not UTF-8":           []byte("{\"openid\":\"\xff\"}"),
		"a path with a NUL":   []byte(`{"httpMethod":"POST","path":"/\u0000","headers":{},"body":"{}"}`),
		"a broken body":       []byte(`{"httpMethod":"POST","path":"/","headers":{},"body":"!","isBase64Encoded":true}`),
		"headers a number":    []byte(`{"httpMethod":"POST","path":"/","headers":7}`),
		"a method with blank": []byte(`{"httpMethod":"PO ST","path":"/","headers":{}}`),
	}
	for _, file := range awsEvents(t) {
		inputs[filepath.Base(file)] = readFile(t, file)
	}
	for name, input := range inputs {
		for platform, runtime := range h.on {
			answer := hosted.Invoke(t, runtime, input, nil)
			assert.True(t, jsontext.Value(answer).IsValid(), "%s on %s: %.200s", name, platform, answer)
			assert.False(t, isOK(answer), "%s on %s: %.200s", name, platform, answer)
			assert.Regexp(t, `\\?"errCode\\?":-?[1-9]`, answer, "%s on %s", name, platform)
		}
	}
	// The twin: the same processes verify.
	for _, runtime := range h.on {
		assert.Equal(t, hosted.Verified, hosted.Invoke(t, runtime, hosted.JSON(t, hosted.Sample(t)), nil))
	}
	assert.NotContains(t, h.logs.String(), `"panic"`)
}

// awsEvents are the events that aws-lambda-go recorded, of all AWS services.
func awsEvents(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go").Output()
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "events/testdata/*.json"))
	require.NoError(t, err)
	require.Greater(t, len(files), 90)
	return files
}
