package dynalite

import (
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
	s.fault = &f
}

// Mend ends the fault.
func (s *Table) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = nil
}

// note counts a request, and returns what befalls it, and whether its answer tells the
// item of a failed condition.
func (s *Table) note(action string, header http.Header) (fault *Fault, items bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.header = append(s.requests, action), header
	f := s.fault
	if f == nil || f.Action != "" && f.Action != action {
		return nil, !s.bare
	}
	if f.Times == 1 {
		s.fault = nil
	}
	befalls := *f
	f.Times = max(0, f.Times-1)
	return &befalls, !s.bare
}

// ServeHTTP is the way to the table.
func (s *Table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	fault, items := s.note(action, r.Header.Clone())
	if fault == nil || fault.Done {
		// What the server has begun, it does, whether the client has gone or not.
		answer, err := s.forward(context.WithoutCancel(r.Context()), r.Header.Clone(), body)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		if fault == nil {
			if items {
				answer = s.withItem(r.Context(), body, answer)
			}
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

// withItem adds the item that is there to the answer to a write whose condition has
// failed, if the request asks for it (DynamoDB API, PutItem,
// ReturnValuesOnConditionCheckFailure).
func (s *Table) withItem(ctx context.Context, request []byte, answer reply) reply {
	var said map[string]any
	if json.Unmarshal(answer.body, &said) != nil {
		return answer
	}
	kind, _ := said["__type"].(string)
	var asked struct {
		ReturnValuesOnConditionCheckFailure string
		Item                                map[string]any
		Key                                 map[string]any
	}
	if !strings.HasSuffix(kind, "ConditionalCheckFailedException") || json.Unmarshal(request, &asked) != nil ||
		asked.ReturnValuesOnConditionCheckFailure != "ALL_OLD" {
		return answer
	}
	key := asked.Key
	if key == nil {
		key = map[string]any{"pk": asked.Item["pk"]}
	}
	body, err := json.Marshal(map[string]any{"TableName": s.Name, "Key": key, "ConsistentRead": true})
	if err != nil {
		return answer
	}
	found, err := s.send(ctx, "GetItem", body)
	var is struct{ Item map[string]any }
	if err != nil || json.Unmarshal(found.body, &is) != nil || is.Item == nil {
		return answer
	}
	said["Item"] = is.Item
	if answer.body, err = json.Marshal(said); err != nil {
		return answer
	}
	for _, name := range []string{"X-Amz-Crc32", "Content-Length"} { // of the body before
		answer.header.Del(name)
	}
	return answer
}
