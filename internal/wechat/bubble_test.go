package wechat_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
)

// A test with limits runs in a bubble: its time passes only while everything in it
// waits, so that a busy machine makes no request late. Connections of the kernel do
// not wait in the sense of a bubble, so its hosts listen in memory.

// bubble runs a test in a bubble, beside others.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bubbles.Store(t, true)
		t.Cleanup(func() { bubbles.Delete(t) })
		test(t)
	})
}

var (
	bubbles   sync.Map // of *testing.T
	listeners sync.Map // of *listener, by address
	lastPort  atomic.Int64
)

// inBubble reports whether t is that of a bubble.
func inBubble(t *testing.T) bool {
	_, in := bubbles.Load(t)
	return in
}

// listener accepts connections in memory.
type listener struct {
	address     string
	connections chan net.Conn
	close       func()
	closed      chan struct{}
}

// listen makes a server that has not been started listen in memory if t is that of a
// bubble.
func listen(t *testing.T, server *httptest.Server) {
	t.Helper()
	if !inBubble(t) {
		return
	}
	_ = server.Listener.Close()
	closed := make(chan struct{})
	l := &listener{
		address: fmt.Sprintf("127.0.0.1:%d", 100_000+lastPort.Add(1)), connections: make(chan net.Conn),
		closed: closed, close: sync.OnceFunc(func() { close(closed) }),
	}
	listeners.Store(l.address, l)
	server.Listener = l
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case connection := <-l.connections:
		return connection, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	listeners.Delete(l.address)
	l.close()
	return nil
}

func (l *listener) Addr() net.Addr { return address(l.address) }

// address is where a listener listens.
type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

// dial connects to a listener.
func dial(ctx context.Context, network, to string) (net.Conn, error) {
	refused := &net.OpError{Op: "dial", Net: network, Addr: address(to), Err: syscall.ECONNREFUSED}
	found, ok := listeners.Load(to)
	if !ok {
		return nil, refused
	}
	l := found.(*listener)
	client, server := net.Pipe()
	select {
	case l.connections <- server:
		return client, nil
	case <-l.closed:
		return nil, refused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
