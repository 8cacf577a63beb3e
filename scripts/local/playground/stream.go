package playground

import (
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json"
)

// stream sends server-sent events (HTML Standard, "Server-sent events"). It is safe
// for concurrent use; after end it sends nothing.
type stream struct {
	mu    sync.Mutex
	w     http.ResponseWriter // guarded by mu
	ended bool                // guarded by mu
}

func newStream(w http.ResponseWriter) *stream {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return &stream{w: w}
}

// send sends one event. It ignores a client that has left.
func (s *stream) send(name string, data any) {
	text, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("playground: event %s has no JSON form: %v", name, err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	_, _ = fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", name, text)
	_ = http.NewResponseController(s.w).Flush()
}

// end must run before the handler returns.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

type state struct {
	State string `json:"state"` // building, ready
}

// serveState sends whether functions can be started, at once and on a change.
func (p *Playground) serveState(w http.ResponseWriter, r *http.Request) {
	select {
	case <-p.closing:
		refuse(w, http.StatusServiceUnavailable, errors.New("the server is stopping"))
		return
	default:
	}
	s := newStream(w)
	defer s.end()
	select {
	case <-p.ready:
	default:
		s.send("state", state{"building"})
		select {
		case <-p.ready:
		case <-p.closing:
			return
		case <-r.Context().Done():
			return
		}
	}
	s.send("state", state{"ready"})
	select { // the page notices the end of the server by the end of this
	case <-p.closing:
	case <-r.Context().Done():
	}
}

func refuse(w http.ResponseWriter, status int, err error) {
	text, marshalErr := json.Marshal(map[string]string{"message": err.Error()}, json.Deterministic(true))
	if marshalErr != nil {
		text = []byte(`{"message":"the request cannot be understood"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// serveRun runs once and streams the events.
func (p *Playground) serveRun(w http.ResponseWriter, r *http.Request) {
	var q Question
	if err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, 4<<10), &q, json.RejectUnknownMembers(true)); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf(`want {"device":"android","user":"alice","platform":"lambda","order":"longjing","challenges":true,"purpose":true,"mistake":""}: %w`, err))
		return
	}
	choice, err := q.choice()
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	select {
	case <-p.ready:
	default:
		w.Header().Set("Retry-After", "2")
		refuse(w, http.StatusServiceUnavailable, errors.New("the functions are being built: try again in a few seconds"))
		return
	}
	select { // faults and times belong to one run
	case <-p.turn:
		defer func() { p.turn <- struct{}{} }()
	case <-r.Context().Done():
		return
	}
	s := newStream(w)
	defer s.end()
	if err := p.run(r.Context(), "http://"+r.Host, choice, s); err != nil {
		s.send("failed", map[string]string{"message": err.Error()})
	}
}
