package wechat

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/upstream"
)

func TestPlan(t *testing.T) {
	const ms = time.Millisecond
	dead := &upstream.NoReply{Err: errors.New("EOF")}
	reused := &upstream.NoReply{Err: errors.New("EOF"), Reused: true}
	status := func(code int, throttled bool) error {
		return &badStatus{call: "POST /x", status: code, retryAfter: time.Second, throttled: throttled}
	}
	for name, c := range map[string]struct {
		err           error
		before, after failures
		next          step
	}{
		"WeChat is busy": {
			errBusy, failures{hosts: 2}, failures{hosts: 2, count: 1},
			step{pause: 50 * ms, jitter: 100 * ms},
		},
		"busy for the third time": {
			errBusy, failures{hosts: 2, count: 2}, failures{hosts: 2, count: 3},
			step{pause: 200 * ms, jitter: 400 * ms},
		},
		"busy for the eighth time": {
			errBusy, failures{hosts: 2, count: 7}, failures{hosts: 2, count: 8},
			step{pause: 800 * ms, jitter: 1600 * ms},
		},
		"a new connection died": {
			dead, failures{hosts: 2}, failures{hosts: 2, count: 1},
			step{closeIdle: true, leave: true},
		},
		"another new connection died": {
			dead, failures{hosts: 2, count: 1}, failures{hosts: 2, count: 2},
			step{closeIdle: true, leave: true, pause: 100 * ms, jitter: 200 * ms},
		},
		"a reused connection died": {
			reused, failures{hosts: 2}, failures{hosts: 2, dead: 1},
			step{closeIdle: true, free: true},
		},
		"a second reused connection died": {
			reused, failures{hosts: 2, dead: 1}, failures{hosts: 2, dead: 2},
			step{closeIdle: true, free: true, apart: true},
		},
		"a third reused connection died": {
			reused, failures{hosts: 2, dead: 2}, failures{hosts: 2, dead: 2, count: 1},
			step{closeIdle: true, leave: true},
		},
		"the host is none of the API's": {
			status(403, false), failures{hosts: 2}, failures{hosts: 2, count: 1, left: 1},
			step{leave: true, free: true},
		},
		"no host is": {
			status(302, false), failures{hosts: 2, count: 1, left: 1}, failures{hosts: 2, count: 2, left: 2},
			step{leave: true, free: true, stop: true},
		},
		"the server has a fault": {
			status(500, false), failures{hosts: 2}, failures{hosts: 2, count: 1},
			step{leave: true, pause: 50 * ms, jitter: 100 * ms},
		},
		"the request took too long": {
			status(408, false), failures{hosts: 2}, failures{hosts: 2, count: 1},
			step{leave: true, pause: 50 * ms, jitter: 100 * ms},
		},
		"the server is crowded": {
			status(503, false), failures{hosts: 2}, failures{hosts: 2, count: 1},
			step{leave: true, pause: 50 * ms, jitter: 400 * ms, retryAfter: time.Second},
		},
		"the server throttles": {
			status(429, true), failures{hosts: 2, count: 1}, failures{hosts: 2, count: 2},
			step{leave: true, pause: 50 * ms, jitter: 400 * ms, retryAfter: time.Second, throttled: true},
		},
		"SCF has no instance of the token function": {
			&badStatus{status: 432, function: true, throttled: true}, failures{hosts: 1}, failures{hosts: 1, count: 1},
			step{leave: true, pause: 50 * ms, jitter: 400 * ms, throttled: true},
		},
		"the token function ended on SCF": {
			&badStatus{status: 439, function: true}, failures{hosts: 1}, failures{hosts: 1, count: 1},
			step{leave: true, pause: 50 * ms, jitter: 100 * ms},
		},
		"432 of a server that is no function": {
			status(432, false), failures{hosts: 1}, failures{hosts: 1, count: 1, left: 1},
			step{leave: true, free: true, stop: true},
		},
		"the reply is none of WeChat's": {
			errNonsense, failures{hosts: 2, count: 1}, failures{hosts: 2, count: 2},
			step{leave: true, pause: 100 * ms, jitter: 200 * ms},
		},
	} {
		next, after := plan(fmt.Errorf("POST /x: %w", c.err), c.before)
		assert.Equal(t, c.next, next, name)
		assert.Equal(t, c.after, after, name)
	}
}

func TestPauseOfAStep(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for range 100 {
		wait := step{pause: time.Second, jitter: time.Second}.wait(ctx)
		assert.GreaterOrEqual(t, wait, time.Second)
		assert.LessOrEqual(t, wait, 2*time.Second)
	}
	assert.Zero(t, step{}.wait(ctx))
	assert.Equal(t, time.Minute, step{retryAfter: time.Minute}.wait(ctx))
	assert.Zero(t, step{retryAfter: 2 * time.Hour}.wait(ctx), "the call does not have as long")
}

// The retries of one app are no other's, and the connections are everybody's.
func TestEachAppHasItsOwnRetries(t *testing.T) {
	c := New(time.Now)
	shop, game := c.ForApp(), c.ForApp()
	for shop.budget.Take() {
	}
	assert.True(t, game.budget.Take())
	assert.True(t, c.budget.Take())
	assert.Same(t, shop.http, game.http)
}
