package redis_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sotercall/internal/secret"
	"sotercall/internal/store/redis"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/need"
)

// pingAddress names the variable with which the test runs itself, as a process
// whose system trusts other authorities.
const pingAddress = "REDIS_TEST_PING"

func TestMain(m *testing.M) {
	if address := os.Getenv(pingAddress); address != "" {
		fmt.Print(ping(address))
		return
	}
	goleak.VerifyTestMain(m)
}

func ping(address string) string {
	store, err := redis.Open(secret.New(address))
	if err != nil {
		return err.Error()
	}
	defer store.Close()
	reply, err := store.Do(context.Background(), "PING")
	// A command has a second, with the handshake and the authorities of this computer,
	// which a starved process may need for itself: that is no reply.
	for began := time.Now(); errors.Is(err, context.DeadlineExceeded) && time.Since(began) < time.Minute; {
		reply, err = store.Do(context.Background(), "PING")
	}
	if err != nil {
		return err.Error()
	}
	return reply.(string)
}

func open(t *testing.T, address secret.Text) *redis.Server {
	t.Helper()
	store, err := redis.Open(address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// add shows how often it ran.
var add = redis.NewIdempotentScript(1, addProgram)

func TestCommandsAndScriptsRunOnTheServer(t *testing.T) {
	server := redistest.Start(t)
	store := open(t, server.URL)
	reply, err := store.Do(t.Context(), "SET", "k", 40)
	require.NoError(t, err)
	assert.Equal(t, "OK", reply)
	reply, err = store.Run(t.Context(), add, "k", 2)
	require.NoError(t, err, "the first time, the server does not know the script")
	assert.Equal(t, int64(42), reply)

	other := open(t, server.URL)
	reply, err = other.Run(t.Context(), add, "k", 1)
	require.NoError(t, err)
	assert.Equal(t, int64(43), reply, "both Stores are one server")
	reply, err = other.Do(t.Context(), "GET", "absent")
	require.NoError(t, err)
	assert.Nil(t, reply)
}

func TestDatabaseOfTheAddressIsUsed(t *testing.T) {
	server := redistest.Start(t)
	zero := open(t, server.URL)
	three := open(t, secret.New(strings.TrimSuffix(server.URL.Reveal(), "0")+"3"))
	_, err := three.Do(t.Context(), "SET", "k", "three")
	require.NoError(t, err)
	reply, err := zero.Do(t.Context(), "GET", "k")
	require.NoError(t, err)
	assert.Nil(t, reply)
	reply, err = three.Do(t.Context(), "GET", "k")
	require.NoError(t, err)
	assert.Equal(t, "three", reply)
}

func TestPasswordIsAskedForAndNeverInAnError(t *testing.T) {
	server := redistest.Start(t)
	wrong := strings.Replace(server.URL.Reveal(), redistest.Password, "s3cret-and-wrong", 1)
	_, err := open(t, secret.New(wrong)).Do(t.Context(), "PING")
	require.ErrorContains(t, err, "WRONGPASS")
	assert.NotContains(t, err.Error(), "s3cret")

	none := strings.Replace(server.URL.Reveal(), ":"+redistest.Password+"@", "", 1)
	_, err = open(t, secret.New(none)).Do(t.Context(), "PING")
	require.ErrorContains(t, err, "NOAUTH")

	assert.Equal(t, "PONG", ping(server.URL.Reveal()), "the twin: the right one")
}

// A server may have renamed AUTH or EVAL, and then quotes what it was sent.
func TestArgumentsThatAServerQuotesAreNotInAnError(t *testing.T) {
	server := redistest.Start(t)
	_, err := open(t, server.URL).Do(t.Context(), "NOTACOMMAND", "s3cret")
	require.ErrorContains(t, err, "redis: NOTACOMMAND: the server refuses: ERR unknown command")
	for ; err != nil; err = unwrap(err) {
		assert.NotContains(t, fmt.Sprintf("%+v", err), "s3cret")
	}

	withoutAuth := listen(t, func(c net.Conn) {
		for buffer := make([]byte, 512); ; {
			if _, err := c.Read(buffer); err != nil {
				return
			}
			_, _ = io.WriteString(c, "-ERR unknown command 'AUTH', with args beginning with: 's3cret' \r\n")
		}
	})
	_, err = open(t, secret.New("redis://:s3cret@"+withoutAuth)).Do(t.Context(), "PING")
	require.ErrorContains(t, err, "redis: PING: the server refuses: ERR unknown command")
	assert.NotContains(t, err.Error(), "s3cret")
}

func unwrap(err error) error {
	wrapper, ok := err.(interface{ Unwrap() error })
	if !ok {
		return nil
	}
	return wrapper.Unwrap()
}

func TestTLS(t *testing.T) {
	server, authority := redistest.StartTLS(t)
	child := func(address secret.Text, environment ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), os.Args[0])
		command.Env = append(append(os.Environ(), pingAddress+"="+address.Reveal(),
			"GORACE=atexit_sleep_ms=0"), environment...)
		output, err := command.CombinedOutput()
		require.NoError(t, err, string(output))
		return string(output)
	}
	trusting := "SSL_CERT_FILE=" + authority

	assert.Equal(t, "PONG", child(server.URL, trusting))
	assert.Contains(t, child(server.URL), "certificate signed by unknown authority")

	byName := secret.New(strings.Replace(server.URL.Reveal(), "127.0.0.1", "localhost", 1))
	assert.Contains(t, child(byName, trusting), "certificate is not valid for any names", "the host is checked too")

	wrong := secret.New(strings.Replace(server.URL.Reveal(), redistest.Password, "s3cret-and-wrong", 1))
	refusal := child(wrong, trusting)
	assert.Contains(t, refusal, "WRONGPASS")
	assert.NotContains(t, refusal, "s3cret")

	plain := secret.New(strings.Replace(server.URL.Reveal(), "rediss:", "redis:", 1))
	// The server waits for the rest of a handshake: that is the command's second.
	_, err := open(t, plain).Do(t.Context(), "PING")
	require.ErrorContains(t, err, "redis: PING: ", "the server speaks TLS alone")
	assert.NotContains(t, err.Error(), redistest.Password)
}

