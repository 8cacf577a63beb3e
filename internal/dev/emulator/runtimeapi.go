package emulator

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/dev/loopback"
	"sotercall/internal/dev/rule"
)

// maxLambdaAnswer is the Runtime API's limit of a synchronous response: 6 MiB and 100
// bytes.
const maxLambdaAnswer = 6<<20 + 100

// runtimeAPI is the Lambda Runtime API of one process. Source: AWS Lambda developer guide,
// page "Using the Lambda runtime API for custom runtimes".
type runtimeAPI struct {
	listener net.Listener
	server   http.Server
	served   chan struct{}
	offers   chan *lambdaInvocation // the process receives from it in next
	ready    chan struct{}          // closed at the first request for an invocation

	mu        sync.Mutex
	isReady   bool
	current   *lambdaInvocation // passed to the process and not yet completed
	initError []byte            // the body of the process's init/error
}

// lambdaInvocation is one invocation in the process. Only the process sets the response,
// under runtimeAPI.mu, until completed is closed.
type lambdaInvocation struct {
	requestID     string
	payload       []byte
	deadline      time.Time
	functionARN   string
	traceID       string
	clientContext []byte

	answered bool
	failed   bool
	answer   []byte
	// closed when the process, after responding, asks for the next invocation
	completed chan struct{}
}

func startRuntimeAPI() (*runtimeAPI, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("emulator: Runtime API: %w", err)
	}
	a := &runtimeAPI{
		listener: listener,
		served:   make(chan struct{}),
		offers:   make(chan *lambdaInvocation),
		ready:    make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", a.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", a.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", a.error)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", a.failInit)
	a.server.Handler = loopback.Only(mux)
	go func() {
		defer close(a.served)
		_ = a.server.Serve(listener)
	}()
	return a, nil
}

func (a *runtimeAPI) address() string { return a.listener.Addr().String() }

func (a *runtimeAPI) close() {
	_ = a.server.Close()
	<-a.served
}

func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	if !a.complete() {
		refuse(w, runtimeNext, http.StatusForbidden, "InvalidStateTransition", "the current invocation has not been answered")
		return
	}
	select {
	case <-r.Context().Done():
	case invocation := <-a.offers:
		a.mu.Lock()
		a.current = invocation
		a.mu.Unlock()
		invocation.write(w)
	}
}

// complete ends the current invocation if it has a response. The request that does so also
// marks the end of init.
func (a *runtimeAPI) complete() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.isReady {
		a.isReady = true
		close(a.ready)
	}
	if a.current == nil {
		return true
	}
	if !a.current.answered {
		return false
	}
	close(a.current.completed)
	a.current = nil
	return true
}

func (i *lambdaInvocation) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", i.requestID)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", i.functionARN)
	h.Set("Lambda-Runtime-Trace-Id", i.traceID)
	if len(i.clientContext) > 0 {
		h.Set("Lambda-Runtime-Client-Context", string(i.clientContext))
	}
	_, _ = w.Write(i.payload)
}

func (a *runtimeAPI) response(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLambdaAnswer))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		const errorType = "Function.ResponseSizeTooLarge"
		message := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxLambdaAnswer)
		if a.answer(w, r, lambdaError(errorType, message), true) {
			refuse(w, runtimeSize, http.StatusRequestEntityTooLarge, errorType, message)
		}
		return
	}
	if err != nil {
		unreadable(w)
		return
	}
	// A runtime that fails halfway through its response reports it in a trailer.
	failed := r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != ""
	if failed {
		if body, err = base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body")); err != nil {
			refuse(w, runtimeTrailer, http.StatusBadRequest, "InvalidRequest", "the error trailer is not base64")
			return
		}
	}
	if a.answer(w, r, body, failed) {
		accept(w)
	}
}

func (a *runtimeAPI) error(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLambdaAnswer))
	if err != nil {
		unreadable(w)
		return
	}
	if a.answer(w, r, body, true) {
		accept(w)
	}
}

// answer records the process's response. It refuses one that belongs to no waiting
// invocation.
func (a *runtimeAPI) answer(w http.ResponseWriter, r *http.Request, payload []byte, failed bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == nil || a.current.requestID != r.PathValue("id") {
		refuse(w, runtimeID, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return false
	}
	if a.current.answered {
		refuse(w, runtimeTwice, http.StatusForbidden, "InvalidStateTransition", "the invocation has been answered already")
		return false
	}
	a.current.answered, a.current.failed, a.current.answer = true, failed, payload
	return true
}

func (a *runtimeAPI) failInit(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLambdaAnswer))
	if err != nil {
		unreadable(w)
		return
	}
	a.mu.Lock()
	a.initError = body
	a.mu.Unlock()
	accept(w)
}

// reportedInitError returns the document of the process's init/error, or nil.
func (a *runtimeAPI) reportedInitError() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.initError
}

// outcome returns the process's response to the invocation so far.
func (a *runtimeAPI) outcome(i *lambdaInvocation) (payload []byte, answered, failed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return i.answer, i.answered, i.failed
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

// unreadable responds to a request whose body is incomplete. That is no rule of the
// platform.
func unreadable(w http.ResponseWriter) {
	w.WriteHeader(http.StatusBadRequest)
}

func refuse(w http.ResponseWriter, r *rule.Rule, status int, errorType, message string) {
	r.Refuse()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(lambdaError(errorType, message))
}

// lambdaError returns the error document of the Runtime API and of failed invocations.
func lambdaError(errorType, message string) []byte {
	document, err := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{errorType, message}, allowInvalidUTF8)
	if err != nil {
		panic(err) // two strings
	}
	return document
}
