package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

// counted is what wrk says at the end.
type counted struct {
	requests, connect, read, write, status, timeout int
	wrong                                           int
	sample                                          string // of the wrong answers
}

// broken are the requests, and the connections to be, that came to nothing.
func (c counted) broken() int { return c.connect + c.read + c.write + c.timeout }

// connections are those that one wrk keeps open.
const connections = 32

// load runs wrk, as fast as it can, with one question.
func load(ctx context.Context, t *testing.T, url string, event []byte, want string, duration time.Duration) (c counted) {
	file := filepath.Join(t.TempDir(), "event.json")
	require.NoError(t, os.WriteFile(file, event, 0o600))
	command := exec.CommandContext(ctx, "wrk", "-t", "1", "-c", fmt.Sprint(connections), "-d", fmt.Sprintf("%.0fs", duration.Seconds()),
		"--timeout", "15s", "-s", "testdata/load.lua", url, "--", file, want, bearer)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	require.NoError(t, command.Run(), said.String())
	_, line, found := strings.Cut(said.String(), "COUNTED ")
	require.True(t, found, said.String())
	line, c.sample, _ = strings.Cut(strings.TrimSpace(line), " sample=")
	_, err := fmt.Sscanf(line, "requests=%d connect=%d read=%d write=%d status=%d timeout=%d wrong=%d",
		&c.requests, &c.connect, &c.read, &c.write, &c.status, &c.timeout, &c.wrong)
	require.NoError(t, err, said.String())
	return c
}

// lines counts the log lines of invocations.
type lines struct{ n atomic.Int64 }

func (l *lines) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(`"msg":"invocation"`)) {
		l.n.Add(1)
	}
	return len(line), nil
}

// world is what the load is driven against: instances behind one port, a sandbox,
// a genuine question and a tampered one.
type world struct {
	wechat            hosted.Sandbox
	front             *balancer
	invocations       lines
	genuine, tampered []byte
}

// refused is what a tampered question is answered: it was asked, and is wrong.
const refused = `{"isOk":false,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`

func newWorld(t *testing.T) *world {
	w := &world{wechat: hosted.NewSandbox(t, sandbox.Options{}), front: startBalancer(t)}
	phone, err := w.wechat.Phone(alice, sandbox.Huawei)
	require.NoError(t, err)
	signed, err := phone.Sign("challenge-of-the-load")
	require.NoError(t, err)
	w.genuine = hosted.JSON(t, signed)
	signed.JSONString = strings.Replace(signed.JSONString, "challenge", "Challenge", 1)
	w.tampered = hosted.JSON(t, signed)
	return w
}

// instance starts one more, and puts it behind the port.
func (w *world) instance(t *testing.T) *emulator.HTTPServer {
	t.Helper()
	s := hosted.HTTP(t, "service", hosted.With(w.wechat.Variables(), map[string]string{"HTTP_BEARER_TOKENS": bearer}), hosted.Ample, &w.invocations)
	w.front.add(s.URL)
	return s
}

// TestStopsUnderLoad replaces instances one by one while wrk asks as fast as it
// can, as a rolling update does: no answer is wrong, and no request is broken, by
// wrk's own account. LOADTIME is how long, 8s if it is not set; each stop takes
// more than three seconds.
func TestStopsUnderLoad(t *testing.T) {
	need.Program(t, "wrk")
	duration, err := time.ParseDuration(cmp.Or(os.Getenv("LOADTIME"), "8s"))
	require.NoError(t, err)
	w := newWorld(t)
	running := []*emulator.HTTPServer{w.instance(t), w.instance(t)}

	begin := time.Now()
	results := make(chan counted, 2)
	go func() { results <- load(t.Context(), t, w.front.url, w.genuine, hosted.Verified, duration) }()
	go func() { results <- load(t.Context(), t, w.front.url, w.tampered, refused, duration) }()
	stops := 0
	for time.Sleep(time.Second); stops == 0 || time.Since(begin) < duration-5*time.Second; stops++ {
		running = append(running, w.instance(t))
		asked := w.invocations.n.Load()
		require.NoError(t, running[0].Stop(), "SIGTERM ends it with status 0")
		running = running[1:]
		assert.Greater(t, w.invocations.n.Load(), asked, "it was stopped under load")
	}
	total := 0
	for range 2 {
		c := <-results
		assert.Zero(t, c.wrong, c.sample)
		assert.Zero(t, c.status)
		assert.Zero(t, c.broken(), "%+v", c)
		total += c.requests
	}
	for _, s := range running {
		require.NoError(t, s.Stop())
	}
	// What wrk has not waited for at its end may have been answered too.
	assert.GreaterOrEqual(t, int(w.invocations.n.Load()), total, "each request has its line")
	assert.LessOrEqual(t, int(w.invocations.n.Load()), total+2*connections, "and one only")
	t.Logf("%d requests in %v, %.0f a second, %d stops", total, duration, float64(total)/duration.Seconds(), stops)
}

// The twin: wrk tells what is broken, and what is wrong.
func TestLoadTellsWhatIsBroken(t *testing.T) {
	need.Program(t, "wrk")
	w := newWorld(t)
	killed := w.instance(t)
	w.instance(t)
	result := make(chan counted, 1)
	go func() { result <- load(t.Context(), t, w.front.url, w.genuine, hosted.Verified, 2*time.Second) }()
	for w.invocations.n.Load() < 100 {
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, killed.Close())
	c := <-result
	assert.Positive(t, c.broken(), "%+v", c)
	assert.Zero(t, c.wrong, c.sample)

	c = load(t.Context(), t, w.front.url, w.tampered, hosted.Verified, time.Second)
	assert.Equal(t, c.requests, c.wrong)
	assert.Equal(t, "200 "+refused, c.sample)
}
