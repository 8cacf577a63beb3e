package redis

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
)

// conn counts PINGs and fails them with err.
type conn struct {
	redis.Conn
	pings int
	err   error
}

func (c *conn) DoContext(context.Context, string, ...any) (any, error) {
	c.pings++
	return "PONG", c.err
}

func (c *conn) ReceiveContext(context.Context) (any, error) { return nil, nil }

func TestIdleConnectionIsTriedBeforeItIsUsed(t *testing.T) {
	dead := errors.New("EOF")
	for _, c := range []struct {
		name  string
		idle  time.Duration
		err   error
		pings int
		good  bool
	}{
		{"just used: trusted", doubtAfter - 1, dead, 0, true},
		{"idle for a while and answers", doubtAfter, nil, 1, true},
		{"idle for a while and dead", doubtAfter, dead, 1, false},
		{"idle up to its life", idleLife, nil, 1, true},
		{"older than its life, as after a freeze: no time is spent on it", idleLife + 1, nil, 0, false},
		{"the clock was set back", -idleLife - 1, nil, 0, false},
	} {
		connection := &conn{err: c.err}
		assert.Equal(t, c.good, test(t.Context(), connection, c.idle) == nil, c.name)
		assert.Equal(t, c.pings, connection.pings, c.name)
	}
}
