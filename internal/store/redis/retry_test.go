package redis_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
	"sotercall/internal/store/redis"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/need"
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

var addOnce = redis.NewIdempotentScript(2, addOnceProgram)

// The server has closed all connections that the pool still holds.
func TestBrokenConnectionsAreReplaced(t *testing.T) {
	server := redistest.Start(t)
	assert.Empty(t, cutTwice(t.Context(), open(t, server.URL), server.CutConnections))
}

// cutTwice fills the pool of a Store, and has the connections cut, twice. It returns what
// went wrong.
func cutTwice(ctx context.Context, store *redis.Server, cut func()) (problem string) {
	for range 2 {
		done := make(chan error)
		for n := range 20 {
			go func() {
				_, err := store.Run(ctx, addOnce, "{a}", fmt.Sprint("{a}", n), 1)
				done <- err
			}()
		}
		for range 20 {
			if err := <-done; err != nil {
				problem = err.Error()
			}
		}
		cut()
		if _, err := store.Do(ctx, "GET", "absent"); err != nil {
			problem = err.Error()
		}
	}
	return problem
}

// proxy passes connections on to a server. While cut is above 0, a reply to EVAL or
// INCR or GET is lost, and the connection with it: the server has done its work.
func proxy(t *testing.T, server *redistest.Server, cut *atomic.Int32) secret.Text {
	address := listen(t, func(client net.Conn) {
		upstream, err := net.Dial("tcp", server.Addr())
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
			lose.Store(!strings.Contains(strings.ToLower(string(buffer[:n])), "hello") && cut.Load() > 0)
			if _, err := upstream.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	return secret.New(fmt.Sprintf("redis://:%s@%s/0", redistest.Password, address))
}

// The reply is lost on the way: what may run twice is sent again, a few times.
func TestLostReplyIsAskedForAgain(t *testing.T) {
	server := redistest.Start(t)
	for name, c := range map[string]struct {
		cuts   int32
		script *redis.Script
		args   []any
		ran    string // what is in k afterwards
		ok     bool
	}{
		"a script with a nonce":       {1, addOnce, []any{"k", "nonce", 1}, "1", true},
		"the twin shows that it runs": {1, add, []any{"k", 1}, "2", true},
		"not for ever":                {1000, add, []any{"k", 1}, "9", false},
	} {
		t.Run(name, func(t *testing.T) {
			server.Do("FLUSHALL")
			for _, program := range []string{addProgram, addOnceProgram} { // so that one request is all
				server.Do("SCRIPT", "LOAD", program)
			}
			var cut atomic.Int32
			cut.Store(c.cuts)
			_, err := open(t, proxy(t, server, &cut)).Run(t.Context(), c.script, c.args...)
			assert.Equal(t, c.ok, err == nil, "%v", err)
			assert.Equal(t, c.ran, server.Do("GET", "k"))
		})
	}
}

// A server's own words, and silence, are no reason to ask again.
func TestRefusalAndSilenceAreNotRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		answer   string
		requests int
	}{
		"refusal": {"-OOM command not allowed when used memory > 'maxmemory'.\r\n", 2}, // HELLO and the command
		"silence": {"", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var connections, requests atomic.Int32
			address := listen(t, func(conn net.Conn) {
				connections.Add(1)
				for buffer := make([]byte, 512); ; {
					if _, err := conn.Read(buffer); err != nil {
						return
					}
					requests.Add(1)
					_, _ = io.WriteString(conn, c.answer)
				}
			})
			began := time.Now()
			_, err := open(t, secret.New("redis://"+address)).Do(t.Context(), "GET", "k")
			require.Error(t, err)
			assert.Less(t, time.Since(began), 3*time.Second)
			assert.EqualValues(t, 1, connections.Load())
			assert.EqualValues(t, c.requests, requests.Load())
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
	assert.Equal(t, "1", reply)
}

// After a failover the name leads to another server, and the connections in the pool
// to one that is a replica now.
func TestDemotedServerIsLeft(t *testing.T) {
	old, promoted := redistest.Start(t), redistest.Start(t)
	var leadsTo atomic.Value
	leadsTo.Store(old.Addr())
	address := listen(t, func(client net.Conn) {
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
	many := func() {
		done := make(chan error)
		for range 20 {
			go func() {
				_, err := store.Run(t.Context(), add, "k", 1)
				done <- err
			}()
		}
		for range 20 {
			require.NoError(t, <-done)
		}
	}
	many()
	old.Do("REPLICAOF", "127.0.0.1", "1")
	_, err := store.Run(t.Context(), add, "other", 1)
	require.ErrorContains(t, err, "READONLY", "there is no other server yet")
	leadsTo.Store(promoted.Addr())
	many()
	assert.Equal(t, "20", promoted.Do("GET", "k"), "a replica has done nothing")
}
