package dynalite

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// Fault is a failure of requests to a table.
type Fault struct {
	// Action is the action that it affects, such as PutItem; all if empty.
	Action string
	// Times is how many requests it affects; 0 means all until Mend.
	Times int
	// Every affects one of that many requests; 0 is 1.
	Every int
	// Done says that the request is executed before the fault.
	Done bool
	// Code is the exception of the reply, and Message its text.
	Code, Message string
	// Cut cuts the connection in place of a reply. With neither Code nor Cut, there is no
	// reply until the client leaves.
	Cut bool
}

// Break sets the fault of the table. There is one at a time.
func (s *Table) Break(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.seen = &f, 0
}

// Mend ends the fault.
func (s *Table) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = nil
}

// note counts a request, and returns its fault, and whether WithoutItems applies.
func (s *Table) note(action string, header http.Header) (fault *Fault, bare bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.header = append(s.requests, action), header
	f := s.fault
	if f == nil || f.Action != "" && f.Action != action {
		return nil, s.bare
	}
	if s.seen++; f.Every > 1 && s.seen%f.Every != 0 {
		return nil, s.bare
	}
	if f.Times == 1 {
		s.fault = nil
	}
	befalls := *f
	f.Times = max(0, f.Times-1)
	return &befalls, s.bare
}

// ServeHTTP implements the proxy in front of the table.
func (s *Table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	fault, bare := s.note(action, r.Header.Clone())
	if bare {
		body = bytes.ReplaceAll(body, []byte(`"ReturnValuesOnConditionCheckFailure":"ALL_OLD"`), []byte(`"ReturnValuesOnConditionCheckFailure":"NONE"`))
	}
	if fault == nil || fault.Done {
		// The server finishes what it has begun, even if the client has gone.
		answer, err := s.forward(context.WithoutCancel(r.Context()), r.Header.Clone(), body)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		if fault == nil {
			for name, values := range answer.header {
				w.Header()[name] = slices.Clone(values)
			}
			w.WriteHeader(answer.status)
			_, _ = w.Write(answer.body)
			return
		}
	}
	fault.answer(w, r)
}

// answer writes the reply of a request with a fault.
func (f *Fault) answer(w http.ResponseWriter, r *http.Request) {
	switch {
	case f.Cut:
		panic(http.ErrAbortHandler)
	case f.Code == "":
		<-r.Context().Done()
	default:
		status := http.StatusBadRequest
		if f.Code == "InternalServerError" {
			status = http.StatusInternalServerError
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		_ = json.MarshalWrite(w, map[string]string{"__type": "com.amazonaws.dynamodb.v20120810#" + f.Code, "message": f.Message})
	}
}
