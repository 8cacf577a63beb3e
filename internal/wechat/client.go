// Package wechat is a client of WeChat's HTTPS API, as far as verifying a SOTER
// signature needs it: verify_signature itself, and the two endpoints that give
// access_tokens.
//
// A [Client] keeps connections open between calls. It repeats what is worth
// repeating (a connection that died while the function was frozen, errcode -1,
// HTTP 5xx) within the deadline of the call's context, never beyond it, and
// builds the request anew each time. No error of this package holds a secret:
// the query of a URL, where access_token and AppSecret travel, is left out.
package wechat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"sotercall/internal/journal"
)

const (
	// maxReply bounds what is read of a reply. Real ones have less than 1 KiB.
	maxReply = 64 << 10
	// maxAttempts bounds how often a request is sent, the first time included.
	maxAttempts = 4
	// firstBackoff is the pause before the second attempt; it doubles after.
	firstBackoff = 100 * time.Millisecond
	// connectionLife is how long an idle connection is kept: shorter than servers
	// and the gateways between keep theirs.
	connectionLife = 30 * time.Second
)

// Client calls WeChat. It may be used concurrently. Make it with [New].
type Client struct {
	// Trace, if set, finds the trace header of the invocation in a context; it is
	// passed on as X-Amzn-Trace-Id. Set it before the first use.
	Trace func(ctx context.Context) string

	transport *http.Transport
	now       func() time.Time
	pause     func(ctx context.Context, d time.Duration) error

	lastUse atomic.Int64 // when a reply last came, in Unix nanoseconds
}

// New makes a Client; now is the clock. Nothing is sent before it is needed.
func New(now func() time.Time) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns
	transport.IdleConnTimeout = connectionLife
	// One HTTP/1.1 connection per concurrent call: one request at a time is what a
	// function makes, and a dead connection is noticed at once.
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	return &Client{transport: transport, now: now, pause: pause}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// request is one call, to be sent as often as needed.
type request struct {
	method string
	url    *url.URL
	query  url.Values
	body   []byte
	// again decides whether a reply (HTTP 200, read completely) is to be asked for
	// again. nil means never.
	again func(reply []byte) bool
}

func (r *request) name() string { return r.method + " " + r.url.Path }

// call sends r until it has a reply that is worth keeping, or until another
// attempt is of no use. The reply is the body of an HTTP 200.
func (c *Client) call(ctx context.Context, r *request) ([]byte, error) {
	backoff := firstBackoff
	for attempt := 1; ; attempt++ {
		reply, err := c.attempt(ctx, r)
		switch {
		case err == nil && (r.again == nil || !r.again(reply)):
			return reply, nil
		case err != nil && !isTransient(err), attempt == maxAttempts:
			return reply, err
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%s: %w", r.name(), context.Cause(ctx))
		}
		// A connection that was found dead is no sign of an overloaded server: the
		// first time, there is nothing to wait for. Those beside it have been frozen
		// as long, so that the next attempt gets a new one.
		if isDisconnect(err) {
			c.transport.CloseIdleConnections()
		}
		if attempt > 1 || !isDisconnect(err) {
			wait := backoff/2 + rand.N(backoff)
			if !c.leaves(ctx, wait) {
				return reply, err
			}
			if err := c.pause(ctx, wait); err != nil {
				return nil, fmt.Errorf("%s: %w", r.name(), err)
			}
			backoff *= 2
		}
	}
}

// leaves reports whether ctx has time left after a pause of d.
func (c *Client) leaves(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > d
}

// attempt sends r once.
func (c *Client) attempt(ctx context.Context, r *request) ([]byte, error) {
	c.dropOldConnections()
	u := *r.url
	u.RawQuery = r.query.Encode()
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("%s: the request could not be built", r.name())
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	if c.Trace != nil {
		if trace := c.Trace(ctx); trace != "" {
			req.Header.Set("X-Amzn-Trace-Id", trace)
		}
	}

	begin := time.Now()
	defer func() {
		journal.From(ctx).Count("upstream_attempts", 1)
		journal.From(ctx).Spend("upstream_ms", time.Since(begin))
	}()
	// RoundTrip, unlike http.Client, follows no redirect and puts no URL, whose
	// query holds secrets, into its errors.
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, &disconnect{call: r.name(), err: err}
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	switch {
	case resp.StatusCode != http.StatusOK:
		return nil, &badStatus{call: r.name(), status: resp.StatusCode}
	case err != nil:
		return nil, fmt.Errorf("%s: the reply broke off: %w", r.name(), err)
	case len(reply) > maxReply:
		return nil, fmt.Errorf("%s: the reply is longer than %d bytes", r.name(), maxReply)
	}
	c.lastUse.Store(c.now().UnixNano())
	return reply, nil
}

// dropOldConnections closes what has been idle for longer than a connection
// lives by the clock on the wall: while the function was frozen, the transport's
// own timer stood still.
func (c *Client) dropOldConnections() {
	if last := c.lastUse.Load(); last != 0 && c.now().UnixNano()-last > int64(connectionLife) {
		c.transport.CloseIdleConnections()
		c.lastUse.Store(0)
	}
}

// disconnect says that no reply came.
type disconnect struct {
	call string
	err  error
}

func (e *disconnect) Error() string { return e.call + ": no reply: " + e.err.Error() }
func (e *disconnect) Unwrap() error { return e.err }

// badStatus says that a reply came that is none of the API's, which always
// answers 200.
type badStatus struct {
	call   string
	status int
}

func (e *badStatus) Error() string { return fmt.Sprintf("%s: HTTP status %d", e.call, e.status) }

func isDisconnect(err error) bool {
	var e *disconnect
	return errors.As(err, &e)
}

func isTransient(err error) bool {
	var e *badStatus
	return isDisconnect(err) || errors.As(err, &e) && e.status >= 500
}
