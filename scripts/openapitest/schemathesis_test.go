package openapitest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

// schemathesis makes the requests that a document describes, and many that it forbids, to
// functions/service in front of the sandbox. It says which replies the document does not
// describe.
func schemathesis(t *testing.T, document string, requests int) (said string, err error) {
	t.Helper()
	program := need.Python(t, "schemathesis")
	weChat := hosted.NewSandbox(t, sandbox.Options{})
	service := hosted.HTTP(t, "service", hosted.With(weChat.Variables(), map[string]string{
		"HTTP_BEARER_TOKENS": bearerToken, "TOKEN_CLIENT_SECRETS": clientSecret, "CHALLENGE_SECRET": strings.Repeat("c", 32),
	}), hosted.Ample, &hosted.Log{})
	settings, err := filepath.Abs("schemathesis.toml")
	require.NoError(t, err)
	document, err = filepath.Abs(document)
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), program, "--config-file", settings, "run", document, "--url", service.URL,
		"--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance",
		"--phases", "examples,coverage,fuzzing", "--seed", "1", "--max-examples", fmt.Sprint(requests),
		"--workers", "2", "--no-color", "--generation-database", "none")
	command.Dir = t.TempDir() // where it would leave its files
	command.Env = append(os.Environ(), "BEARER="+bearerToken,
		"ACCESS_TOKEN="+hosted.StableToken(t, service.URL, sandbox.DefaultAppID, clientSecret))
	out, err := command.CombinedOutput()
	return string(out), err
}

// TestSchemathesis: no reply that the document does not describe, and no 500.
func TestSchemathesis(t *testing.T) {
	requests := 25
	if os.Getenv("LONG") != "" {
		requests = 1000
	}
	said, err := schemathesis(t, document, requests)
	assert.NoError(t, err, said)
}

// TestSchemathesisFindsMistakes is the twin: a document that lacks a status.
func TestSchemathesisFindsMistakes(t *testing.T) {
	content, err := os.ReadFile(document)
	require.NoError(t, err)
	broken := bytes.Replace(content, []byte("\"400\":\n          description: The request is wrong (-501007), or WeChat"), []byte("\"409\":\n          description: The request is wrong (-501007), or WeChat"), 1)
	require.NotEqual(t, content, broken)
	file := filepath.Join(t.TempDir(), "openapi.yaml")
	require.NoError(t, os.WriteFile(file, broken, 0o600))
	said, err := schemathesis(t, file, 1)
	assert.Error(t, err)
	assert.Contains(t, said, "Undocumented status code")
	assert.Contains(t, said, "POST /openapi/soter/verifySignature")
}
