// Package upstream connects a function to its servers. HTTP connections stay open between
// calls, and are not trusted after the function was frozen.
//
// A [Client] sends a request once. The caller decides whether to try again, because it
// knows what the request does; the errors tell what happened. [Hosts] select the host of
// the next attempt, and a [Budget] says whether there may be one.
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

// maxReply bounds a reply, in bytes. Those of WeChat and its gateway have less than 1 KiB.
const maxReply = 64 << 10

// maxHeader bounds a reply's headers, in bytes.
const maxHeader = 64 << 10

// maxIdle bounds the idle connections. There are as many as concurrent calls, so that a
// burst of calls reuses those of the last one.
const maxIdle = 1024

// Client sends requests. It is safe for concurrent use. Use [New] to make one.
type Client struct {
	transport http.RoundTripper
	life      time.Duration
	now       func() time.Time

	lastUse   atomic.Int64 // Unix nanoseconds; when a reply last came
	lastClose atomic.Int64 // Unix nanoseconds; when the idle connections were last closed
	lastDeath atomic.Int64 // Unix nanoseconds; when a reused connection was last found dead
}

// New returns a Client that sends by transport. Its idle connections live for the
// transport's IdleConnTimeout, measured by now.
func New(transport *http.Transport, now func() time.Time) *Client {
	return NewOver(transport, transport.IdleConnTimeout, now)
}

// NewOver returns a Client that sends by a transport of any kind. Its idle connections live
// for life, measured by now. It should have a method CloseIdleConnections: otherwise dead
// connections are used again. It should use HTTP/1.1 as [NewTransport] does. It must call the
// hooks of net/http/httptrace: without GotConn every connection counts as a new one.
func NewOver(transport http.RoundTripper, life time.Duration, now func() time.Time) *Client {
	return &Client{transport: transport, life: life, now: now}
}

// NewTransport returns a transport with one HTTP/1.1 connection per concurrent request, so
// that a dead connection is noticed at once. life bounds idle connections. It is no clone
// of http.DefaultTransport, whose TLS configuration offers HTTP/2. A server that accepts
// the offer would then get HTTP/1.1, and cannot read it (golang/go issue 39302).
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

// Reply is a whole reply.
type Reply struct {
	Status      int
	ContentType string
	// RetryAfter is the delay that the server requests; zero if it states none in seconds
	// (RFC 9110, section 10.2.3).
	RetryAfter time.Duration
	// OpenAPISequence is the header x-openapi-seqid. The open API service of Cloud Hosting
	// marks what passes through it.
	OpenAPISequence string
	Body            []byte
}

// NoReply says that not even the beginning of a reply came.
type NoReply struct {
	Err error
	// Reused says that the connection had served a request before. It may have died while
	// idle, which tells nothing about the server. It is also set if a reused connection was
	// found dead during the request. A stopping front end cuts all its connections at once,
	// the new ones included.
	Reused bool
}

func (e *NoReply) Error() string { return "no reply: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *NoReply) Unwrap() error { return e.Err }

// Send sends a request and reads the reply. It follows no redirect. The error is a
// [*NoReply], or says that the reply broke off or is too long. No error holds a part of the
// address, because its query carries secrets.
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

// SendApart is Send over a connection of its own, which is closed afterwards. With a
// transport that is no [http.Transport], the connection may have served requests before.
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

// RoundTrip implements [http.RoundTripper], for libraries that build their own requests.
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

// CloseIdle closes the idle connections, so that the next request gets a new one.
func (c *Client) CloseIdle() {
	c.lastClose.Store(c.now().UnixNano())
	c.closeIdleConnections()
}

func (c *Client) closeIdleConnections() {
	if closer, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// CloseIdleSince is CloseIdle for an attempt that began at since and met a dead connection.
// It does nothing if they were closed after since. If many die at once, the first closes
// the idle ones, and the others use those that were opened since.
func (c *Client) CloseIdleSince(since time.Time) {
	last := c.lastClose.Load()
	if last <= since.UnixNano() && c.lastClose.CompareAndSwap(last, c.now().UnixNano()) {
		c.closeIdleConnections()
	}
}

// closeIfOld closes connections that were idle for too long by the wall clock. While the
// function was frozen, the transport's own timer stood still.
func (c *Client) closeIfOld() {
	if last := c.lastUse.Load(); last != 0 && c.now().UnixNano()-last > int64(c.life) {
		c.CloseIdle()
		c.lastUse.Store(0)
	}
}
