package wechat_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/need"
	"sotercall/internal/sandbox"
)

func TestHosts(t *testing.T) {
	need.Time(t)
	for name, goesWrong := range map[string]wrong{
		"silent": func(_ http.ResponseWriter, r *http.Request) bool { return silent(r) },
		"500":    func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true },
		"HTML":   func(w http.ResponseWriter, _ *http.Request) bool { answers["HTML"](w); return true },
		"reset":  func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
		"slow": func(w http.ResponseWriter, r *http.Request) bool {
			time.Sleep(2 * time.Second)
			refuseToken(w)
			return true
		},
		"unreachable": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var clock atomic.Int64
			clock.Store(time.Now().UnixNano())
			now := func() time.Time { return time.Unix(0, clock.Load()) }
			s := newSandbox(t, sandbox.Options{Now: now})
			var well atomic.Bool
			first := newHost(t, s, func(w http.ResponseWriter, r *http.Request) bool {
				return !well.Load() && goesWrong(w, r)
			})
			second := newHost(t, s, nil)
			if goesWrong == nil {
				first.Close()
			}
			i := newInstance(t, now, false, first, second)
			for range 10 {
				require.NoError(t, i.verify(t, invocationLimit))
			}
			assert.LessOrEqual(t, first.requests.Load(), int32(2), "the one that fails is left alone")
			if goesWrong == nil {
				return
			}
			well.Store(true)
			asked := first.requests.Load()
			require.NoError(t, i.verify(t, invocationLimit))
			assert.Equal(t, asked, first.requests.Load(), "for a while")
			clock.Add(int64(time.Minute))
			for range 5 {
				require.NoError(t, i.verify(t, invocationLimit))
			}
			assert.Equal(t, asked+5, first.requests.Load(), "then the first is asked again")
			assert.Eventually(t, func() bool { return second.connections.Load() == 0 }, 5*time.Second, 10*time.Millisecond,
				"and no connection to the second is kept")
		})
	}
}

func TestRepliesOfWeChatsOwnChangeNoHost(t *testing.T) {
	for _, code := range []int{-1, 40001, 45009, 45011, 48001} {
		s := newSandbox(t, sandbox.Options{})
		first, second := newHost(t, s, nil), newHost(t, s, nil)
		i := newInstance(t, time.Now, false, first, second)
		i.client.RecordPauses()
		require.NoError(t, i.verify(t, time.Minute))
		require.NoError(t, s.Inject(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultErrCode, ErrCode: code}))
		for range 5 {
			require.Error(t, i.verify(t, time.Minute))
		}
		assert.Zero(t, second.requests.Load(), code)
	}
}
