package playground

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
)

// Span is one hop of the trace. It is sent when it begins, without an outcome, and again
// when it has ended. Times are milliseconds since the run began.
type Span struct {
	ID      int     `json:"id"`
	Station string  `json:"station"` // challenge, phone, function, token or wechat
	Start   float64 `json:"start"`
	End     float64 `json:"end,omitzero"`

	// Outcome is ok, refused, failed, cut (the connection broke) or left (the caller did
	// not wait for the response); "" while it lasts.
	Outcome string `json:"outcome,omitzero"`

	// What names the request, and Said the response, in the words of the protocol. Neither
	// holds a secret.
	What string `json:"what,omitzero"`
	Said string `json:"said,omitzero"`
}

// record is the trace of one run so far.
type record struct {
	began  time.Time
	stream *stream

	mu    sync.Mutex
	spans int // guarded by mu
}

func (r *record) ms() float64 { return milliseconds(time.Since(r.began)) }

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// begin sends the beginning of a span.
func (r *record) begin(station, what string) Span {
	r.mu.Lock()
	r.spans++
	s := Span{ID: r.spans, Station: station, What: what, Start: r.ms()}
	r.mu.Unlock()
	r.stream.send("span", s)
	return s
}

// end sends the result of a span.
func (r *record) end(s Span, outcome, said string) {
	s.End, s.Outcome, s.Said = r.ms(), outcome, said
	r.stream.send("span", s)
}

// watcher is a proxy in front of WeChat and the token function. Each request during a run
// is a span of it.
type watcher struct {
	mux    *http.ServeMux
	record atomic.Pointer[record] // of the run that is under way; nil if none is
}

func newWatcher(wechat, token http.Handler) *watcher {
	w := &watcher{mux: http.NewServeMux()}
	w.mux.Handle("/functions/", w.watched("token", token))
	w.mux.Handle("/", w.watched("wechat", wechat))
	return w
}

func (w *watcher) ServeHTTP(reply http.ResponseWriter, r *http.Request) { w.mux.ServeHTTP(reply, r) }

func (w *watcher) watched(station string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(reply http.ResponseWriter, r *http.Request) {
		record := w.record.Load()
		// A HEAD has no effect: with it, a function opens its connections early.
		if record == nil || r.Method == http.MethodHead {
			next.ServeHTTP(reply, r)
			return
		}
		seen := &seen{ResponseWriter: reply, status: http.StatusOK}
		// The query is left out: it holds the access_token.
		span := record.begin(station, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/functions"))
		ended := false
		defer func() {
			outcome, said := seen.outcome()
			// A server that fails because nobody waits any longer has not failed.
			switch left := r.Context().Err() != nil && (!ended || outcome == "failed"); {
			case left && !seen.cut:
				record.end(span, "left", "")
			case ended && !seen.cut:
				record.end(span, outcome, said)
			default:
				record.end(span, "cut", "")
			}
		}()
		next.ServeHTTP(seen, r)
		ended = true
	})
}

// seen is a response that is forwarded and read.
type seen struct {
	http.ResponseWriter
	status int
	body   []byte
	cut    bool
}

func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *seen) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *seen) Write(p []byte) (int, error) {
	s.body = append(s.body, p...)
	return s.ResponseWriter.Write(p)
}

// Hijack implements http.Hijacker, which resets a connection.
func (s *seen) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	s.cut = true
	return http.NewResponseController(s.ResponseWriter).Hijack()
}

// outcome reads the response of WeChat or the token function. It shows only the life of a
// token.
func (s *seen) outcome() (outcome, said string) {
	var reply struct {
		ErrCode   int   `json:"errcode"`
		IsOK      *bool `json:"is_ok"`
		ExpiresIn int   `json:"expires_in"`
	}
	err := json.Unmarshal(s.body, &reply)
	switch {
	case s.status != http.StatusOK || err != nil:
		return "failed", fmt.Sprintf("HTTP %d", s.status)
	case reply.ErrCode != 0:
		return "failed", fmt.Sprintf("errcode %d", reply.ErrCode)
	case reply.IsOK != nil && !*reply.IsOK:
		return "refused", "is_ok false"
	case reply.IsOK != nil:
		return "ok", "is_ok true"
	case reply.ExpiresIn != 0:
		return "ok", fmt.Sprintf("access_token, %d s", reply.ExpiresIn)
	}
	return "ok", fmt.Sprintf("HTTP %d", s.status)
}
