// Package wechat is a client of WeChat's HTTPS API, as far as verifying a SOTER
// signature needs it: verify_signature itself, and the two endpoints that give
// access_tokens.
//
// A [Client] keeps connections open between calls. It repeats what is worth
// repeating (a connection that died, a reply that broke off or is none of WeChat's,
// errcode -1, HTTP 429 and 5xx), does not let one silent connection take all the
// time there is, and goes to another host while one fails: within the deadline of
// the call's context, and within a budget that keeps it from making WeChat's
// troubles worse. docs/failures.md tells all this to who operates it. No error of
// this package holds a secret: the query of a URL, where access_token and AppSecret
// travel, is left out, and what the server says passes a [redact.Redactor].
package wechat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/journal"
	"sotercall/internal/secret/redact"
	"sotercall/internal/upstream"
)

// connectionLife is how long an idle connection is kept: shorter than servers and
// the gateways between keep theirs.
const connectionLife = 30 * time.Second

// Client calls WeChat. It may be used concurrently. Make it with [New].
type Client struct {
	// Trace, if set, finds the trace header of the invocation in a context; it is
	// passed on as X-Amzn-Trace-Id. Set it before the first use.
	Trace func(ctx context.Context) string
	// Redact masks secrets in what servers say. Set it before the first use.
	Redact *redact.Redactor

	http   *upstream.Client
	life   *upstream.Life // nil: as long as the process
	budget *upstream.Budget
	// strangers bounds what strangers can have all apps fetch.
	strangers *accesstoken.Strangers
	now       func() time.Time
	pause     func(ctx context.Context, d time.Duration) error
}

// New makes a Client; now is the clock on the wall. Nothing is sent before it is needed.
func New(now func() time.Time) *Client { return NewFor(nil, now) }

// NewFor makes a Client whose fetches and dials end with a Life.
func NewFor(life *upstream.Life, now func() time.Time) *Client {
	return &Client{
		http:      upstream.New(life.NewTransport(connectionLife, now), now),
		life:      life,
		budget:    upstream.NewBudget(now),
		strangers: accesstoken.NewStrangers(now),
		now:       now, pause: upstream.Sleep,
	}
}

// Over has c send by another transport; see [upstream.NewOver]. Call it before the first use.
func (c *Client) Over(transport http.RoundTripper) {
	c.http = upstream.NewOver(transport, connectionLife, c.now)
}

// CloseIdle closes the connections that are idle.
func (c *Client) CloseIdle() { c.http.CloseIdle() }

// ForApp is c for one app of several: it shares c's connections, and has retries of its
// own, so that an app in trouble uses up nobody else's.
func (c *Client) ForApp() *Client {
	app := *c
	app.budget = upstream.NewBudget(c.now)
	return &app
}

// Hosts are the base addresses at which c reaches one API, in the order of
// preference.
func (c *Client) Hosts(bases ...*url.URL) *upstream.Hosts {
	own := make([]*url.URL, len(bases))
	for i, base := range bases {
		own[i] = base.JoinPath()
		// The path of a request is put behind it, and begins with a slash.
		own[i].Path, own[i].RawPath = strings.TrimRight(own[i].Path, "/"), strings.TrimRight(own[i].RawPath, "/")
	}
	return upstream.NewHosts(c.now, own...)
}

// request is one question, to be sent as often as needed.
type request struct {
	method string
	hosts  *upstream.Hosts
	path   string
	query  string // encoded
	body   []byte
	// once says that asking twice has a price, so that a second attempt beside one
	// that is under way begins later.
	once bool
	// bare says that the request carries no token, because the open API service of
	// Cloud Hosting adds one: there, HTTP 502 means that a setting is missing.
	bare bool
	// function says that a token function is asked: where a platform has no more
	// instances of it, HTTP 503 says no more than 429, and so does SCF's 432.
	function bool
	// isForStranger, if set, reports whether nobody waits for the reply but a stranger: then
	// one request is enough.
	isForStranger func() bool
	// spare is how many of the invocation's requests are kept for what comes after.
	spare int
	// read reads a reply (HTTP 200, whole). An error says that it is none of
	// WeChat's. It is called by one goroutine at a time, and what it read last counts.
	read func(reply []byte) (errCode int, err error)
}

func (r *request) name() string { return r.method + " " + r.path }

// newRequest returns r as it is sent to base. The error holds no part of it.
func (c *Client) newRequest(ctx context.Context, r *request, base *url.URL) (*http.Request, error) {
	u := *base
	u.Path += r.path
	if u.RawPath != "" {
		u.RawPath += r.path
	}
	u.RawQuery = r.query
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, "", body)
	if err != nil {
		return nil, fmt.Errorf("%s: the request could not be built", r.name())
	}
	req.URL, req.Host = &u, u.Host
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	if c.Trace != nil {
		if trace := c.Trace(ctx); trace != "" {
			req.Header.Set("X-Amzn-Trace-Id", trace)
		}
	}
	return req, nil
}

// send sends r once, and returns the body of an HTTP 200.
func (c *Client) send(ctx context.Context, r *request, to attempt) ([]byte, error) {
	req, err := c.newRequest(ctx, r, to.base)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	defer func() {
		journal.From(ctx).Count("upstream_attempts", 1)
		journal.From(ctx).Spend("upstream_ms", time.Since(begin))
	}()
	send := c.http.Send
	if to.apart {
		send = c.http.SendApart
	}
	reply, err := send(req)
	if reply.OpenAPISequence != "" {
		journal.From(ctx).Set("openapi_seqid", c.Redact.Text(reply.OpenAPISequence))
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", r.name(), c.Redact.Error(err))
	case reply.Status != http.StatusOK:
		return nil, &badStatus{
			call: r.name(), status: reply.Status, retryAfter: reply.RetryAfter, function: r.function,
			throttled: reply.Status == http.StatusTooManyRequests ||
				r.function && (reply.Status == http.StatusServiceUnavailable || reply.Status == scfNoInstance),
		}
	}
	return reply.Body, nil
}

// badStatus says that a reply came that is none of the API's, which always
// answers 200.
type badStatus struct {
	call       string
	status     int
	retryAfter time.Duration
	function   bool // a token function was asked
	throttled  bool // the server only says that it is asked too often: repeating costs it little
}

func (e *badStatus) Error() string { return fmt.Sprintf("%s: HTTP status %d", e.call, e.status) }

// sentence is what to say outside of the status of a token function.
func (e *badStatus) sentence() string {
	const function = "the token function (WECHAT_TOKEN_BASE) "
	if e.throttled {
		return fmt.Sprintf(function+"takes no more requests at the moment (HTTP status %d): raise its concurrency", e.status)
	}
	return fmt.Sprintf(function+"answered with HTTP status %d", e.status)
}

// errNonsense says that a reply came that is none of WeChat's: a web page, half a
// JSON text, or JSON that says nothing.
var errNonsense = errors.New("the reply is not what WeChat's documentation says")

// errBusy is errcode -1, "system error", for which WeChat asks to try again. It is
// a reply of WeChat's own: if it is the last one, it counts.
var errBusy = errors.New("errcode -1")
