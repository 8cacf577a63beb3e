package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/emulator"
	"sotercall/internal/hostedtest"
	"sotercall/internal/redis/redistest"
	"sotercall/internal/sandbox"
)

// 1,000 cold calls in 8 processes, with a Redis Cluster: one fetch. Another one when the
// token is taken away at WeChat.
func TestColdCallsFetchOnceOnACluster(t *testing.T) {
	cluster := redistest.StartCluster(t)
	s := hostedtest.NewSandbox(t, sandbox.Options{Strict: true})
	variables := hostedtest.With(s.Variables(), map[string]string{"REDIS_URL": cluster.URL.Reveal()})
	verify := make([]emulator.Runtime, 8)
	for i := range verify {
		verify[i] = hostedtest.SCF(t, "verify", variables, 20*time.Second, new(hostedtest.Log))
	}
	assert.Zero(t, verifyAll(t, 125, verify...))
	assert.Equal(t, 1, s.Requests(tokenPath))
	s.RotateTokens()
	assert.Zero(t, verifyAll(t, 20, verify...))
	assert.Equal(t, 2, s.Requests(tokenPath))
}