// A user of an ACL, whose name and password have characters that addresses escape, or
// do not.
func TestUserOfAnACL(t *testing.T) {
	server := redistest.Start(t)
	server.Do("ACL", "SETUSER", "sot[er", "on", ">p[a]s|s@w/o%rd", "~sotercall:*", "+@all")
	store := open(t, secret.New("redis://sot[er:p[a]s|s%40w%2Fo%25rd@"+server.Addr()))
	_, err := store.Run(t.Context(), add, "sotercall:k", 1)
	require.NoError(t, err)
	_, err = store.Run(t.Context(), add, "other", 1)
	require.ErrorContains(t, err, "redis: EVALSHA: the server refuses: NOPERM")
}

func TestIPv6(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here: ", err)
	} else {
		_ = l.Close()
	}
	server := redistest.Start(t, "--bind", "127.0.0.1", "::1")
	address := strings.Replace(server.URL.Reveal(), "127.0.0.1", "[::1]", 1)
	assert.Equal(t, "PONG", ping(address))
}

func TestServerThatIsKilledAndStartedAgainIsFoundAgain(t *testing.T) {
	server := redistest.Start(t)
	store := open(t, server.URL)
	_, err := store.Run(t.Context(), add, "k", 1)
	require.NoError(t, err)

	server.Kill()
	_, err = store.Run(t.Context(), add, "k", 1)
	require.Error(t, err)
	_, err = store.Run(t.Context(), add, "k", 1)
	require.ErrorContains(t, err, "connection refused")

	server.Run()
	reply, err := store.Run(t.Context(), add, "k", 1)
	require.NoError(t, err, "the restarted server has forgotten the script, too")
	assert.Equal(t, int64(1), reply)
}

// A server that takes connections and never answers is what an overloaded or
// frozen one, or a wrong security group, looks like.
func TestSilentServerCostsLittleTime(t *testing.T) {
	need.Time(t)
	t.Parallel()
	silent := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	for _, scheme := range []string{"redis", "rediss"} {
		store := open(t, secret.New(scheme+"://:s3cret@"+silent))
		began := time.Now()
		_, err := store.Do(t.Context(), "PING")
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "s3cret")
		assert.Less(t, time.Since(began), 3*time.Second)
	}
}

func TestDeadlineOfTheCallerCounts(t *testing.T) {
	silent := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := open(t, secret.New("redis://"+silent)).Do(ctx, "PING")
	require.ErrorIs(t, err, context.Canceled)

	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = open(t, secret.New("redis://:s3cret@"+silent)).Do(ctx, "PING")
	require.Error(t, err)
	assert.True(t, errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded), err)
}

// listen serves each connection with serve until the test ends.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return l.Addr().String()
}
