package adapter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"sotercall/internal/upstream"
	"sotercall/internal/version"
)

// HealthPath returns 200 and ok while the function is configured and not stopping, else 503
// with the reason. The second line is the version. Further lines count lost log lines, if
// any, and are the function's notices. It needs no authorization and reveals no secret.
const HealthPath = "/healthz"

// MaxRequestBody is above the limit of every call, so that the call itself reports a body
// that is too long.
const MaxRequestBody = 256 << 10

// Requests passes the requests of an HTTP server to Function, each with a deadline after
// Timeout, less the [Reserve]. Set the fields before the first request.
type Requests struct {
	Function Function
	Timeout  time.Duration
	Life     *upstream.Life // ends the work on a request, too; nil: as long as the process
	// Stopping says that the server will end: each response then ends its connection, and
	// [HealthPath] reports it.
	Stopping atomic.Bool
}

// Reserve returns the part of the time left that is reserved for the response: a tenth, at
// most half a second.
func Reserve(left time.Duration) time.Duration { return min(left/10, 500*time.Millisecond) }

// ServeHTTP implements http.Handler.
func (s *Requests) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	stopping := s.Stopping.Load()
	if stopping {
		w.Header().Set("Connection", "close")
	}
	if r.URL.Path == HealthPath {
		s.health(w, r, stopping)
		return
	}
	// The context of r ends when the client has closed its side of the connection. The
	// client may still read the response (RFC 9112, section 9.6), and nothing shows whether
	// it does.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), s.Timeout-Reserve(s.Timeout))
	defer cancel()
	ctx, stop := s.Life.Bound(ctx)
	defer stop()
	r.Body = http.MaxBytesReader(w, r.Body, MaxRequestBody)
	s.Function.Serve(ctx, Invocation{Platform: HTTP, RequestID: requestID(r)}, w, r)
}

func (s *Requests) health(w http.ResponseWriter, r *http.Request, stopping bool) {
	err := s.Function.Configured()
	if stopping {
		err = errors.New("stopping")
	}
	WriteHealth(w, err)
	if dropped := s.Function.LogDropped(); dropped > 0 {
		_, _ = fmt.Fprintf(w, "log lines dropped: %d\n", dropped)
	}
	for _, notice := range s.Function.Notices() {
		_, _ = fmt.Fprintln(w, notice)
	}
}

// WriteHealth writes the response of [HealthPath]: for a function that cannot work because
// of err, or can if err is nil.
func WriteHealth(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	text := "ok"
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = err.Error()
	}
	_, _ = fmt.Fprintf(w, "%s\nversion: %s\n", text, version.String())
}

// requestID returns the gateway's ID of a request, or one of our own.
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
