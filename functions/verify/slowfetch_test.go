package main

import (
	"net/http"
	"net/http/httptest"
	"sync"
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

// lost makes so many calls at once, and returns how many were not verified.
func lost(t *testing.T, runtime emulator.Runtime, calls int) int {
	t.Helper()
	event := hosted.JSON(t, hosted.Sample(t))
	var count atomic.Int64
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			if said := hosted.Invoke(t, runtime, event, nil); said != hosted.Verified && count.Add(1) == 1 {
				t.Log("the first failure:", said)
			}
		})
	}
	wg.Wait()
	return int(count.Load())
}

// One fetch of a token hangs, just after a token was refused or in the cold start. With
// a limit of 3 s and 20 calls at a time, none is lost.
func TestOneFetchThatHangsLosesNoCall(t *testing.T) {
	need.Time(t)
	const path, calls = "/cgi-bin/stable_token", 20
	hang := sandbox.Fault{Path: path, Kind: sandbox.FaultDelay, DelayMS: 60_000, Times: 1}
	for _, on := range []string{"lambda", "scf"} {
		t.Run(on, func(t *testing.T) {
			s := hosted.NewSandbox(t, sandbox.Options{Strict: true})
			runtime := start(t, on, s.Variables())
			require.Zero(t, lost(t, runtime, calls))
			for range 3 {
				before := s.Requests(path)
				require.NoError(t, s.Inject(hang))
				s.RotateTokens()
				assert.Zero(t, lost(t, runtime, calls), "refused")
				assert.Equal(t, 2, s.Requests(path)-before, "one that hangs, and another")
			}

			cold := hosted.NewSandbox(t, sandbox.Options{})
			require.NoError(t, cold.Inject(hang))
			assert.Zero(t, lost(t, start(t, on, cold.Variables()), calls), "cold")
		})
	}
}

// WeChat is silent for its first seconds, or its address takes no connection: a call
// that has time is answered, although a fetch gives up before.
func TestSilenceAtTheStartIsSurvived(t *testing.T) {
	need.Time(t)
	s := hosted.NewSandbox(t, sandbox.Options{})
	event := hosted.JSON(t, hosted.Sample(t))
	for _, limit := range []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second} {
		for _, silence := range []time.Duration{3500 * time.Millisecond, 5500 * time.Millisecond} {
			for _, on := range []string{"lambda", "scf"} {
				t.Run(limit.String()+" "+silence.String()+" "+on, func(t *testing.T) {
					t.Parallel()
					began := time.Now()
					server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if time.Since(began) < silence {
							silent(t, w)
							return
						}
						s.ServeHTTP(w, r)
					}))
					t.Cleanup(server.Close)
					variables := hosted.With(s.Variables(), map[string]string{"WECHAT_API_BASE": server.URL})
					var runtime emulator.Runtime
					if on == "lambda" {
						runtime = hosted.Lambda(t, "verify", variables, limit, new(hosted.Log))
					} else {
						runtime = hosted.SCF(t, "verify", variables, limit, new(hosted.Log))
					}
					assert.Equal(t, hosted.Verified, hosted.Invoke(t, runtime, event, nil))
				})
			}
		}
	}
}

// silent takes a connection over, and leaves it open without a byte, as if the reply
// was dropped on its way.
func silent(t *testing.T, w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if assert.NoError(t, err) {
		t.Cleanup(func() { _ = connection.Close() })
	}
}
