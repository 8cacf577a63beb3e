package redis_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/need"
	"sotercall/internal/redis"
	"sotercall/internal/redis/redistest"
	"sotercall/internal/secret"
)

const (
	addProgram = `return redis.call('INCRBY', KEYS[1], ARGV[1])`
	// addOnceProgram recognizes by a nonce that it has run before.
	addOnceProgram = `
if redis.call('SET', KEYS[2], '', 'NX') then
	redis.call('INCRBY', KEYS[1], ARGV[1])
end
return redis.call('GET', KEYS[1])
`
)

var (
	addOnce = redis.NewIdempotentScript(2, addOnceProgram)
	// addTwice is what NewIdempotentScript is not for: it shows how often it ran.
	addTwice = redis.NewIdempotentScript(1, addProgram)
)

// The server has closed a connection that the pool still holds.
func TestBrokenConnectionIsReplaced(t *testing.T) {
	server := redistest.Start(t)
	store := open(t, server.URL)
	for name, send := range map[string]func() (any, error){
		"Read":                  func() (any, error) { return store.Read(t.Context(), "GET", "absent") },
		"idempotent script":     func() (any, error) { return store.Run(t.Context(), addOnce, "a", "nonce", 1) },
		"script not idempotent": func() (any, error) { return store.Run(t.Context(), add, "b", 1) },
		"Do":                    func() (any, error) { return store.Do(t.Context(), "INCR", "c") },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := send()
			require.NoError(t, err, "now there is a connection, and the server knows the script")
			server.CutConnections()
			_, err = send()
			if name == "Read" || name == "idempotent script" {
				require.NoError(t, err)
			} else {
				require.Error(t, err, "it is not known whether it has run")
			}
			_, err = send()
			require.NoError(t, err)
		})
	}
}

// proxy passes connections on to a server. While cut is above 0, a reply to EVAL or
// INCR or GET is lost, and the connection with it: the server has done its work.
func proxy(t *testing.T, server *redistest.Server, cut *atomic.Int32) secret.Text {
	backend := server.URL.Reveal()[strings.Index(server.URL.Reveal(), "@")+1 : len(server.URL.Reveal())-len("/0")]
	address := listen(t, func(client net.Conn) {
		upstream, err := net.Dial("tcp", backend)
		if err != nil {
			return
		}
		defer upstream.Close()
		var lose atomic.Bool
		go func() {
			defer client.Close()
			replies, buffer := bufio.NewReader(upstream), make([]byte, 4096)
			for {
				n, err := replies.Read(buffer)
				if err != nil || lose.Load() && cut.Add(-1) >= 0 {
					return
				}
				if _, err := client.Write(buffer[:n]); err != nil {
					return
				}
			}
		}()
		buffer := make([]byte, 4096)
		for {
			n, err := client.Read(buffer)
			if err != nil {
				return
			}
			lose.Store(!strings.Contains(string(buffer[:n]), "AUTH") && cut.Load() > 0)
			if _, err := upstream.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	return secret.New(fmt.Sprintf("redis://:%s@%s/0", redistest.Password, address))
}

// The reply is lost on the way: what is not idempotent must not be sent again.
func TestLostReplyIsAskedForAgainWhereThatIsSafe(t *testing.T) {
	server := redistest.Start(t)
	direct := open(t, server.URL)
	for name, c := range map[string]struct {
		cuts int32
		send func(store *redis.Store) (any, error)
		ran  string // what is in k afterwards
		ok   bool
	}{
		"Do":                    {1, func(s *redis.Store) (any, error) { return s.Do(t.Context(), "INCR", "k") }, "1", false},
		"script not idempotent": {1, func(s *redis.Store) (any, error) { return s.Run(t.Context(), add, "k", 1) }, "1", false},
		"idempotent script":     {1, func(s *redis.Store) (any, error) { return s.Run(t.Context(), addOnce, "k", "nonce", 1) }, "1", true},
		"it is sent again once": {1, func(s *redis.Store) (any, error) { return s.Run(t.Context(), addTwice, "k", 1) }, "2", true},
		"and not more":          {2, func(s *redis.Store) (any, error) { return s.Run(t.Context(), addTwice, "k", 1) }, "2", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := direct.Do(t.Context(), "FLUSHALL")
			require.NoError(t, err)
			for _, program := range []string{addProgram, addOnceProgram} { // so that one request is all
				_, err = direct.Do(t.Context(), "SCRIPT", "LOAD", program)
				require.NoError(t, err)
			}
			var cut atomic.Int32
			cut.Store(c.cuts)
			_, err = c.send(open(t, proxy(t, server, &cut)))
			assert.Equal(t, c.ok, err == nil, "%v", err)
			ran, err := direct.Do(t.Context(), "GET", "k")
			require.NoError(t, err)
			assert.Equal(t, c.ran, string(ran.([]byte)))
		})
	}
}

// A server's own words, and silence, are no reason to ask again.
func TestRefusalAndSilenceAreNotRepeated(t *testing.T) {
	for name, answer := range map[string]string{
		"refusal": "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
		"silence": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var connections, requests atomic.Int32
			address := listen(t, func(c net.Conn) {
				connections.Add(1)
				for buffer := make([]byte, 512); ; {
					if _, err := c.Read(buffer); err != nil {
						return
					}
					requests.Add(1)
					_, _ = io.WriteString(c, answer)
				}
			})
			began := time.Now()
			_, err := open(t, secret.New("redis://"+address)).Read(t.Context(), "GET", "k")
			require.Error(t, err)
			assert.Less(t, time.Since(began), 3*time.Second)
			assert.EqualValues(t, 1, connections.Load())
			assert.EqualValues(t, 1, requests.Load())
		})
	}
}

