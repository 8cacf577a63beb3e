package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

// 400 cold calls in 8 processes, with a Redis Cluster: one fetch. Another one when the
// token is taken away at WeChat. 1,000 with scripts/test -long: each is a TLS handshake with
// WeChat, and on a busy machine so many take longer than one may.
func TestColdCallsFetchOnceOnACluster(t *testing.T) {
	cluster := redistest.StartCluster(t)
	s := hosted.NewSandbox(t, sandbox.Options{Strict: true})
	variables := hosted.With(s.Variables(), map[string]string{"REDIS_URL": cluster.URL.Reveal()})
	verify := make([]emulator.Runtime, 8)
	for i := range verify {
		verify[i] = hosted.SCF(t, "verify", variables, 20*time.Second, new(hosted.Log))
	}
	assert.Zero(t, verifyAll(t, need.OrLong(50, 125), verify...))
	assert.Equal(t, 1, s.Requests(tokenPath))
	s.RotateTokens()
	assert.Zero(t, verifyAll(t, 20, verify...))
	assert.Equal(t, 2, s.Requests(tokenPath))
}
