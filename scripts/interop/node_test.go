package interop

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/tlstest"
)

// node runs a script with in as JSON on its standard input, and reads JSON from
// its standard output. The script gets the variables given and PATH, so that no
// setting of this computer changes what the SDK does, and trusts the sandbox.
func node(t *testing.T, in, out any, variables []string, arguments ...string) {
	t.Helper()
	stdin, err := json.Marshal(in)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "node", arguments...)
	authority := filepath.Join(t.TempDir(), "authority.pem")
	require.NoError(t, os.WriteFile(authority, tlstest.Own().PEM, 0o600))
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "NODE_EXTRA_CA_CERTS=" + authority}, variables...)
	command.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	require.NoError(t, command.Run(), stderr.String())
	require.NoError(t, json.Unmarshal(stdout.Bytes(), out), stdout.String())
}
