package wechat

import (
	"context"
	"time"
)

// RecordPauses makes c pause without waiting, and returns how long it would have.
func (c *Client) RecordPauses() *[]time.Duration {
	pauses := new([]time.Duration)
	c.pause = func(ctx context.Context, d time.Duration) error {
		*pauses = append(*pauses, d)
		return ctx.Err()
	}
	return pauses
}
