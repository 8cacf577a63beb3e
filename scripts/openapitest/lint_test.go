package openapitest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/need"
)

// lint runs Redocly CLI, which is told not to send anything anywhere.
func lint(t *testing.T, file string) (said string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	need.NodeModules(t, ".")
	command := exec.CommandContext(ctx, "node", "node_modules/@redocly/cli/bin/cli.js", "lint", "--config", "redocly.yaml", file)
	command.Env = append(command.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true")
	out, err := command.CombinedOutput()
	return string(out), err
}

func TestLint(t *testing.T) {
	said, err := lint(t, document)
	assert.NoError(t, err, said)
}

// TestLintFindsMistakes is the twin: an example that is against its schema.
func TestLintFindsMistakes(t *testing.T) {
	content, err := os.ReadFile(document)
	require.NoError(t, err)
	broken := bytes.Replace(content, []byte("value: {isOk: true,"), []byte("value: {isOk: yes please,"), 1)
	require.NotEqual(t, content, broken)
	file := filepath.Join(t.TempDir(), "openapi.yaml")
	require.NoError(t, os.WriteFile(file, broken, 0o600))
	said, err := lint(t, file)
	assert.Error(t, err)
	assert.Contains(t, said, "isOk")
}
