package wechat_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/need"
)

// cutter keeps the connections of a host, and resets them all at once.
type cutter struct {
	mu   sync.Mutex
	open map[net.Conn]bool
}

func (c *cutter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for connection := range c.open {
		_ = connection.(*net.TCPConn).SetLinger(0) // RST instead of FIN
		_ = connection.Close()
	}
	clear(c.open)
}

// watch adds the connections of h.
func (c *cutter) watch(h *host) {
	c.open = make(map[net.Conn]bool)
	count := h.Config.ConnState
	h.Config.ConnState = func(connection net.Conn, state http.ConnState) {
		count(connection, state)
		c.mu.Lock()
		defer c.mu.Unlock()
		if state == http.StateNew {
			c.open[connection] = true
		} else if state == http.StateClosed {
			delete(c.open, connection)
		}
	}
}

// A front end is replaced: all connections, each of which carries a request, are reset
// at once. No call is refused, three times a minute, and the budget is not touched.
func TestBurstOfDeadConnections(t *testing.T) {
	for _, inFlight := range []int{8, 64, 256} {
		t.Run(fmt.Sprint(inFlight), func(t *testing.T) {
			s := newSandbox(t, sandbox.Options{})
			var cut cutter
			var hold atomic.Pointer[chan struct{}]
			var arrived atomic.Int32
			h := newUnstartedHost(s, func(_ http.ResponseWriter, r *http.Request) bool {
				if release := hold.Load(); release != nil && r.URL.Path == verifyPath {
					if arrived.Add(1) <= int32(inFlight) {
						<-*release
					}
				}
				return false
			})
			cut.watch(h)
			h.Start()
			t.Cleanup(h.Close)
			i := newInstance(t, time.Now, false, h)
			require.NoError(t, i.verify(t, time.Minute))
			round := func(during func()) {
				release := make(chan struct{})
				arrived.Store(0)
				hold.Store(&release)
				var calls sync.WaitGroup
				calls.Go(func() {
					assert.Zero(t, each(t, inFlight, func(int) error { return i.verify(t, time.Minute) }), "refused")
				})
				require.Eventually(t, func() bool { return arrived.Load() >= int32(inFlight) }, time.Minute, time.Millisecond)
				hold.Store(nil)
				during()
				close(release)
				calls.Wait()
			}
			round(func() {}) // opens a connection for each call
			for range 3 {
				before := h.requests.Load()
				round(cut.reset)
				assert.LessOrEqual(t, h.requests.Load()-before, int32(3*inFlight))
			}
		})
	}
}

// An upstream closes each connection 10 ms after its reply, without saying so.
func TestUpstreamThatClosesAfterEachReply(t *testing.T) {
	need.Time(t)
	s := newSandbox(t, sandbox.Options{})
	h := newUnstartedHost(s, nil)
	count := h.Config.ConnState
	var broken atomic.Int32
	h.Config.ConnState = func(connection net.Conn, state http.ConnState) {
		count(connection, state)
		if state == http.StateIdle {
			time.AfterFunc(10*time.Millisecond, func() {
				broken.Add(1)
				_ = connection.(*net.TCPConn).SetLinger(0)
				_ = connection.Close()
			})
		}
	}
	h.Start()
	t.Cleanup(h.Close)
	i := newInstance(t, time.Now, false, h)
	assert.Zero(t, each(t, 60, func(n int) error {
		for range 20 {
			if err := i.verify(t, 30*time.Second); err != nil {
				return err
			}
			time.Sleep(time.Duration(n%10+5) * time.Millisecond)
		}
		return nil
	}), "refused")
	assert.Greater(t, broken.Load(), int32(60), "the twin")
}

// A dead connection that is new is a sign of trouble, and is charged.
func TestNewConnectionThatDiesIsCharged(t *testing.T) {
	s := newSandbox(t, sandbox.Options{})
	var trouble atomic.Bool
	h := newHost(t, s, func(_ http.ResponseWriter, r *http.Request) bool {
		if trouble.Load() {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	i := newInstance(t, time.Now, false, h)
	i.client.RecordPauses()
	require.NoError(t, i.verify(t, time.Minute))
	trouble.Store(true)
	const calls = 100
	for range calls {
		assert.Error(t, i.verify(t, time.Minute))
	}
	assert.LessOrEqual(t, h.requests.Load(), int32(2+calls+1+calls/5), "one that was reused, and the budget")
}

// The first host answers, and is not WeChat: each of these leaves it for the next.
func TestHostThatIsNotWeChatIsLeft(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"302":  func(w http.ResponseWriter) { w.Header().Set("Location", "/login"); w.WriteHeader(http.StatusFound) },
		"403":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) },
		"404":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
		"407":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusProxyAuthRequired) },
		"204":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) },
		"HTML": answers["HTML"], "nonsense": answers["nonsense"], "nothing": answers["nothing"],
		"JSON": func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"message":"no route"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSandbox(t, sandbox.Options{})
			first := newHost(t, s, func(w http.ResponseWriter, _ *http.Request) bool { answer(w); return true })
			second := newHost(t, s, nil)
			i := newInstance(t, time.Now, false, first, second)
			i.client.RecordPauses()
			for range 5 {
				require.NoError(t, i.verify(t, time.Minute))
			}
			assert.EqualValues(t, 1, first.requests.Load(), "then the second is asked for a while")

			alone := newInstance(t, time.Now, false, first)
			alone.client.RecordPauses()
			assert.Error(t, alone.verify(t, time.Minute), "the twin: there is no other")
			both := newInstance(t, time.Now, false, first, newHost(t, s, func(w http.ResponseWriter, _ *http.Request) bool { answer(w); return true }))
			both.client.RecordPauses()
			before := first.requests.Load()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := both.verifier.Verify(ctx, sample(t))
			assert.Error(t, err, "neither")
			assert.LessOrEqual(t, first.requests.Load()-before, int32(2))
		})
	}
}
