package wechat_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/openapi"
)

func refuseToken(w http.ResponseWriter) {
	_, _ = io.WriteString(w, `{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest"}`)
}

// forces counts the fetches that force a new token.
func forces(next wrong, count *atomic.Int32) wrong {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == tokenPath {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			if strings.Contains(string(body), "force_refresh") {
				count.Add(1)
			}
		}
		return next(w, r)
	}
}

func TestHalfOfTheFrontEndsRefuseAGoodToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSandbox(t, sandbox.Options{})
		var trouble atomic.Bool
		var forced atomic.Int32
		// The same front ends in every run: a bound on chance would fail now and then.
		var drawing sync.Mutex
		draw := rand.New(rand.NewPCG(1, 2))
		h := newHost(t, s, forces(func(w http.ResponseWriter, r *http.Request) bool {
			drawing.Lock()
			defer drawing.Unlock()
			if !trouble.Load() || r.URL.Path != verifyPath || draw.IntN(2) == 0 {
				return false
			}
			refuseToken(w)
			return true
		}, &forced))
		i := newInstance(t, time.Now, false, h)
		require.NoError(t, i.verify(t, invocationLimit))
		time.Sleep(newFor) // the token is not news any more
		trouble.Store(true)
		const calls = 400
		failed := 0
		for range calls {
			if err := i.verify(t, invocationLimit); err != nil {
				var e *openapi.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, 40001, e.Code)
				failed++
			}
		}
		assert.LessOrEqual(t, failed, calls*3/10, "failed")
		assert.Greater(t, failed, calls/10, "the twin: WeChat did refuse")
		assert.Zero(t, forced.Load(), "forced refreshes")
	})
}

const newFor = 2600 * time.Millisecond

// Front ends learn of a new token up to 2 s late.
func TestNewTokenThatFrontEndsLearnOfLate(t *testing.T) {
	for _, classic := range []bool{false, true} {
		t.Run(fmt.Sprintf("classic %t", classic), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var forced atomic.Int32
				assert.Zero(t, each(t, 10, func(int) error {
					s := newSandbox(t, sandbox.Options{})
					var mu sync.Mutex
					first := map[string]time.Time{}
					h := newHost(t, s, forces(func(w http.ResponseWriter, r *http.Request) bool {
						if r.URL.Path != verifyPath {
							return false
						}
						mu.Lock()
						defer mu.Unlock()
						token := r.URL.Query().Get("access_token")
						if _, known := first[token]; !known {
							first[token] = time.Now()
						}
						if time.Since(first[token]) < 2*time.Second {
							refuseToken(w)
							return true
						}
						return false
					}, &forced))
					i := newInstance(t, time.Now, classic, h)
					if err := i.verify(t, invocationLimit); err != nil { // cold
						return err
					}
					if err := i.verify(t, invocationLimit); err != nil {
						return err
					}
					s.RotateTokens()
					return i.verify(t, invocationLimit)
				}), "failed")
				assert.Zero(t, forced.Load(), "forced refreshes")
			})
		})
	}
}

// A token that is refused everywhere is replaced, if only by force.
func TestTokenThatIsRefusedEverywhereIsReplaced(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	_, err := b.verifier.Verify(t.Context(), sample(t))
	require.NoError(t, err)
	b.RevokeTokens() // the endpoint goes on giving it
	b.pass(3 * time.Second)
	failed := 0
	for failed < 100 {
		if _, err = b.verifier.Verify(t.Context(), sample(t)); err == nil {
			break
		}
		failed++
	}
	assert.NoError(t, err)
	assert.Positive(t, failed, "that it was good a moment ago counts for something")
	assert.Less(t, failed, 12)
}
