package main

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/hosting"
	"sotercall/internal/test/need"
)

// What a process is given of the CPU is what the quota says, from the moment it is set.
func TestThrottleHolds(t *testing.T) {
	limits, err := newThrottle()
	if err != nil {
		t.Skip(err) // as the bench says it
	}
	defer func() { assert.NoError(t, limits.remove()) }()
	need.Program(t, "sh")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", "while :; do :; done")
	require.NoError(t, limits.start(cmd))
	defer end(cmd)
	process := hosting.ProcessOf(cmd.Process.Pid)
	assert.NotEqual(t, os.Getpid(), cmd.Process.Pid)

	require.NoError(t, limits.limit(1./14))
	began := time.Now()
	before, err := process.CPU()
	require.NoError(t, err)
	timer := time.NewTimer(400 * time.Millisecond)
	defer timer.Stop()
	<-timer.C
	after, err := process.CPU()
	require.NoError(t, err)
	// A busy computer gives less, never more: at most the quota of each period begun.
	periods := time.Since(began)/throttlePeriod + 2
	assert.LessOrEqual(t, after-before, periods*throttlePeriod/14+throttlePeriod)
	require.NoError(t, limits.open())
}
