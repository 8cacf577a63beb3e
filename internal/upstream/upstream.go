// Package upstream is the way from a function to a server that it asks: HTTP
// connections that are kept open between calls, and that a frozen function does
// not trust when it wakes up.
//
// A [Client] sends a request once. Whether a second attempt is of use is for the
// caller, who knows what the request does; the errors tell what happened. What
// such a caller needs is here as well: [Hosts] say where the next attempt goes,
// and a [Budget] says whether there may be one.
package upstream

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"time"
)

// maxReply bounds what is read of a reply. Those of WeChat and its gateway have
// less than 1 KiB.
const maxReply = 64 << 10

// maxHeader is the same for its headers.
const maxHeader = 64 << 10

// maxIdle is how many idle connections are kept: as many as there may be calls at a
// time, so that a wave of calls finds the connections of the last one.
const maxIdle = 1024

// Client sends requests. It may be used concurrently. Make it with [New].
type Client struct {
	transport http.RoundTripper
	life      time.Duration
	now       func() time.Time

	lastUse   atomic.Int64 // when a reply last came, in Unix nanoseconds
	lastClose atomic.Int64 // when the idle connections were last closed, in the same
	lastDeath atomic.Int64 // when a reused connection was last found dead, in the same
}

// New makes a Client that sends by transport, whose idle connections live for its
// IdleConnTimeout by the clock now.
func New(transport *http.Transport, now func() time.Time) *Client {
	return NewOver(transport, transport.IdleConnTimeout, now)
}

// NewOver makes a Client that sends by a transport of any kind, whose idle connections live
// for life by the clock now. It should have a method CloseIdleConnections: connections that
// are found dead are otherwise found so again. It should do what [NewTransport] says of
// HTTP/1.1, and must call the hooks of net/http/httptrace: without GotConn every
// connection counts as a new one.
func NewOver(transport http.RoundTripper, life time.Duration, now func() time.Time) *Client {
	return &Client{transport: transport, life: life, now: now}
}

// NewTransport returns a transport with one HTTP/1.1 connection per concurrent
// request, so that a dead connection is noticed at once. Idle connections live for
// life. It is no clone of http.DefaultTransport, whose TLS configuration offers HTTP/2:
// a server that accepts the offer then gets HTTP/1.1 and cannot read it (golang/go
// issue 39302).
func NewTransport(life time.Duration, now func() time.Time) *http.Transport {
	return transportBy(newDialer(now), life)
}

func transportBy(dialer *dialer, life time.Duration) *http.Transport {
	transport := &http.Transport{
		Proxy:                  proxyFor,
		OnProxyConnectResponse: onProxyResponse,
		DialContext:            dialer.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        life,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeader,
		Protocols:              new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(true)
	return transport
}

// Reply is what came back, read whole.
type Reply struct {
	Status      int
	ContentType string
	// RetryAfter is when the server wants to be asked again; zero if it does not
	// say so in seconds (RFC 9110, section 10.2.3).
	RetryAfter time.Duration
	// OpenAPISequence is the header x-openapi-seqid, by which the open API service of
	// Cloud Hosting marks what went through it.
	OpenAPISequence string
	Body            []byte
}

// NoReply says that not even the beginning of a reply came.
type NoReply struct {
	Err error
	// Reused says that the connection had served a request before, and may have
	// died while it was idle: that tells nothing about the server. It is set, too, if
	// such a connection was found dead during the request: a front end or a gateway
	// that goes away cuts all connections at once, the new ones included.
	Reused bool
}

func (e *NoReply) Error() string { return "no reply: " + e.Err.Error() }

// Unwrap returns why.
func (e *NoReply) Unwrap() error { return e.Err }

// Send sends a request and reads the reply. No redirect is followed. The error is
// a [*NoReply], or tells that the reply broke off or is too long; none holds a
// part of the address, in whose query secrets travel.
func (c *Client) Send(req *http.Request) (Reply, error) {
	c.closeIfOld()
	began := c.now().UnixNano()
	var reused bool
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused },
	}))
	// RoundTrip, unlike http.Client, follows no redirect and puts no address into
	// its errors.
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		if reused && req.Context().Err() == nil {
			c.lastDeath.Store(c.now().UnixNano())
		}
		return Reply{}, &NoReply{Err: explain(err), Reused: reused || c.lastDeath.Load() > began}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	switch {
	case err != nil:
		return Reply{}, fmt.Errorf("the reply broke off: %w", err)
	case len(body) > maxReply:
		return Reply{}, fmt.Errorf("the reply is longer than %d bytes", maxReply)
	}
	c.lastUse.Store(c.now().UnixNano())
	return Reply{
		Status:          resp.StatusCode,
		ContentType:     resp.Header.Get("Content-Type"),
		RetryAfter:      retryAfter(resp.Header),
		OpenAPISequence: resp.Header.Get("X-Openapi-Seqid"),
		Body:            body,
	}, nil
}

// SendApart is Send over a connection that no other request has used or will use. With a
// transport that is no [http.Transport], it is one that no other request will use.
func (c *Client) SendApart(req *http.Request) (Reply, error) {
	standard, ok := c.transport.(*http.Transport)
	if !ok {
		req.Close = true
		return c.Send(req)
	}
	transport := standard.Clone()
	transport.DisableKeepAlives = true
	return New(transport, c.now).Send(req)
}

// RoundTrip implements [http.RoundTripper], for libraries that word their own requests.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	c.closeIfOld()
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, explain(err)
	}
	c.lastUse.Store(c.now().UnixNano())
	return resp, nil
}

func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// CloseIdle closes the connections that are idle, so that the next request gets a
// new one.
func (c *Client) CloseIdle() {
	c.lastClose.Store(c.now().UnixNano())
	c.closeIdleConnections()
}

func (c *Client) closeIdleConnections() {
	if closer, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// CloseIdleSince is CloseIdle for an attempt that began at since and met a dead
// connection, unless that was done after since: of many that die at once, the first
// closes the idle ones, and the others use those that were opened in their place.
func (c *Client) CloseIdleSince(since time.Time) {
	last := c.lastClose.Load()
	if last <= since.UnixNano() && c.lastClose.CompareAndSwap(last, c.now().UnixNano()) {
		c.closeIdleConnections()
	}
}

// closeIfOld closes what has been idle for longer than a connection lives by the
// clock on the wall: while the function was frozen, the transport's own timer
// stood still.
func (c *Client) closeIfOld() {
	if last := c.lastUse.Load(); last != 0 && c.now().UnixNano()-last > int64(c.life) {
		c.CloseIdle()
		c.lastUse.Store(0)
	}
}
