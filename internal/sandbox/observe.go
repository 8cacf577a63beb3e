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
	Body         []byte // exactly the bytes that were sent
}

// Requests returns how many requests arrived at an API path, answered or not;
// "" counts all of them. Control paths are not counted.
func (s *Sandbox) Requests(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if path != "" {
		return s.counts[path]
	}
	total := 0
	for _, n := range s.counts {
		total += n
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

// observed reads the request whole, counts it, and lets at most one fault
// strike. Reading first matters twice: only then does net/http notice a client
// that leaves, and a connection closed over unread bytes is reset, not closed.
func (s *Sandbox) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			refuseBody(w, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.record(r, body)

		fault, ok := s.takeFault(r, body)
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
		http.Error(w, "request body too large", http.StatusRequestEntityTooLarge)
		return
	}
	http.Error(w, "request body could not be read", http.StatusBadRequest)
}

func (s *Sandbox) record(r *http.Request, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[r.URL.Path]++
	s.last[r.URL.Path] = Request{
		Method:   r.Method,
		Path:     r.URL.Path,
		RawQuery: r.URL.RawQuery,
		Header:   r.Header.Clone(),
		Body:     body,
	}
}
