// Package wechat is a client of WeChat's HTTPS API, as far as verifying a SOTER signature
// needs it. It calls verify_signature, and the two endpoints that issue access_tokens.
//
// An [API] keeps connections open between calls. It repeats requests after temporary
// failures: a dead connection, a broken reply or one that is not WeChat's, errcode -1, HTTP
// 429 and 5xx. One silent connection does not use up all the time. While a host fails, it
// uses another. The deadline of the call's context bounds all that. So does a budget, so
// that retries do not make WeChat's troubles worse.
//
// docs/failures.md describes it for operators. No error of this package holds a secret. The
// query of a URL, which carries access_token and AppSecret, is left out, and a server's
// text passes through a [redact.Redactor].
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

// connectionLife bounds an idle connection. Servers, and the gateways in between, keep
// theirs longer.
const connectionLife = 30 * time.Second

// API calls WeChat. It is safe for concurrent use. Use [New] to make one.
type API struct {
	// Trace, if set, returns the trace header of a context's invocation; it is sent as
	// X-Amzn-Trace-Id. Set it before the first use.
	Trace func(ctx context.Context) string
	// Redact masks secrets in servers' texts. Set it before the first use.
	Redact *redact.Redactor

	http   *upstream.Client
	life   *upstream.Life // nil: as long as the process
	budget *upstream.Budget
	// strangers bounds the fetches of all apps that unknown presented tokens cause.
	strangers *accesstoken.Strangers
	now       func() time.Time
	pause     func(ctx context.Context, d time.Duration) error
}

// New returns an API; now is the wall clock. It sends nothing before the first call.
func New(now func() time.Time) *API { return NewFor(nil, now) }

// NewFor returns an API whose fetches and dials are canceled when life ends.
func NewFor(life *upstream.Life, now func() time.Time) *API {
	return &API{
		http:      upstream.New(life.NewTransport(connectionLife, now), now),
		life:      life,
		budget:    upstream.NewBudget(now),
		strangers: accesstoken.NewStrangers(now),
		now:       now, pause: upstream.Sleep,
	}
}

// Over sets another transport; see [upstream.NewOver]. Call it before the first use.
func (c *API) Over(transport http.RoundTripper) {
	c.http = upstream.NewOver(transport, connectionLife, c.now)
}

// CloseIdle closes the idle connections.
func (c *API) CloseIdle() { c.http.CloseIdle() }

// ForApp returns a client for one app of several. It shares c's connections, and has a
// retry budget of its own: a failing app does not use up another's.
func (c *API) ForApp() *API {
	app := *c
	app.budget = upstream.NewBudget(c.now)
	return &app
}

// Hosts returns the base addresses of one API, in the order of preference.
func (c *API) Hosts(bases ...*url.URL) *upstream.Hosts {
	own := make([]*url.URL, len(bases))
	for i, base := range bases {
		own[i] = base.JoinPath()
		// A request's path is appended to it, and begins with a slash.
		own[i].Path, own[i].RawPath = strings.TrimRight(own[i].Path, "/"), strings.TrimRight(own[i].RawPath, "/")
	}
	return upstream.NewHosts(c.now, own...)
}

// request describes one request, which may be sent several times.
type request struct {
	method string
	hosts  *upstream.Hosts
	path   string
	query  string // encoded
	body   []byte
	// once marks a request that costs something to repeat: a second attempt beside a silent
	// one begins later.
	once bool
	// bare marks a request without a token, to which the open API service of Cloud Hosting
	// adds one. There, HTTP 502 means that a setting is missing.
	bare bool
	// function marks a request to a token function. If a platform has no more instances of
	// it, HTTP 503 means the same as 429, and so does SCF's 432.
	function bool
	// isForStranger, if set, reports whether only strangers wait for the reply. Then one
	// request is enough.
	isForStranger func() bool
	// spare is how many of the invocation's requests are reserved for what follows.
	spare int
	// read reads a whole reply (HTTP 200). An error means that it is not WeChat's. One
	// goroutine at a time calls read; the last reading counts.
	read func(reply []byte) (errCode int, err error)
}

func (r *request) name() string { return r.method + " " + r.path }

// newRequest returns the HTTP request of r to base. The error holds no part of it.
func (c *API) newRequest(ctx context.Context, r *request, base *url.URL) (*http.Request, error) {
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
func (c *API) send(ctx context.Context, r *request, to attempt) ([]byte, error) {
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

// badStatus is a reply that is not the API's: that always has status 200.
type badStatus struct {
	call       string
	status     int
	retryAfter time.Duration
	function   bool // the reply of a token function
	throttled  bool // the server only says that it is asked too often: repeating costs it little
}

func (e *badStatus) Error() string { return fmt.Sprintf("%s: HTTP status %d", e.call, e.status) }

// sentence returns the text for outside about a token function's status.
func (e *badStatus) sentence() string {
	const function = "the token function (WECHAT_TOKEN_BASE) "
	if e.throttled {
		return fmt.Sprintf(function+"takes no more requests at the moment (HTTP status %d): raise its concurrency", e.status)
	}
	return fmt.Sprintf(function+"answered with HTTP status %d", e.status)
}

// errNonsense is the error for a reply that is not WeChat's: a web page, incomplete JSON,
// or JSON without the expected members.
var errNonsense = errors.New("the reply is not what WeChat's documentation says")

// errBusy is errcode -1, "system error", after which WeChat asks to try again. It is a
// reply of WeChat's own: if it is the last one, it counts.
var errBusy = errors.New("errcode -1")
