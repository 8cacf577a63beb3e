package adapter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// HTTP is a container that takes requests on a port: WeChat Cloud Hosting, an HTTP
// function of CloudBase, Docker, Kubernetes.
const HTTP Platform = "http"

// httpVariable is the port to listen on. It goes last: other platforms set it for
// purposes of their own.
const httpVariable = "PORT"

// hostVariable is the address to listen on; all interfaces if it is not set, as
// containers need it.
const hostVariable = "HOST"

// timeoutVariable is how long one request may take, as a Go duration such as 10s.
const timeoutVariable = "REQUEST_TIMEOUT"

const (
	// requestTimeout is the default of REQUEST_TIMEOUT. Cloud Hosting waits for 60
	// seconds (WeChat Cloud Hosting, "development/call"), a page's user for less.
	requestTimeout = 10 * time.Second
	maxTimeout     = time.Minute
	// readTimeout bounds how long a client takes to send a request, headers and body.
	readTimeout = 10 * time.Second
	// idleTimeout is how long a connection waits for its next request: longer than
	// the gateways in front keep theirs, so that they hang up and not we.
	idleTimeout = 2 * time.Minute
	maxHeader   = 16 << 10
	// maxRequestBody is above what any call reads, so that the call itself says what
	// is too long.
	maxRequestBody = 256 << 10
	// noticeTime is how long a server that was told to stop still takes new
	// connections: until those in front have noticed, by /healthz or otherwise.
	noticeTime = 3 * time.Second
	// settleTime is how long a connection that a client is just opening has to be
	// accepted before the server listens no more, and then to send its request.
	settleTime = 250 * time.Millisecond
)

// HealthPath answers 200 while the function is configured and not stopping, and
// 503 with the reason otherwise. It needs no authorization and tells no secret.
const HealthPath = "/healthz"

// startHTTP serves until the process is told to stop, and returns its exit status.
func startHTTP(h Handler, stderr io.Writer) int {
	timeout := requestTimeout
	if text := os.Getenv(timeoutVariable); text != "" {
		var err error
		if timeout, err = time.ParseDuration(text); err != nil || timeout <= 0 || timeout > maxTimeout {
			fmt.Fprintf(stderr, "%s must be a duration above 0 and up to %v, such as 10s\n", timeoutVariable, maxTimeout)
			return NotHosted
		}
	}
	listener, err := listen(net.JoinHostPort(os.Getenv(hostVariable), os.Getenv(httpVariable)))
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", httpVariable, err)
		return NotHosted
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	s := newHTTPServer(h, timeout)
	if err := s.run(ctx, listener, noticeTime); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// listen opens a listener that [takeNoMore] can close to new connections, which the
// kernel does not offer for Multipath TCP, Go's default.
func listen(address string) (net.Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	return config.Listen(context.Background(), "tcp", address)
}

// httpServer is a Handler behind a port.
type httpServer struct {
	handler  Handler
	timeout  time.Duration
	stopping atomic.Bool
	server   *http.Server

	mu   sync.Mutex
	busy map[net.Conn]http.ConnState // guarded by mu; the connections that are new or active
}

func newHTTPServer(h Handler, timeout time.Duration) *httpServer {
	s := &httpServer{handler: h, timeout: timeout, busy: map[net.Conn]http.ConnState{}}
	s.server = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		// What is left for writing the answer after the work had all of its time.
		WriteTimeout:   readTimeout + timeout + time.Second,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeader,
		ConnState:      s.track,
	}
	return s
}

// track keeps the connections that are neither idle nor gone.
func (s *httpServer) track(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == http.StateNew || state == http.StateActive {
		s.busy[c] = state
	} else {
		delete(s.busy, c)
	}
}

// isBusy reports whether a request is under way, or expected on a new connection.
func (s *httpServer) isBusy(expected bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, state := range s.busy {
		if expected || state == http.StateActive {
			return true
		}
	}
	return false
}

// run serves until ctx ends, and then breaks nothing. For the time of notice it
// still takes requests, each answered with Connection: close, so that nobody is
// left with a connection that ends under a request. Then it listens no more, and
// answers what has come in. Only then does it shut down: from that moment on
// http.Server drops what it reads.
func (s *httpServer) run(ctx context.Context, listener net.Listener, notice time.Duration) error {
	failed := make(chan error, 1)
	go func() { failed <- s.server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	select {
	case err := <-failed:
		return err
	case <-time.After(notice):
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout+time.Second)
	defer cancel()
	takeNoMore(listener)
	time.Sleep(settleTime)
	_ = listener.Close()
	<-failed // it says that the listener is closed
	closed := time.Now()
	for s.isBusy(time.Since(closed) < settleTime) && ctx.Err() == nil {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
		}
	}
	return s.server.Shutdown(ctx)
}

// ServeHTTP implements http.Handler.
func (s *httpServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	stopping := s.stopping.Load()
	if stopping {
		w.Header().Set("Connection", "close")
	}
	if r.URL.Path == HealthPath {
		s.health(w, r, stopping)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.timeout-reserve(s.timeout))
	defer cancel()
	r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
	s.handler.Serve(ctx, Invocation{Platform: HTTP, RequestID: requestID(r)}, w, r)
}

func (s *httpServer) health(w http.ResponseWriter, r *http.Request, stopping bool) {
	err := s.handler.Configured()
	if stopping {
		err = errors.New("stopping")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(w, err)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// requestID is the gateway's name for a request, or one of our own.
func requestID(r *http.Request) string {
	const longest = 64
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > longest {
		return rand.Text()
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return rand.Text()
		}
	}
	return id
}
