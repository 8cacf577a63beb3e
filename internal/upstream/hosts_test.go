package upstream_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/upstream"
)

func TestHosts(t *testing.T) {
	clock := time.Now()
	first, second, third := &url.URL{Host: "1"}, &url.URL{Host: "2"}, &url.URL{Host: "3"}
	hosts := upstream.NewHosts(func() time.Time { return clock }, first, second, third)
	begins := func() *url.URL {
		r := hosts.Route()
		return r.Base()
	}

	r := hosts.Route()
	assert.Equal(t, first, r.Base())
	assert.False(t, r.Answered(first))
	r.Leave()
	assert.Equal(t, second, r.Base())
	assert.Equal(t, first, begins(), "that it was left for one attempt changes nothing")
	assert.True(t, r.Answered(second))
	assert.Equal(t, second, begins(), "the one that has answered")

	r = hosts.Route()
	r.Leave()
	r.Leave()
	assert.Equal(t, first, r.Base(), "after the last comes the first")
	r = hosts.Route()
	r.Leave()
	assert.True(t, r.Answered(third), "the stand-in has failed")
	assert.Equal(t, third, begins())

	clock = clock.Add(time.Minute)
	r = hosts.Route()
	assert.Equal(t, first, r.Base(), "one call tries the first again")
	assert.Equal(t, third, begins(), "the others wait for what it finds out")
	r.Leave()
	r.Leave()
	assert.False(t, r.Answered(third), "it is still down")
	assert.Equal(t, third, begins())

	clock = clock.Add(time.Minute)
	r = hosts.Route()
	assert.True(t, r.Answered(first), "it is back")
	assert.Equal(t, first, begins())
}

func TestOneHost(t *testing.T) {
	only := &url.URL{Host: "1"}
	r := upstream.NewHosts(time.Now, only).Route()
	r.Leave()
	assert.Equal(t, only, r.Base())
	assert.False(t, r.Answered(only))
}
