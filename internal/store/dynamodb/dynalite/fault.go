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

// Fault is one thing that goes wrong with requests to a table.
type Fault struct {
	// Action is which requests it befalls, such as PutItem; all if empty.
	Action string
	// Times is how many of them; all until Mend if 0.
	Times int
	// Every is how many requests there are for each that it befalls; 0 is 1.
	Every int
	// Done says that the table does what the request asks for, all the same.
	Done bool
	// Code is the exception that is answered, and Message what it says.
	Code, Message string
	// Cut says that the connection is cut in place of a reply. With neither Code nor
	// Cut, nobody answers: the way is silent until the client goes.
	Cut bool
}

// Break makes a fault of the way to the table. There is one at a time.
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

// note counts a request, and returns what befalls it, and whether it is answered as
// WithoutItems has it.
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

// ServeHTTP is the way to the table.
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
		// What the server has begun, it does, whether the client has gone or not.
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

// answer answers what a request gets that a fault befalls.
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
