package exampletest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"sotercall/internal/nodemodules"
)

// need skips the test where a program cannot be had; in CI it must be there.
func need(t *testing.T, problem error) {
	t.Helper()
	switch {
	case problem == nil:
	case os.Getenv("CI") != "":
		t.Fatal(problem)
	default:
		t.Skip(problem)
	}
}

func needProgram(t *testing.T, name string) {
	t.Helper()
	_, err := exec.LookPath(name)
	need(t, err)
}

// installed makes sure, once per run, that node_modules is complete.
var installed = sync.OnceValue(func() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return nodemodules.Install(ctx, ".")
})

// node runs a script with in as JSON on its standard input, and reads JSON from its
// standard output.
func node(t *testing.T, script string, in, out any) {
	t.Helper()
	stdin, err := json.Marshal(in)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "node", script)
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	command.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	require.NoError(t, command.Run(), stderr.String())
	require.NoError(t, json.Unmarshal(stdout.Bytes(), out), stdout.String())
}
