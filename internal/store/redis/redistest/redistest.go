// Package redistest runs real Redis servers for a test, on loopback ports of their own.
// They are one server, a Cluster, or a master with Sentinels.
package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"sotercall/internal/secret"
	"sotercall/internal/test/need"
	"sotercall/internal/test/tlstest"
)

// Password is the password of every [Server].
const Password = "redis-test-password"

// Server is a running redis-server with a password. It loses its data when it stops.
type Server struct {
	// URL is its address, password included.
	URL secret.Text

	t       testing.TB
	port    int
	folder  string
	options []string
	// password is the current one.
	password string
	process  *exec.Cmd     // nil after Kill
	exited   chan struct{} // closed when process has ended
}

// Start runs a server until the test ends, with further options as on redis-server's
// command line. If redis-server is not installed, the test is skipped; in CI (the variable
// CI is set) it fails.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	need.Program(t, "redis-server")
	s := &Server{t: t, port: need.Port(t), folder: t.TempDir(), options: options}
	s.URL = secret.New(fmt.Sprintf("redis://:%s@%s/0", Password, s.Addr()))
	t.Cleanup(s.Kill)
	s.Run()
	return s
}

// StartTLS is Start with a server that speaks TLS on the port of URL. Its certificate is
// valid for 127.0.0.1 alone; authority is the PEM file of the authority that issued it.
func StartTLS(t testing.TB) (s *Server, authority string) {
	t.Helper()
	authority, certificate, key := tlstest.NewForAddress().WriteFiles(t.TempDir())
	s = Start(t, "--tls-port", strconv.Itoa(need.Port(t)), "--tls-auth-clients", "no",
		"--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority)
	s.URL = secret.New(fmt.Sprintf("rediss://:%s@127.0.0.1:%s/0", Password, s.options[1]))
	return s, authority
}

// Run starts the server, empty, on its port; after Kill it is a restart.
func (s *Server) Run() {
	s.t.Helper()
	log := filepath.Join(s.folder, "redis.log")
	s.password = Password
	s.process = exec.Command("redis-server", append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--requirepass", Password,
		"--save", "", "--appendonly", "no", "--dir", s.folder, "--logfile", log,
	}, s.options...)...)
	s.start(log)
}

// start starts the process of a server and waits until it replies.
func (s *Server) start(log string) {
	s.t.Helper()
	started := make(chan error)
	s.exited = make(chan struct{})
	go run(s.process, started, s.exited)
	if err := <-started; err != nil {
		s.t.Fatal(err)
	}
	// Another process has nothing to wait on, so this polls until it replies.
	for tick, late := time.Tick(5*time.Millisecond), time.After(10*time.Second); !s.answers(); {
		select {
		case <-tick:
		case <-s.exited:
			s.t.Fatalf("redis-server has ended\n%s", read(log))
		case <-late:
			s.t.Fatalf("redis-server does not answer\n%s", read(log))
		}
	}
}

// run runs a process to its end, on a thread that lives as long. The kernel's kill of
// endWithUs is bound to the thread that starts the process.
func run(process *exec.Cmd, started chan<- error, exited chan<- struct{}) {
	runtime.LockOSThread()
	defer close(exited)
	process.SysProcAttr = endWithUs()
	err := process.Start()
	started <- err
	if err == nil {
		_ = process.Wait()
	}
}

// answers reports whether our server listens, and not one that got the same port.
func (s *Server) answers() bool {
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprintf(c, "AUTH %s\r\n", Password)
	reply := make([]byte, 5)
	_, err = c.Read(reply)
	return err == nil && strings.HasPrefix(string(reply), "+OK")
}

// Kill ends the server at once, as a crash does. It may be called again.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	if s.process.Process != nil {
		_ = s.process.Process.Kill()
	}
	<-s.exited
	s.process = nil
}

// Do runs a command on the server, on a connection of its own, and returns the reply, nil
// if there is none. CONFIG SET, REPLICAOF, CLIENT KILL and others cause the events of a
// server in operation.
func (s *Server) Do(command string, args ...any) any {
	s.t.Helper()
	reply, err := s.try(command, args...)
	if err != nil {
		s.t.Fatalf("%s: %v", command, err)
	}
	return reply
}

func (s *Server) try(command string, args ...any) (any, error) {
	c := redis.NewClient(&redis.Options{
		Addr: s.Addr(), Password: s.password, Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1,
		ReadTimeout: 10 * time.Second, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	defer c.Close()
	reply, err := c.Do(context.Background(), append([]any{command}, args...)...).Result()
	if errors.Is(err, redis.Nil) {
		err = nil
	}
	return reply, err
}

// ChangePassword changes the server's password. URL keeps the old one, and connected
// clients must authenticate again.
func (s *Server) ChangePassword(password string) {
	s.t.Helper()
	s.Do("CONFIG", "SET", "requirepass", password)
	s.password = password
	s.CutConnections()
}

// CutConnections closes the connections of all clients, as a server does that restarts or
// fails over.
func (s *Server) CutConnections() {
	s.t.Helper()
	s.Do("CLIENT", "KILL", "TYPE", "normal")
}

// Pause stops the process without ending it: it accepts connections and does not reply.
// goOn resumes it; it may be called again.
func (s *Server) Pause() (goOn func()) {
	s.t.Helper()
	process := s.process.Process
	if err := pause(process); err != nil {
		s.t.Fatal(err)
	}
	return func() { _ = resume(process) }
}

// Addr returns its host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func read(name string) string {
	text, _ := os.ReadFile(name)
	return string(text)
}
