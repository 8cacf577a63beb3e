package sandbox

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

// Request is an API request as it arrived.
type Request struct {
	Method, Path string
	RawQuery     string // holds the access_token
	Header       http.Header
	Body         []byte // the exact bytes
}

// Requests returns how many requests arrived at an API path, answered or not; "" counts all
// of them. Control paths are not counted.
func (s *Sandbox) Requests(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count(func(of counted) bool { return path == "" || of.path == path })
}

// Requests is Sandbox.Requests for this app alone: requests with its credentials or one of
// its tokens, or through its open API service. Cloud Calls are the first app's.
func (a *App) Requests(path string) int {
	a.sandbox.mu.Lock()
	defer a.sandbox.mu.Unlock()
	return a.sandbox.count(func(of counted) bool { return of.appID == a.id && (path == "" || of.path == path) })
}

// counted is the key of the counts of requests; appID is "" if they concern no app.
type counted struct{ appID, path string }

// count must be called with mu held.
func (s *Sandbox) count(which func(of counted) bool) int {
	total := 0
	for of, n := range s.counts {
		if which(of) {
			total += n
		}
	}
	return total
}

// LastRequest returns the newest request that arrived at an API path, and
// whether there was one.
func (s *Sandbox) LastRequest(path string) (Request, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.last[path]
	return r, ok
}

// observed reads the request whole, counts it, and applies at most one fault. It must read
// first for two reasons. Only then does net/http notice that a client leaves. And a
// connection that is closed with unread bytes is reset, not closed.
func (s *Sandbox) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			refuseBody(w, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		app := s.appOf(r, body)
		s.record(r, body, app)

		fault, ok := s.takeFault(r.URL.Path, app)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		s.strike(fault, next, w, r)
	})
}

func refuseBody(w http.ResponseWriter, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		bodySize.Refuse()
		http.Error(w, "request body too large", http.StatusRequestEntityTooLarge)
		return
	}
	http.Error(w, "request body could not be read", http.StatusBadRequest)
}

func (s *Sandbox) record(r *http.Request, body []byte, appID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[counted{appID, r.URL.Path}]++
	s.last[r.URL.Path] = Request{
		Method:   r.Method,
		Path:     r.URL.Path,
		RawQuery: r.URL.RawQuery,
		Header:   r.Header.Clone(),
		Body:     body,
	}
}
