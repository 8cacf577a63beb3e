//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/need"
)

const asCommand = "LOCAL_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		_ = os.Unsetenv(asCommand)
		main()
	}
	os.Exit(m.Run())
}

// local is the command as a process of its own.
func local(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], args...)
	command.Env = append(os.Environ(), asCommand+"=yes", "LC_ALL=C")
	return command
}

func status(err error) int {
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

func TestTheCommandIsBuiltAndRun(t *testing.T) {
	need.Time(t)
	out, err := local(t, "help").Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), "go run ./scripts/local demo -v")

	var stderr bytes.Buffer
	wrong := local(t, "nonsense")
	wrong.Stderr = &stderr
	assert.Equal(t, 2, status(wrong.Run()), "the status is the command's")
	assert.Contains(t, stderr.String(), `there is no command "nonsense"`)
}

// goProgram makes a go command of a shell script, and returns the variable PATH with
// which it is found.
func goProgram(t *testing.T, script string) (path string) {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "go"), []byte("#!/bin/sh\n"+script), 0o700))
	return "PATH=" + folder + ":" + os.Getenv("PATH")
}

// While nothing has been compiled yet, something is said all the same; and whoever
// does not want to wait leaves nothing running.
func TestItSaysThatItBuildsAndCanBeStopped(t *testing.T) {
	for _, said := range []struct{ lang, building string }{{"en", "Building the sandbox"}, {"zh", "正在构建沙箱"}} {
		var rest bytes.Buffer
		command := local(t, "demo", "-lang", said.lang)
		command.Env = append(command.Env, goProgram(t, "trap 'echo the go command has stopped >&2; exit 1' INT\nwhile :; do sleep 0.02; done\n"))
		stderr, err := command.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, command.Start())
		lines := bufio.NewReader(stderr)
		first, err := lines.ReadString('\n')
		require.NoError(t, err)
		assert.Contains(t, first, said.building)
		require.NoError(t, command.Process.Signal(syscall.SIGTERM))
		_, err = io.Copy(&rest, lines)
		require.NoError(t, err)
		assert.Equal(t, 130, status(command.Wait()))
		assert.Equal(t, []string{"the go command has stopped", "local: interrupted"}, strings.Split(strings.TrimSpace(rest.String()), "\n"))
	}
}

func TestWhatCannotBeBuiltIsTheGoCommandsToTell(t *testing.T) {
	var stderr bytes.Buffer
	command := local(t, "demo")
	command.Env = append(command.Env, goProgram(t, "echo main.go:1: a mistake >&2; exit 1\n"))
	command.Stderr = &stderr
	assert.Equal(t, 1, status(command.Run()))
	assert.Equal(t, "main.go:1: a mistake\n", stderr.String())
}
