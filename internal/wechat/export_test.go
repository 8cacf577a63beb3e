package wechat

import (
	"context"
	"net"
	"testing"
	"time"

	"sotercall/internal/upstream"
)

// RecordPauses makes c pause without waiting, and returns how long it would have.
func (c *API) RecordPauses() *[]time.Duration {
	pauses := new([]time.Duration)
	c.pause = func(ctx context.Context, d time.Duration) error {
		*pauses = append(*pauses, d)
		return ctx.Err()
	}
	return pauses
}

// DialWith makes c connect by dial until t ends, and leaves no connection open then.
// Call it before the first request.
func (c *API) DialWith(t *testing.T, dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	transport := upstream.NewTransport(connectionLife, c.now)
	transport.DialContext = dial
	c.http = upstream.New(transport, c.now)
	t.Cleanup(c.http.CloseIdle)
}