func TestServerThatIsPausedCostsOneTimeout(t *testing.T) {
	need.Time(t)
	server := redistest.Start(t)
	store := open(t, server.URL)
	_, err := store.Run(t.Context(), addOnce, "k", "nonce", 1)
	require.NoError(t, err)
	goOn := server.Pause()
	_, err = store.Run(t.Context(), addOnce, "k", "nonce", 1)
	require.Error(t, err)
	goOn()
	reply, err := store.Run(t.Context(), addOnce, "k", "nonce", 1)
	require.NoError(t, err)
	assert.Equal(t, []byte("1"), reply)
}

// After a failover the name leads to another server, and the connections in the pool
// to one that is a replica now.
func TestDemotedServerIsLeft(t *testing.T) {
	old, promoted := redistest.Start(t), redistest.Start(t)
	hostAndPort := func(s *redistest.Server) string {
		return strings.TrimSuffix(s.URL.Reveal()[strings.Index(s.URL.Reveal(), "@")+1:], "/0")
	}
	var leadsTo atomic.Value
	leadsTo.Store(hostAndPort(old))
	var connections atomic.Int32
	address := listen(t, func(client net.Conn) {
		connections.Add(1)
		server, err := net.Dial("tcp", leadsTo.Load().(string))
		if err != nil {
			return
		}
		defer server.Close()
		go func() {
			defer client.Close()
			_, _ = io.Copy(client, server)
		}()
		_, _ = io.Copy(server, client)
	})
	store := open(t, secret.New(fmt.Sprintf("redis://:%s@%s/0", redistest.Password, address)))
	for range 3 {
		_, err := store.Run(t.Context(), add, "k", 1)
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, connections.Load())

	old.Do("REPLICAOF", "127.0.0.1", "1")
	_, err := store.Run(t.Context(), add, "k", 1)
	require.ErrorContains(t, err, "READONLY", "there is no other server yet")
	leadsTo.Store(hostAndPort(promoted))
	for n := range 3 {
		reply, err := store.Run(t.Context(), add, "k", 1)
		require.NoError(t, err, "not idempotent, and yet: a replica has done nothing")
		assert.EqualValues(t, n+1, reply)
	}
	reply, err := store.Do(t.Context(), "INCR", "k")
	require.NoError(t, err)
	assert.EqualValues(t, 4, reply)
	assert.LessOrEqual(t, connections.Load(), int32(3), "the pool has forgotten the old one")
}
