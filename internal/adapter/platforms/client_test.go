package platforms

import (
	"bufio"
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
)

// A client that closes its side after the request, and reads on, has its answer; one
// that is gone ends no work that is under way.
func TestHalfClosedClientIsAnswered(t *testing.T) {
	url, _ := start(t, &serving{serve: func(ctx context.Context, _ adapter.Invocation, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // net/http looks at the connection from here on
		<-r.Context().Done()               // and has noticed
		if assert.NoError(t, ctx.Err()) {
			_, _ = io.WriteString(w, "answer")
		}
	}}, time.Minute, 0)
	connection, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer connection.Close()
	_, err = io.WriteString(connection, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
	require.NoError(t, err)
	require.NoError(t, connection.(*net.TCPConn).CloseWrite())
	resp, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "answer", string(body))
}

// pipes is a listener in memory.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
	dialed   atomic.Int64
}

func newPipes() *pipes { return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return new(net.TCPAddr) }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.accepted <- server:
		p.dialed.Add(1)
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// A proxy that keeps its connections for an hour, as Envoy does, uses 300 of them again
// in the last moment. No request is lost: such a POST is not sent again.
func TestProxyThatKeepsConnectionsForAnHour(t *testing.T) {
	for name, c := range map[string]struct {
		idle   time.Duration
		dialed int64
	}{
		"the default":           {idleTimeout, 300},
		"the twin: two minutes": {2 * time.Minute, 600},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const connections = 300
				var together sync.WaitGroup
				s := newHTTPServer(&serving{serve: func(_ context.Context, _ adapter.Invocation, w http.ResponseWriter, _ *http.Request) {
					together.Done()
					together.Wait() // so that each has a connection of its own
					_, _ = io.WriteString(w, "answer")
				}}, time.Minute, c.idle)
				listener := newPipes()
				done := make(chan error, 1)
				go func() { done <- s.server.Serve(listener) }()
				proxy := &http.Transport{DialContext: listener.dial, IdleConnTimeout: time.Hour, MaxIdleConnsPerHost: connections}
				round := func() (broken int) {
					together.Add(connections)
					var mu sync.Mutex
					var clients sync.WaitGroup
					for range connections {
						clients.Go(func() {
							// No GetBody: the transport cannot send it again.
							r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x/", io.NopCloser(strings.NewReader("{}")))
							assert.NoError(t, err)
							resp, err := proxy.RoundTrip(r)
							if err != nil {
								mu.Lock()
								broken++
								mu.Unlock()
								together.Done()
								return
							}
							_, err = io.Copy(io.Discard, resp.Body)
							assert.NoError(t, errors.Join(err, resp.Body.Close()))
						})
					}
					clients.Wait()
					return broken
				}
				require.Zero(t, round())
				require.EqualValues(t, connections, listener.dialed.Load())
				time.Sleep(time.Hour - time.Millisecond)
				synctest.Wait()
				assert.Zero(t, round())
				assert.Equal(t, c.dialed, listener.dialed.Load(), "our side has hung up none before the proxy does")
				proxy.CloseIdleConnections()
				require.NoError(t, s.server.Close())
				assert.ErrorIs(t, <-done, http.ErrServerClosed)
			})
		})
	}
}
