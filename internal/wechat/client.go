// Package wechat is a client of WeChat's HTTPS API, as far as verifying a SOTER
// signature needs it: verify_signature itself, and the two endpoints that give
// access_tokens.
//
// A [Client] keeps connections open between calls. It repeats what is worth
// repeating (a connection that died while the function was frozen, errcode -1,
// HTTP 5xx) within the deadline of the call's context, never beyond it, and
// builds the request anew each time. No error of this package holds a secret:
// the query of a URL, where access_token and AppSecret travel, is left out, and
// what the server says passes a [secret.Scrubber].
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
	"time"

	"sotercall/internal/journal"
	"sotercall/internal/secret"
	"sotercall/internal/upstream"
)

const (
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
	// Scrub takes secrets out of what servers say; those of a request are taken
	// out in any case. Set it before the first use.
	Scrub *secret.Scrubber

	line  *upstream.Line
	now   func() time.Time
	pause func(ctx context.Context, d time.Duration) error
}

// New makes a Client; now is the clock. Nothing is sent before it is needed.
func New(now func() time.Time) *Client {
	return &Client{line: upstream.New(connectionLife, now), now: now, pause: pause}
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
	// outside knows the secrets in it, which the server may echo.
	outside *secret.Scrubber
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
			c.line.HangUp()
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
	reply, err := c.line.Send(req)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", r.name(), r.outside.Error(err))
	case reply.Status != http.StatusOK:
		return nil, &badStatus{call: r.name(), status: reply.Status}
	}
	return reply.Body, nil
}

// badStatus says that a reply came that is none of the API's, which always
// answers 200.
type badStatus struct {
	call   string
	status int
}

func (e *badStatus) Error() string { return fmt.Sprintf("%s: HTTP status %d", e.call, e.status) }

func isDisconnect(err error) bool {
	var e *upstream.NoReply
	return errors.As(err, &e)
}

func isTransient(err error) bool {
	var e *badStatus
	return isDisconnect(err) || errors.As(err, &e) && e.status >= 500
}
