package wechat_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secret"
	"sotercall/internal/wechat"
)

// These tests count: each is a case of docs/failures.md.

// host is one of WeChat's hosts: a sandbox behind what may go wrong in front of it.
type host struct {
	*httptest.Server
	requests    atomic.Int32
	connections atomic.Int32 // that are open
}

// wrong handles a request that goes wrong, and reports whether it did.
type wrong func(w http.ResponseWriter, r *http.Request) bool

func newHost(t *testing.T, s *sandbox.Sandbox, goesWrong wrong) *host {
	t.Helper()
	h := newUnstartedHost(s, goesWrong)
	listen(t, h.Server)
	h.Start()
	t.Cleanup(h.Close)
	return h
}

func newUnstartedHost(s *sandbox.Sandbox, goesWrong wrong) *host {
	h := new(host)
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			h.requests.Add(1)
		}
		if goesWrong == nil || !goesWrong(w, r) {
			s.ServeHTTP(w, r)
		}
	}))
	h.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			h.connections.Add(1)
		case http.StateClosed, http.StateHijacked:
			h.connections.Add(-1)
		}
	}
	return h
}

func (h *host) base(t *testing.T) *url.URL {
	t.Helper()
	base, err := url.Parse(h.URL)
	require.NoError(t, err)
	return base
}

func newSandbox(t *testing.T, o sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	s, err := sandbox.New(o)
	require.NoError(t, err)
	return s
}

// instance is one instance of the function, in front of hosts.
type instance struct {
	client   *wechat.API
	verifier *wechat.Verifier
}

func newInstance(t *testing.T, now func() time.Time, classic bool, hosts ...*host) *instance {
	t.Helper()
	var bases []*url.URL
	for _, h := range hosts {
		bases = append(bases, h.base(t))
	}
	client := wechat.New(now)
	if inBubble(t) {
		client.DialWith(t, dial)
	}
	addresses := client.Hosts(bases...)
	return &instance{client, client.Verifier(addresses, client.Tokens(wechat.TokenConfig{
		Base:        addresses,
		Credentials: wechat.Credentials{AppID: sandbox.DefaultAppID, AppSecret: secret.New(sandbox.DefaultAppSecret)},
		Classic:     classic,
		Store:       accesstoken.NewMemory(time.Now),
		Log:         slog.New(slog.DiscardHandler),
	}))}
}

// verify asks once, within a limit, and returns why it failed.
func (i *instance) verify(t *testing.T, limit time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	verdict, err := i.verifier.Verify(ctx, sample(t))
	if err == nil && !verdict.IsGenuine() {
		return fmt.Errorf("a genuine signature is wrong: %s", verdict.Reason())
	}
	return err
}

// invocationLimit is what a function with a limit of 3 s has for its work.
const invocationLimit = 2700 * time.Millisecond

// each runs n trials side by side, and returns how many failed.
func each(t *testing.T, n int, trial func(n int) error) int {
	t.Helper()
	var failed atomic.Int32
	var wg sync.WaitGroup
	for n := range n {
		wg.Go(func() {
			if err := trial(n); err != nil {
				failed.Add(1)
				t.Log(err)
			}
		})
	}
	wg.Wait()
	return int(failed.Load())
}

func silent(r *http.Request) bool {
	_, _ = io.Copy(io.Discard, r.Body) // so that the server notices who leaves
	<-r.Context().Done()
	return true
}

// Every second call meets a connection that is dead and does not say so.
func TestSilentRequestIsAskedAgainOnAnotherConnection(t *testing.T) {
	for _, path := range []string{verifyPath, tokenPath, classicPath} {
		t.Run(path, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				const calls = 20
				s := newSandbox(t, sandbox.Options{})
				assert.Zero(t, each(t, 20, func(int) error {
					var hang atomic.Bool
					h := newHost(t, s, func(_ http.ResponseWriter, r *http.Request) bool {
						return r.URL.Path == path && hang.Swap(false) && silent(r)
					})
					i := newInstance(t, time.Now, path == classicPath, h)
					for n := range calls {
						if path != verifyPath && n > 1 {
							return nil // a token is fetched once
						}
						hang.Store(n%2 == 0)
						limit := time.Second
						if path == classicPath {
							limit = invocationLimit
						}
						if err := i.verify(t, limit); err != nil {
							return err
						}
					}
					return nil
				}), "failed")
			})
		})
	}
}

