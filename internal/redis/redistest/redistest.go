// Package redistest runs a real redis-server for a test, on a loopback port of
// its own.
package redistest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"sotercall/internal/secret"
)

// Server is a running redis-server with a password. What it holds is gone when it
// stops.
type Server struct {
	URL secret.Text

	t       testing.TB
	port    int
	folder  string
	process *exec.Cmd
}

const password = "redis-test-password"

// Start runs a server until the test ends. Where redis-server is not installed
// the test is skipped, in CI (the variable CI is set) it fails.
func Start(t testing.TB) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("redis-server is not installed")
		}
		t.Skip("redis-server is not installed: apt-get install redis-server")
	}
	s := &Server{t: t, port: freePort(t), folder: t.TempDir()}
	s.URL = secret.New(fmt.Sprintf("redis://:%s@127.0.0.1:%d/0", password, s.port))
	s.Run()
	t.Cleanup(s.Kill)
	return s
}

// Run starts the server, empty, on its port; after Kill it is a restart.
func (s *Server) Run() {
	s.t.Helper()
	log := filepath.Join(s.folder, "redis.log")
	s.process = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(s.port),
		"--requirepass", password, "--save", "", "--appendonly", "no", "--dir", s.folder, "--logfile", log)
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("tcp", s.addr())
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log)
			s.t.Fatalf("redis-server does not accept: %v\n%s", err, text)
		}
		time.Sleep(5 * time.Millisecond) // another process: there is nothing to wait on
	}
}

// Kill ends the server at once, as a crash does. It may be called again.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
	s.process = nil
}

func (s *Server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
