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

// httpVariable is the port to listen on. It is checked last: other platforms set it for
// purposes of their own.
const httpVariable = "PORT"

// hostVariable is the address to listen on; if it is not set, all interfaces, as containers
// need.
const hostVariable = "HOST"

// timeoutVariable bounds one request, as a Go duration such as 10s.
const timeoutVariable = "REQUEST_TIMEOUT"

// idleVariable bounds a client's idle connection, as a Go duration. It must be longer than
// the limit of the proxies in front, so that they close first. If we do, a request that is
// in transit is lost.
const idleVariable = "IDLE_TIMEOUT"

const (
	// requestTimeout is the default of REQUEST_TIMEOUT. Cloud Hosting waits for 60 seconds
	// (WeChat Cloud Hosting, "development/call"), a page's user for less.
	requestTimeout = 10 * time.Second
	maxTimeout     = time.Minute
	// readTimeout bounds the sending of a request by a client, headers and body.
	readTimeout = 10 * time.Second
	// idleTimeout is the default of IDLE_TIMEOUT. Envoy keeps connections for an hour
	// (Envoy, "How do I configure timeouts?"), others for less (docs/containers.md).
	idleTimeout = 65 * time.Minute
	maxIdle     = 24 * time.Hour
	maxHeader   = 16 << 10
	// noticeTime is how long a server still accepts connections after the signal to stop.
	// In that time the proxies in front notice, by /healthz or otherwise.
	noticeTime = 3 * time.Second
)

// startHTTP serves until the signal to stop, and returns the exit status.
func startHTTP(h adapter.Function, stderr io.Writer) int {
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

// duration reads a variable with a duration. standard is its default, and most its upper
// limit.
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

// httpServer is an [adapter.Function] behind a port.
type httpServer struct {
	adapter.Requests
	server *http.Server
}

func newHTTPServer(h adapter.Function, timeout, idle time.Duration) *httpServer {
	s := &httpServer{Requests: adapter.Requests{Function: h, Timeout: timeout}}
	s.server = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		// The rest of the time is for writing the response, if the work has used all of its
		// own.
		WriteTimeout:   readTimeout + timeout + time.Second,
		IdleTimeout:    idle,
		MaxHeaderBytes: maxHeader,
	}
	return s
}

// run serves until ctx ends. During the notice time it still serves requests, with
// Connection: close, and reports at [adapter.HealthPath] that it is stopping. So a balancer
// in front sends no more. Then it closes the listener, and finishes the requests under way.
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
