// Package upstream is the way from a function to a server that it asks: HTTP
// connections that are kept open between calls, and that a frozen function does
// not trust when it wakes up.
//
// A request is sent once. Whether a second attempt is of use is for the caller,
// who knows what the request does; the errors tell what happened.
package upstream

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// maxReply bounds what is read of a reply. Those of WeChat and its gateway have
// less than 1 KiB.
const maxReply = 64 << 10

// Line is the way to servers. It may be used concurrently. Make it with [New].
type Line struct {
	transport *http.Transport
	life      time.Duration
	now       func() time.Time

	lastUse atomic.Int64 // when a reply last came, in Unix nanoseconds
}

// New makes a Line whose idle connections live for so long; now is the clock.
func New(life time.Duration, now func() time.Time) *Line {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns
	transport.IdleConnTimeout = life
	// One HTTP/1.1 connection per concurrent call: one request at a time is what a
	// function makes, and a dead connection is noticed at once.
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	return &Line{transport: transport, life: life, now: now}
}

// DialWith makes l connect by dial, for tests in which another server stands in
// for a host. Call it before the first Send.
func (l *Line) DialWith(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	l.transport.DialContext = dial
}

// Reply is what came back, read whole.
type Reply struct {
	Status      int
	ContentType string
	Body        []byte
}

// NoReply says that not even the beginning of a reply came.
type NoReply struct{ Err error }

func (e *NoReply) Error() string { return "no reply: " + e.Err.Error() }

// Unwrap returns why.
func (e *NoReply) Unwrap() error { return e.Err }

// Send sends a request and reads the reply. No redirect is followed. The error is
// a [*NoReply], or tells that the reply broke off or is too long; none holds a
// part of the address, in whose query secrets travel.
func (l *Line) Send(req *http.Request) (Reply, error) {
	l.hangUpIfOld()
	// RoundTrip, unlike http.Client, follows no redirect and puts no address into
	// its errors.
	resp, err := l.transport.RoundTrip(req)
	if err != nil {
		return Reply{}, &NoReply{Err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	switch {
	case err != nil:
		return Reply{}, fmt.Errorf("the reply broke off: %w", err)
	case len(body) > maxReply:
		return Reply{}, fmt.Errorf("the reply is longer than %d bytes", maxReply)
	}
	l.lastUse.Store(l.now().UnixNano())
	return Reply{Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), Body: body}, nil
}

// HangUp closes the connections that are idle, so that the next request gets a
// new one.
func (l *Line) HangUp() { l.transport.CloseIdleConnections() }

// hangUpIfOld closes what has been idle for longer than a connection lives by the
// clock on the wall: while the function was frozen, the transport's own timer
// stood still.
func (l *Line) hangUpIfOld() {
	if last := l.lastUse.Load(); last != 0 && l.now().UnixNano()-last > int64(l.life) {
		l.HangUp()
		l.lastUse.Store(0)
	}
}
