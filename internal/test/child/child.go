// Package child runs another program as a server for tests. The program prints its port of
// loopback, and ends when its input is closed, at the latest when this process ends.
package child

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Start starts a program, which runs until the test ends, and returns its URL.
func Start(t testing.TB, command *exec.Cmd) (url string) {
	t.Helper()
	url, input := start(t, command)
	t.Cleanup(func() {
		_ = input.Close()
		_ = command.Wait()
	})
	return url
}

// Shared is one program for all tests of a process.
type Shared struct {
	mu      sync.Mutex
	url     string         // guarded by mu; "" until it is started
	input   io.WriteCloser // guarded by mu; kept open
	command *exec.Cmd      // guarded by mu; kept, because its pipe of the output is closed with it
}

// Start returns the URL of the program. The first call starts it.
func (s *Shared) Start(t testing.TB, command *exec.Cmd) (url string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url == "" {
		s.url, s.input = start(t, command)
		s.command = command
	}
	return s.url
}

func start(t testing.TB, command *exec.Cmd) (url string, input io.WriteCloser) {
	t.Helper()
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	check(t, err)
	output, err := command.StdoutPipe()
	check(t, err)
	check(t, command.Start())
	port, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("%s has not started: %v", command.Path, err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port), input
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
