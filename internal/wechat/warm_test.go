package wechat_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
)

// An environment that is initialised ahead of its first call (provisioned concurrency)
// meets it minutes later: the connection is dead, and nothing tells; the token has aged.
func TestWarmedLongBeforeTheFirstCall(t *testing.T) {
	for name, c := range map[string]struct {
		after   time.Duration
		fetches int
	}{
		"minutes":                          {3 * time.Minute, 1},
		"until the token is in its margin": {7100 * time.Second, 2},
		"until the token is dead":          {3 * time.Hour, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var ahead atomic.Int64
			now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			s := newSandbox(t, sandbox.Options{Now: now})
			var mu sync.Mutex
			var frozen []string // the remote addresses of connections that carry nothing any more
			dead := map[string]bool{}
			over := make(chan struct{})
			var swallowed atomic.Int32
			h := newHost(t, s, func(_ http.ResponseWriter, r *http.Request) bool {
				mu.Lock()
				isDead := dead[r.RemoteAddr]
				frozen = append(frozen, r.RemoteAddr)
				mu.Unlock()
				if isDead {
					swallowed.Add(1)
					<-over
				}
				return isDead
			})
			defer close(over)
			i := newInstance(t, now, false, h)
			i.verifier.Warm(t.Context())
			require.Equal(t, 1, s.Requests(""), "one request on one connection, for the token")

			mu.Lock()
			for _, address := range frozen {
				dead[address] = true
			}
			mu.Unlock()
			ahead.Store(int64(c.after))
			require.NoError(t, i.verify(t, invocationLimit))
			assert.Zero(t, swallowed.Load(), "no attempt goes to the dead connection")
			assert.Equal(t, c.fetches, s.Requests(tokenPath))
			assert.Equal(t, c.fetches+1, s.Requests(""))
		})
	}
}

// The twin: a moment later the connection that is open is used.
func TestWarmedConnectionIsUsed(t *testing.T) {
	s := newSandbox(t, sandbox.Options{})
	var mu sync.Mutex
	connections := map[string]int{} // requests, by the remote address
	h := newHost(t, s, func(_ http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		connections[r.RemoteAddr]++
		return false
	})
	i := newInstance(t, time.Now, false, h)
	i.verifier.Warm(t.Context())
	require.NoError(t, i.verify(t, invocationLimit))
	mu.Lock()
	defer mu.Unlock()
	assert.Len(t, connections, 1)
	assert.Equal(t, 2, s.Requests(""))
}
