package platforms

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/adapter"
	"sotercall/internal/version"
)

// serving is a Function that answers requests by serve.
type serving struct {
	seen
	serve func(ctx context.Context, i adapter.Invocation, w http.ResponseWriter, r *http.Request)
	err   error
}

func (s *serving) Serve(ctx context.Context, i adapter.Invocation, w http.ResponseWriter, r *http.Request) {
	s.serve(ctx, i, w, r)
}

func (s *serving) Configured() error { return s.err }

// start runs h on loopback. stop tells it to stop, as SIGTERM does, and returns
// what run returned.
func start(t *testing.T, h adapter.Function, timeout, notice time.Duration) (url string, stop func() error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- newHTTPServer(h, timeout, idleTimeout).run(ctx, listener, notice) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { assert.NoError(t, stop()) })
	return "http://" + listener.Addr().String(), stop
}

func get(t *testing.T, client *http.Client, url, id string) (status int, body string) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	r.Header.Set("X-Request-Id", id)
	resp, err := client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}

func TestHTTPRequestHasAnInvocationAndADeadline(t *testing.T) {
	var got adapter.Invocation
	var left time.Duration
	url, _ := start(t, &serving{serve: func(ctx context.Context, i adapter.Invocation, w http.ResponseWriter, r *http.Request) {
		deadline, ok := ctx.Deadline()
		assert.True(t, ok)
		got, left = i, time.Until(deadline)
		_, _ = io.WriteString(w, "answer")
	}}, time.Minute, 0)
	for id, kept := range map[string]bool{"abc-1": true, "": false, strings.Repeat("x", 65): false, "two words": false, "é": false} {
		status, body := get(t, http.DefaultClient, url+"/x", id)
		assert.Equal(t, 200, status)
		assert.Equal(t, "answer", body)
		assert.Equal(t, adapter.HTTP, got.Platform)
		assert.NotEmpty(t, got.RequestID)
		assert.Equal(t, kept, got.RequestID == id, "%q", id)
		assert.Nil(t, got.Environment)
		assert.InDelta(t, time.Minute, left, float64(10*time.Second))
	}
}

func TestHealth(t *testing.T) {
	h := &serving{serve: func(context.Context, adapter.Invocation, http.ResponseWriter, *http.Request) { t.Error("asked") }}
	url, _ := start(t, h, time.Minute, 0)
	status, body := get(t, http.DefaultClient, url+adapter.HealthPath, "")
	assert.Equal(t, 200, status)
	assert.Equal(t, "ok\nversion: "+version.String()+"\n", body)

	url, _ = start(t, &serving{seen: seen{notices: []string{"a notice", "another"}}}, time.Minute, 0)
	status, body = get(t, http.DefaultClient, url+adapter.HealthPath, "")
	assert.Equal(t, 200, status, "it works")
	assert.Equal(t, "ok\nversion: "+version.String()+"\na notice\nanother\n", body)

	url, _ = start(t, &serving{err: errors.New("WECHAT_APPID is not set")}, time.Minute, 0)
	status, body = get(t, http.DefaultClient, url+adapter.HealthPath, "")
	assert.Equal(t, 503, status)
	assert.Equal(t, "WECHAT_APPID is not set\nversion: "+version.String()+"\n", body)
}

func TestHTTPBodyIsBounded(t *testing.T) {
	var read error
	url, _ := start(t, &serving{serve: func(_ context.Context, _ adapter.Invocation, _ http.ResponseWriter, r *http.Request) {
		_, read = io.ReadAll(r.Body)
	}}, time.Minute, 0)
	for size, want := range map[int]bool{adapter.MaxRequestBody: true, adapter.MaxRequestBody + 1: false} {
		resp, err := http.Post(url, "text/plain", bytes.NewReader(make([]byte, size)))
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, want, read == nil, size)
	}
}

// Under load, a stop breaks nothing behind a balancer: every request that is sent within
// the time of notice is answered, and says that the connection ends.
func TestStopBreaksNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		echo := func(_ context.Context, _ adapter.Invocation, w http.ResponseWriter, r *http.Request) {
			time.Sleep(5 * time.Millisecond)
			_, _ = io.Copy(w, r.Body)
		}
		s := newHTTPServer(&serving{serve: echo}, time.Minute, idleTimeout)
		listener := newPipes()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.run(ctx, listener, noticeTime) }()
		var told atomic.Int64
		var clients sync.WaitGroup
		for n := range 16 {
			clients.Go(func() {
				client := &http.Client{Transport: &http.Transport{DialContext: listener.dial}}
				defer client.CloseIdleConnections()
				for closes := 0; closes < 10; { // it heeds the tenth
					resp, err := client.Post("http://x/", "text/plain", strings.NewReader("hello"))
					if !assert.NoError(t, err) {
						return
					}
					body, err := io.ReadAll(resp.Body)
					assert.NoError(t, errors.Join(err, resp.Body.Close()))
					assert.Equal(t, "hello", string(body))
					if resp.Close {
						closes++
					}
					time.Sleep(time.Duration(n) * time.Millisecond)
				}
				told.Add(1)
			})
		}
		time.Sleep(time.Second)
		stop()
		synctest.Wait()
		client := &http.Client{Transport: &http.Transport{DialContext: listener.dial}}
		status, body := get(t, client, "http://x"+adapter.HealthPath, "")
		assert.Equal(t, 503, status)
		assert.Regexp(t, `^stopping\nversion: `, body)
		clients.Wait()
		assert.EqualValues(t, 16, told.Load())
		require.NoError(t, <-done)
		_, err := client.Get("http://x/")
		assert.ErrorIs(t, err, net.ErrClosed, "nobody listens any more")
	})
}

// A request under way when the server stops has its time to end.
func TestStopWaitsForWhatIsUnderWay(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	url, stop := start(t, &serving{serve: func(_ context.Context, _ adapter.Invocation, w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "answer")
	}}, time.Minute, 0)
	answer := make(chan string, 1)
	go func() {
		_, body := get(t, http.DefaultClient, url, "")
		answer <- body
	}()
	<-entered
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for { // until nobody listens any more
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			break
		}
		c.Close()
	}
	close(leave)
	assert.Equal(t, "answer", <-answer)
	require.NoError(t, <-ended)
}

func TestHTTPSettingsThatCannotWork(t *testing.T) {
	for _, c := range []struct{ port, timeout, idle, says string }{
		{"0", "soon", "", "REQUEST_TIMEOUT"},
		{"0", "0s", "", "REQUEST_TIMEOUT"},
		{"0", "2m", "", "REQUEST_TIMEOUT"},
		{"0", "", "soon", "IDLE_TIMEOUT"},
		{"0", "", "25h", "IDLE_TIMEOUT"},
		{"x", "", "", "PORT"},
		{"99999", "", "", "PORT"},
	} {
		t.Setenv(httpVariable, c.port)
		t.Setenv(timeoutVariable, c.timeout)
		t.Setenv(idleVariable, c.idle)
		var said bytes.Buffer
		assert.Equal(t, NotHosted, Start(new(serving), &said))
		assert.Contains(t, said.String(), c.says)
	}
}
