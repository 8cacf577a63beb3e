package wechat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

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

// A process that has no time to read answers does not take that for a silent server,
// and asks once more only when it has been attentive for the whole patience.
func TestSilenceCountsOnlyWhileSomebodyListens(t *testing.T) {
	s := newSilence(time.Hour)
	defer s.Stop()
	crowded := true
	s.crowded = func() bool { return crowded }
	passes := func(late time.Duration) bool {
		s.since = s.since.Add(-s.glance - late)
		return s.isOver()
	}
	for range glances - 1 {
		assert.False(t, passes(0))
	}
	assert.True(t, passes(0), "the patience is at an end")

	s.begin(time.Hour)
	for range glances - 1 {
		assert.False(t, passes(0))
	}
	assert.False(t, passes(time.Second), "nobody had time to look")
	for range glances - 1 {
		assert.False(t, passes(0), "from the beginning")
	}
	assert.True(t, passes(0))

	s.begin(time.Hour)
	crowded = false
	for range glances - 1 {
		assert.False(t, passes(time.Second))
	}
	assert.True(t, passes(time.Second), "others keep the machine busy, and the server is silent all the same")
}
