package wechat_test

import (
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
)

// For minutes WeChat is in trouble, and is asked no more than a fifth more often.
func TestRetryBudget(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"busy":  func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"errcode":-1,"errmsg":"system error"}`) },
		"500":   func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"429":   answers["429"],
		"503":   answers["503"],
		"HTML":  answers["HTML"],
		"reset": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		for _, path := range []string{verifyPath, tokenPath, ""} {
			t.Run(name+path, func(t *testing.T) {
				t.Parallel()
				var clock atomic.Int64
				clock.Store(time.Now().UnixNano())
				now := func() time.Time { return time.Unix(0, clock.Load()) }
				s := newSandbox(t, sandbox.Options{Now: now})
				var trouble atomic.Bool
				h := newHost(t, s, func(w http.ResponseWriter, r *http.Request) bool {
					if !trouble.Load() || path != "" && r.URL.Path != path {
						return false
					}
					answer(w)
					return true
				})
				i := newInstance(t, now, false, h)
				i.client.RecordPauses()
				if path != tokenPath {
					require.NoError(t, i.verify(t, time.Minute))
				}
				before := h.requests.Load()
				trouble.Store(true)
				const minutes, perMinute = 3, 100
				for range minutes * perMinute {
					last := h.requests.Load()
					assert.Error(t, i.verify(t, time.Minute))
					most := int32(4)
					if strings.HasPrefix(name, "429") {
						most = 8
					}
					assert.LessOrEqual(t, h.requests.Load()-last, most, "requests of one call")
					clock.Add(int64(time.Minute / perMinute))
				}
				assert.LessOrEqual(t, float64(h.requests.Load()-before), 1.2*minutes*perMinute, "requests")

				trouble.Store(false)
				assert.NoError(t, i.verify(t, time.Minute), "it recovers at once")
				if path == tokenPath {
					return // there is a token now
				}
				trouble.Store(true)
				clock.Add(int64(time.Minute))
				last := h.requests.Load()
				assert.Error(t, i.verify(t, time.Minute))
				assert.GreaterOrEqual(t, h.requests.Load()-last, int32(2), "the twin: one that comes seldom is repeated")
			})
		}
	}
}

// Whatever fails in turn, a cold call sends four requests at most.
func TestRequestsOfOneCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSandbox(t, sandbox.Options{})
		h := newHost(t, s, func(w http.ResponseWriter, _ *http.Request) bool {
			if rand.N(2) == 0 {
				return false
			}
			_, _ = io.WriteString(w, `{"errcode":-1,"errmsg":"system error"}`)
			return true
		})
		most := int32(0)
		for range 200 {
			i := newInstance(t, time.Now, false, h)
			i.client.RecordPauses()
			last := h.requests.Load()
			_ = i.verify(t, time.Minute)
			most = max(most, h.requests.Load()-last)
		}
		assert.EqualValues(t, 4, most)
	})
}
