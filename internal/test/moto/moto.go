// Package moto runs a stand-in for many AWS services for tests: moto's server, one process
// for all tests of a package, on loopback. Each test uses names of its own.
package moto

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"sotercall/internal/test/need"
)

// Credentials of the server's clients. It accepts any, unless IAM is enforced.
const (
	Region    = "eu-west-1"
	AccessKey = "AKIDOFTHETESTWITHMOTO"
	SecretKey = "the-secret-access-key-of-the-test"
)

//go:embed serve.py
var program string

// process is the server of this process. It ends when its standard input is closed, at the
// latest when this process ends.
var process struct {
	mu      sync.Mutex
	address string // guarded by mu; "" until it is started
	command *exec.Cmd
	input   io.WriteCloser
}

// Start returns the URL of the server. The first test starts it. It needs Python: see
// package need.
func Start(t testing.TB) (url string) {
	t.Helper()
	python := need.Python(t, "python")
	process.mu.Lock()
	defer process.mu.Unlock()
	if process.address == "" {
		command, input, address, err := serve(python)
		if err != nil {
			t.Fatal(err)
		}
		process.command, process.input, process.address = command, input, address
	}
	return process.address
}

// StartWithIAM returns the URL of a server of the test's own. After the first free requests
// it refuses what the policies of a caller do not allow.
func StartWithIAM(t testing.TB, free int) (url string) {
	t.Helper()
	command, input, url, err := serve(need.Python(t, "python"), fmt.Sprintf("INITIAL_NO_AUTH_ACTION_COUNT=%d", free))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = command.Wait()
	})
	return url
}

// serve starts a server, which ends when its input is closed.
func serve(python string, variables ...string) (command *exec.Cmd, input io.WriteCloser, url string, err error) {
	command = exec.Command(python, "-c", program)
	command.Stderr = os.Stderr
	command.Env = append(os.Environ(), variables...)
	if input, err = command.StdinPipe(); err != nil {
		return nil, nil, "", err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, nil, "", err
	}
	if err := command.Start(); err != nil {
		return nil, nil, "", err
	}
	port, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		return nil, nil, "", fmt.Errorf("moto has not started: %w", err)
	}
	return command, input, "http://127.0.0.1:" + strings.TrimSpace(port), nil
}
