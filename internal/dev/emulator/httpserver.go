package emulator

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// HTTPServer hosts one function as a container: a process that serves a port of this
// machine. It has no container gateway; for WeChat Cloud Hosting see package sandbox,
// App.CallContainer.
type HTTPServer struct {
	// URL is the address of the process, http://127.0.0.1:… without a path.
	URL string

	function Function
	process  *process
	init     time.Duration
	client   *http.Client
}

var _ Runtime = (*HTTPServer)(nil)

// StartHTTP starts a function and waits until it accepts requests.
func StartHTTP(ctx context.Context, f Function) (*HTTPServer, error) {
	f, err := f.withDefaults()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	environ := []string{"HOST=127.0.0.1", "PORT=" + strconv.Itoa(address.Port), "REQUEST_TIMEOUT=" + f.Timeout.String(), "HOME=" + os.TempDir()}
	for name, value := range f.Env {
		environ = append(environ, name+"="+value)
	}
	p, err := startProcess(f, environ)
	if err != nil {
		return nil, err
	}
	s := &HTTPServer{URL: "http://" + address.String(), function: f, process: p, client: &http.Client{Transport: &http.Transport{}}}
	ctx, cancel := context.WithTimeoutCause(ctx, initLimit, errNotReady)
	defer cancel()
	if err := s.ready(ctx); err != nil {
		p.kill()
		return nil, &initError{f.Name, err, p.log.since(0)}
	}
	s.init = time.Since(p.started)
	return s, nil
}

// ready waits until the process responds, whether or not it is configured.
func (s *HTTPServer) ready(ctx context.Context) error {
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/healthz", nil)
		if err != nil {
			return err
		}
		resp, err := s.client.Do(r)
		if err == nil {
			return resp.Body.Close()
		}
		select {
		case <-time.After(time.Millisecond):
		case <-s.process.exited:
			return &exitError{s.process.status()}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// userHeaders maps the variables that name a cloud function's user to the headers of WeChat
// Cloud Hosting with the same content.
var userHeaders = map[string]string{
	"WX_OPENID": "X-WX-OPENID", "WX_APPID": "X-WX-APPID", "WX_UNIONID": "X-WX-UNIONID", "TCB_SOURCE": "X-WX-SOURCE",
	"WX_FROM_OPENID": "X-WX-FROM-OPENID", "WX_FROM_APPID": "X-WX-FROM-APPID", "WX_FROM_UNIONID": "X-WX-FROM-UNIONID",
}

func setUserHeaders(headers http.Header, environment map[string]string) error {
	for name, value := range environment {
		header, ok := userHeaders[name]
		if !ok {
			containerVariable.Refuse()
			return fmt.Errorf("a container is not told %s", name)
		}
		headers.Set(header, value)
	}
	return nil
}

// Invoke implements [Runtime]. The event is the body of a POST to /. Variables of the
// Environment that name a user become the headers of Cloud Hosting. Whatever the status,
// the body is the response.
func (s *HTTPServer) Invoke(ctx context.Context, call Call) (Response, error) {
	if s.process.gone() {
		return Response{}, ErrClosed
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/", bytes.NewReader(call.Payload))
	if err != nil {
		return Response{}, err
	}
	id := call.RequestID
	if id == "" {
		id = rand.Text()
	}
	r.Header.Set("X-Request-Id", id)
	r.Header.Set("Content-Type", "application/json")
	if err := setUserHeaders(r.Header, call.Environment); err != nil {
		return Response{}, fmt.Errorf("emulator: function %s: %w", s.function.Name, err)
	}
	logged, begin := s.process.log.position(), time.Now()
	resp, err := s.client.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return Response{}, context.Cause(ctx)
		}
		return Response{}, fmt.Errorf("emulator: function %s: %w", s.function.Name, err)
	}
	defer resp.Body.Close()
	payload, err := io.ReadAll(resp.Body)
	if err != nil {
		return Response{}, fmt.Errorf("emulator: function %s: %w", s.function.Name, err)
	}
	duration := time.Since(begin)
	s.process.log.sync()
	answer := Response{Payload: payload, RequestID: id, Duration: duration, LogTail: s.process.log.since(logged)}
	if resp.StatusCode == http.StatusInternalServerError {
		answer.FunctionError = functionErrorUnhandled
	}
	return answer, nil
}

// Stop asks the process to stop, as a platform does before it removes a container, and
// waits until it has. The error says that it did not end well.
func (s *HTTPServer) Stop() error {
	if s.process.gone() {
		return nil
	}
	if err := s.process.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.process.exited
	if state := s.process.status(); !strings.HasSuffix(state, "exit status 0") {
		return fmt.Errorf("emulator: function %s: %s", s.function.Name, state)
	}
	return nil
}

// Close implements [Runtime].
func (s *HTTPServer) Close() error {
	s.process.kill()
	s.client.CloseIdleConnections()
	return nil
}