// One that is slow is not cut off, and not asked twice for long.
func TestSlowIsNotSilent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSandbox(t, sandbox.Options{})
		h := newHost(t, s, func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == verifyPath {
				time.Sleep(300 * time.Millisecond) // half of a limit: longer than the patience
			}
			return false
		})
		i := newInstance(t, time.Now, false, h)
		const calls = 100
		limits := make(chan struct{}, 10)
		assert.Zero(t, each(t, calls, func(int) error {
			limits <- struct{}{}
			defer func() { <-limits }()
			return i.verify(t, 600*time.Millisecond)
		}), "failed")
		assert.LessOrEqual(t, h.requests.Load(), int32(1+calls+calls/5), "requests")
		assert.Greater(t, h.requests.Load(), int32(1+calls), "the twin: some were asked again")
	})
}

// Each silent attempt starts the next one beside itself, a second later, until the call
// has sent what it may.
func TestSilentAttemptsFollowOneAnother(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSandbox(t, sandbox.Options{})
		var mu sync.Mutex
		var at []time.Duration
		began := time.Now()
		h := newHost(t, s, func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != verifyPath {
				return false
			}
			mu.Lock()
			at = append(at, time.Since(began).Round(time.Millisecond))
			mu.Unlock()
			return silent(r)
		})
		i := newInstance(t, time.Now, false, h)
		assert.Error(t, i.verify(t, time.Minute))
		assert.Equal(t, time.Minute, time.Since(began), "no attempt is cut off before")
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, []time.Duration{0, time.Second, 2 * time.Second}, at)
		assert.EqualValues(t, 4, h.requests.Load(), "the token, and three")
	})
}

func TestBrokenReplyIsAskedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSandbox(t, sandbox.Options{})
		var n, broken atomic.Int32
		h := newHost(t, s, func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != verifyPath || n.Add(1)%100 != 0 {
				return false
			}
			broken.Add(1)
			w.Header().Set("Content-Length", "40")
			_, _ = io.WriteString(w, `{"errcode":0,"errm`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		i := newInstance(t, time.Now, false, h)
		const workers, calls = 8, 250
		assert.Zero(t, each(t, workers, func(int) error {
			for range calls {
				if err := i.verify(t, invocationLimit); err != nil {
					return err
				}
			}
			return nil
		}), "failed")
		assert.GreaterOrEqual(t, broken.Load(), int32(workers*calls/100), "the twin")
	})
}

// answers are replies that are none of WeChat's.
var answers = map[string]func(w http.ResponseWriter){
	"429":         func(w http.ResponseWriter) { http.Error(w, "slow down", http.StatusTooManyRequests) },
	"429 and 1 s": func(w http.ResponseWriter) { w.Header().Set("Retry-After", "1"); w.WriteHeader(429) },
	"503":         func(w http.ResponseWriter) { http.Error(w, "busy", http.StatusServiceUnavailable) },
	"503 and 1 h": func(w http.ResponseWriter) { w.Header().Set("Retry-After", "3600"); w.WriteHeader(503) },
	"HTML":        func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<!DOCTYPE html><p>Please sign in") },
	"nonsense":    func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`) },
	"nothing":     func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) },
}

func TestRepliesThatAreNotWeChats(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var trials []func() error
		for name, answer := range answers {
			for _, path := range []string{verifyPath, tokenPath} {
				trials = append(trials, func() error {
					s := newSandbox(t, sandbox.Options{})
					var n atomic.Int32
					h := newHost(t, s, func(w http.ResponseWriter, r *http.Request) bool {
						if r.URL.Path != path || n.Add(1) > 2 {
							return false
						}
						answer(w)
						return true
					})
					i := newInstance(t, time.Now, false, h)
					if path == verifyPath {
						i.verifier.Warm(t.Context())
					}
					began := time.Now()
					if err := i.verify(t, invocationLimit); err != nil {
						return fmt.Errorf("%s at %s: %w", name, path, err)
					}
					assert.EqualValues(t, 4, h.requests.Load(), "a token, the answer, and two that were none")
					if strings.HasSuffix(name, "1 s") {
						assert.GreaterOrEqual(t, time.Since(began), 2*time.Second, "Retry-After is respected")
					}
					return nil
				})
			}
		}
		assert.Zero(t, each(t, len(trials), func(n int) error { return trials[n]() }), "failed")
	})
}

func TestColdInstancesBeforeACrowdedTokenFunction(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSandbox(t, sandbox.Options{})
				places := make(chan struct{}, 5)
				var refused atomic.Int32
				h := newHost(t, s, func(w http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path != tokenPath {
						return false
					}
					select {
					case places <- struct{}{}:
						time.Sleep(5 * time.Millisecond)
						s.ServeHTTP(w, r)
						<-places
					default:
						refused.Add(1)
						w.WriteHeader(status)
					}
					return true
				})
				assert.Zero(t, each(t, 50, func(int) error {
					return newInstance(t, time.Now, false, h).verify(t, invocationLimit)
				}), "failed")
				assert.GreaterOrEqual(t, refused.Load(), int32(10), "the twin")
			})
		})
	}
}
