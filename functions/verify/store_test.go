package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/hostedtest"
	"sotercall/internal/redis/redistest"
	"sotercall/internal/sandbox"
)

// Without challenges and with counters that are only logged, the store decides
// nothing: whatever becomes of it, each genuine call is answered, in time, and the
// log says that nobody looked after the counter. With counters enforced it decides.
func TestStoreThatFailsCostsNoAnswerWhereCountersAreLogged(t *testing.T) {
	const calls = 10
	for name, spoil := range map[string]func(server *redistest.Server){
		"down":           func(s *redistest.Server) { s.Kill() },
		"full":           func(s *redistest.Server) { s.Do("CONFIG", "SET", "maxmemory", "1") },
		"read-only":      func(s *redistest.Server) { s.Do("REPLICAOF", "127.0.0.1", "1") },
		"hung":           func(s *redistest.Server) { t.Cleanup(s.Pause()) },
		"wrong password": func(s *redistest.Server) { s.ChangePassword("another") },
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			variables := map[string]string{"REDIS_URL": server.URL.Reveal()}
			logged := host(t, 3*time.Second, variables)
			variables["COUNTER_POLICY"] = "enforce"
			enforced := host(t, 3*time.Second, variables)
			phones := map[*hosted]*sandbox.Phone{}
			sign := func(h *hosted) []byte {
				if phones[h] == nil {
					phone, err := h.Phone("oStore", sandbox.Huawei)
					require.NoError(t, err)
					phones[h] = phone
				}
				signed, err := phones[h].Sign("challenge")
				require.NoError(t, err)
				return hostedtest.JSON(t, signed)
			}
			for _, h := range []*hosted{logged, enforced} {
				for platform, runtime := range h.on {
					require.Equal(t, hostedtest.Verified, hostedtest.Invoke(t, runtime, sign(h), nil), platform)
				}
				require.NotContains(t, h.logs.String(), "counter_unchecked", "the twin")
			}

			spoil(server)
			for platform, runtime := range logged.on {
				for range calls {
					assert.Equal(t, hostedtest.Verified, hostedtest.Invoke(t, runtime, sign(logged), nil), platform)
				}
				require.NoError(t, runtime.Close())
			}
			assert.Equal(t, 2*calls, strings.Count(logged.logs.String(), `"counter_unchecked":"`))
			assert.NotContains(t, logged.logs.String(), redistest.Password)

			for platform, runtime := range enforced.on {
				answer := hostedtest.Invoke(t, runtime, sign(enforced), nil)
				assert.Contains(t, answer, `"errCode":-604103`, platform)
				assert.Contains(t, answer, `"isOk":false`, platform)
			}
		})
	}
}
