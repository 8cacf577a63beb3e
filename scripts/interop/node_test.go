package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
)

// stamp, in node_modules, says from which package-lock.json it was installed.
const stamp = "node_modules/.installed-from"

// installed makes sure, once per run, that the SDKs stand in node_modules.
var installed = sync.OnceValue(func() string {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not installed"
		}
	}
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		return err.Error()
	}
	digest := sha256.Sum256(lock)
	want := hex.EncodeToString(digest[:])
	if have, err := os.ReadFile(filepath.FromSlash(stamp)); err == nil && string(have) == want {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if said, err := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts").CombinedOutput(); err != nil {
		return "npm ci: " + err.Error() + "\n" + string(said)
	}
	if err := os.WriteFile(filepath.FromSlash(stamp), []byte(want), 0o600); err != nil {
		return err.Error()
	}
	return ""
})

// needSDKs skips the test where Node or the SDKs cannot be had; in CI they must
// be there.
func needSDKs(t *testing.T) {
	t.Helper()
	switch problem := installed(); {
	case problem == "":
	case os.Getenv("CI") != "":
		t.Fatal(problem)
	default:
		t.Skip("wx-server-sdk cannot be run: " + problem)
	}
}

// node runs a script with in as JSON on its standard input, and reads JSON from
// its standard output. The script gets the variables given and PATH, so that no
// setting of this computer changes what the SDK does.
func node(t *testing.T, in, out any, variables []string, arguments ...string) {
	t.Helper()
	stdin, err := json.Marshal(in)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "node", arguments...)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, variables...)
	command.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	require.NoError(t, command.Run(), stderr.String())
	require.NoError(t, json.Unmarshal(stdout.Bytes(), out), stdout.String())
}
