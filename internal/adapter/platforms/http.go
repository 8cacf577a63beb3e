package platforms

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sotercall/internal/adapter"
)

// httpVariable is the port to listen on. It goes last: other platforms set it for
// purposes of their own.
const httpVariable = "PORT"

// hostVariable is the address to listen on; all interfaces if it is not set, as
// containers need it.
const hostVariable = "HOST"

// timeoutVariable is how long one request may take, as a Go duration such as 10s.
const timeoutVariable = "REQUEST_TIMEOUT"

// idleVariable is how long a connection of a client waits for its next request, as a
// Go duration. It must be longer than the proxies in front keep theirs, so that they
// hang up and not we: a request that is on its way meanwhile would be lost.
const idleVariable = "IDLE_TIMEOUT"

const (
	// requestTimeout is the default of REQUEST_TIMEOUT. Cloud Hosting waits for 60
	// seconds (WeChat Cloud Hosting, "development/call"), a page's user for less.
	requestTimeout = 10 * time.Second
	maxTimeout     = time.Minute
	// readTimeout bounds how long a client takes to send a request, headers and body.
	readTimeout = 10 * time.Second
	// idleTimeout is the default of IDLE_TIMEOUT. Envoy keeps connections for an hour
	// (Envoy, "How do I configure timeouts?"), others for less (docs/containers.md).
	idleTimeout = 65 * time.Minute
	maxIdle     = 24 * time.Hour
	maxHeader   = 16 << 10
	// noticeTime is how long a server that was told to stop still takes new
	// connections: until those in front have noticed, by /healthz or otherwise.
	noticeTime = 3 * time.Second
)

// startHTTP serves until the process is told to stop, and returns its exit status.
func startHTTP(h adapter.Handler, stderr io.Writer) int {
	timeout, err := duration(timeoutVariable, requestTimeout, maxTimeout)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return NotHosted
	}
	idle, err := duration(idleVariable, idleTimeout, maxIdle)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return NotHosted
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(os.Getenv(hostVariable), os.Getenv(httpVariable)))
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", httpVariable, err)
		return NotHosted
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	s := newHTTPServer(h, timeout, idle)
	if err := s.run(ctx, listener, noticeTime); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// duration reads a variable that holds a duration up to most.
func duration(name string, standard, most time.Duration) (time.Duration, error) {
	text := os.Getenv(name)
	if text == "" {
		return standard, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > most {
		return 0, fmt.Errorf("%s must be a duration above 0 and up to %v, such as %v", name, most, standard)
	}
	return d, nil
}

// httpServer is a [adapter.Handler] behind a port.
type httpServer struct {
	adapter.Requests
	server *http.Server
}

func newHTTPServer(h adapter.Handler, timeout, idle time.Duration) *httpServer {
	s := &httpServer{Requests: adapter.Requests{Handler: h, Timeout: timeout}}
	s.server = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		// What is left for writing the answer after the work had all of its time.
		WriteTimeout:   readTimeout + timeout + time.Second,
		IdleTimeout:    idle,
		MaxHeaderBytes: maxHeader,
	}
	return s
}

// run serves until ctx ends. For the time of notice it then still takes requests, answers
// each with Connection: close, and says at [adapter.HealthPath] that it is stopping, so that a
// balancer in front sends no more. Then it listens no more, and answers what is under way.
func (s *httpServer) run(ctx context.Context, listener net.Listener, notice time.Duration) error {
	failed := make(chan error, 1)
	go func() { failed <- s.server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.Stopping.Store(true)
	select {
	case err := <-failed:
		return err
	case <-time.After(notice):
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Timeout+time.Second)
	defer cancel()
	return s.server.Shutdown(ctx)
}
