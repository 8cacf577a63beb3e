package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/dev/emulator"
)

// call is a request to a function.
type call struct {
	platform string // lambda, scf or http
	function string // one of functions
	event    []byte
	// environment is what the platform adds for this call. On SCF these are the function's
	// variables. WX_OPENID is the user whose page calls; without it a backend calls. In
	// Cloud Hosting pages call: the user is WX_OPENID, or else the one that the event
	// names. Lambda adds nothing.
	environment map[string]string
}

// reply is a function's response.
type reply struct {
	status   int    // of HTTP; 200 from Lambda and SCF, whose responses have none
	answer   []byte // JSON
	failed   bool   // the function itself failed, and the response is the platform's
	line     []byte // the function's log line, JSON; nil if it wrote none
	duration time.Duration
}

// call calls a function.
func (w *world) call(ctx context.Context, c call) (reply, error) {
	if c.platform == httpPlatform {
		return w.callContainer(ctx, c)
	}
	runtime := w.hosted[c.platform][c.function]
	if runtime == nil {
		return reply{}, fmt.Errorf("there is no function %s on %s", c.function, c.platform)
	}
	begin := time.Now()
	got, err := runtime.Invoke(ctx, emulator.Call{Payload: c.event, Environment: c.environment})
	if err != nil {
		return reply{}, err
	}
	return reply{
		status:   http.StatusOK,
		answer:   bytes.TrimSpace(got.Payload),
		failed:   got.FunctionError != "",
		duration: time.Since(begin),
		line:     w.journal.line(ctx, got.RequestID),
	}, nil
}

// callContainer calls as a page does, by wx.cloud.callContainer.
func (w *world) callContainer(ctx context.Context, c call) (reply, error) {
	i := slices.IndexFunc(functions, func(f function) bool { return f.name == c.function })
	if w.hosting == nil || i < 0 || c.function == "token" {
		return reply{}, fmt.Errorf("there is no function %s on %s", c.function, c.platform)
	}
	openid, err := c.user()
	if err != nil {
		return reply{}, err
	}
	address := w.base + "/callContainer/" + url.PathEscape(openid) + functions[i].paths[0]
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(c.event))
	if err != nil {
		return reply{}, err
	}
	id := rand.Text()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Request-Id", id)
	if c.function != "verify" {
		r.Header.Set("X-WX-SERVICE", strictContainer)
	}
	begin := time.Now()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	return reply{
		status:   resp.StatusCode,
		answer:   bytes.TrimSpace(answer),
		failed:   resp.StatusCode >= http.StatusInternalServerError,
		duration: time.Since(begin),
		line:     w.journal.line(ctx, id),
	}, nil
}

// user returns the user that calls a container.
func (c call) user() (openid string, err error) {
	for name := range c.environment {
		if name != "WX_OPENID" {
			return "", fmt.Errorf("a container is told WX_OPENID, as X-WX-OPENID, and no %s", name)
		}
	}
	var event struct {
		OpenID string `json:"openid"`
	}
	_ = json.Unmarshal(c.event, &event) // an invalid event names no user
	for _, openid := range []string{c.environment["WX_OPENID"], event.OpenID} {
		if strings.TrimSpace(openid) != "" {
			return openid, nil
		}
	}
	return "", fmt.Errorf("a container is called by a user, whom neither the event nor WX_OPENID names")
}
