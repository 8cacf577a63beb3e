package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/hosted"
)

// startStore starts a store, and returns how a function finds it, what spoils it, and
// what no log may hold.
type startStore func(t *testing.T) (variables map[string]string, spoil func(), secrets []string)

func redisThat(does func(*redistest.Server)) startStore {
	return func(t *testing.T) (map[string]string, func(), []string) {
		server := redistest.Start(t)
		return map[string]string{"REDIS_URL": server.URL.Reveal()}, func() { does(server) }, []string{redistest.Password}
	}
}

func dynamoDBThat(does dynalite.Fault) startStore {
	return func(t *testing.T) (map[string]string, func(), []string) {
		table := dynalite.Start(t)
		return table.Environment(), func() { table.Break(does) }, []string{dynalite.SecretKey, dynalite.Session}
	}
}

// Without challenges and with counters that are only logged, the store decides
// nothing: whatever becomes of it, each genuine call is answered, in time, and the
// log says that nobody looked after the counter. With counters enforced it decides.
func TestStoreThatFailsCostsNoAnswerWhereCountersAreLogged(t *testing.T) {
	const calls = 10
	for name, start := range map[string]startStore{
		"Redis is down":                   redisThat(func(s *redistest.Server) { s.Kill() }),
		"Redis is full":                   redisThat(func(s *redistest.Server) { s.Do("CONFIG", "SET", "maxmemory", "1") }),
		"Redis is read-only":              redisThat(func(s *redistest.Server) { s.Do("REPLICAOF", "127.0.0.1", "1") }),
		"Redis hangs":                     redisThat(func(s *redistest.Server) { t.Cleanup(s.Pause()) }),
		"Redis has another password":      redisThat(func(s *redistest.Server) { s.ChangePassword("another") }),
		"DynamoDB throttles":              dynamoDBThat(dynalite.Fault{Code: "ThrottlingException"}),
		"DynamoDB has no such table":      dynamoDBThat(dynalite.Fault{Code: "ResourceNotFoundException"}),
		"DynamoDB denies access":          dynamoDBThat(dynalite.Fault{Code: "AccessDeniedException"}),
		"DynamoDB hangs":                  dynamoDBThat(dynalite.Fault{}),
		"DynamoDB hangs after each write": dynamoDBThat(dynalite.Fault{Done: true}),
		"DynamoDB hangs up":               dynamoDBThat(dynalite.Fault{Cut: true}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variables, spoil, secrets := start(t)
			logged := host(t, 3*time.Second, variables)
			variables["COUNTER_POLICY"] = "enforce"
			enforced := host(t, 3*time.Second, variables)
			phones := map[*pair]*sandbox.Phone{}
			sign := func(h *pair) []byte {
				if phones[h] == nil {
					phone, err := h.Phone("oStore", sandbox.Huawei)
					require.NoError(t, err)
					phones[h] = phone
				}
				signed, err := phones[h].Sign("challenge")
				require.NoError(t, err)
				return hosted.JSON(t, signed)
			}
			for _, h := range []*pair{logged, enforced} {
				for platform, runtime := range h.on {
					// On a busy machine the store may answer too late at first.
					for began := time.Now(); ; {
						logged := len(h.logs.String())
						answer := hosted.Invoke(t, runtime, sign(h), nil)
						if answer == hosted.Verified && !strings.Contains(h.logs.String()[logged:], "counter_unchecked") {
							break
						}
						require.Less(t, time.Since(began), time.Minute, "the twin: %s: %s", platform, answer)
					}
				}
			}

			before := len(logged.logs.String())
			spoil()
			for platform, runtime := range logged.on {
				for range calls {
					assert.Equal(t, hosted.Verified, hosted.Invoke(t, runtime, sign(logged), nil), platform)
				}
				require.NoError(t, runtime.Close())
			}
			assert.Equal(t, len(logged.on)*calls, strings.Count(logged.logs.String()[before:], `"counter_unchecked":"`))
			for _, secret := range secrets {
				assert.NotContains(t, logged.logs.String(), secret)
			}

			for platform, runtime := range enforced.on {
				answer := hosted.Invoke(t, runtime, sign(enforced), nil)
				assert.Contains(t, answer, `"errCode":-604103`, platform)
				assert.Contains(t, answer, `"isOk":false`, platform)
			}
		})
	}
}
