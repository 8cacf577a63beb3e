package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
)

// scanned scans a stream in pieces of a size.
func scanned(stream string, piece int) error {
	var r replies
	for len(stream) > 0 {
		n := min(piece, len(stream))
		if err := r.scan([]byte(stream[:n])); err != nil {
			return err
		}
		stream = stream[n:]
	}
	return nil
}

var (
	honestReplies = []string{
		"+OK\r\n", "-ERR no\r\n", ":1\r\n", "$-1\r\n", "*-1\r\n", "$0\r\n\r\n", "$5\r\na\r\nbc\r\n", "*0\r\n",
		"*2\r\n*1\r\n:1\r\n$1\r\nx\r\n", "%1\r\n+a\r\n:1\r\n", "|1\r\n+a\r\n:1\r\n+OK\r\n", "~1\r\n#t\r\n", ">2\r\n+a\r\n,1.5\r\n",
		"_\r\n", "=7\r\ntxt:abc\r\n", "(12345678901234567890\r\n", "!3\r\nERR\r\n", "$1048576\r\n" + strings.Repeat("x", 1<<20) + "\r\n",
		"*3\r\n" + strings.Repeat("*3\r\n:0\r\n:5460\r\n*4\r\n$9\r\n127.0.0.1\r\n:7000\r\n$40\r\n"+strings.Repeat("0", 40)+"\r\n*0\r\n", 3),
	}
	hostileReplies = []string{
		"$9223372036854775807\r\n", "$1073741824\r\n", "*10000000\r\n", "*9223372036854775807\r\n", "%4611686018427387904\r\n",
		"*99\r\n*99999\r\n*99999\r\n*99999\r\n*99999\r\n*99999\r\n*99999\r\n", "+OK\n", "*1\n:1\r\n", "\r\n",
		"~1000000\r\n", "!1000000000\r\n", "=99999999999\r\n", "$99999999999999999999\r\n", "$-2\r\n", "$x\r\n", "$\r\n", "\n", "HTTP/1.1 400\r\n",
		strings.Repeat("*1\r\n", 9), strings.Repeat("*262144\r\n", 3), "+" + strings.Repeat("x", 70000), "*3\r\n$8000000\r\n" + strings.Repeat("x", 8000000) + "\r\n$8000000\r\n",
	}
)

func TestRepliesAreBounded(t *testing.T) {
	for _, piece := range []int{1, 2, 3, 4096, 1 << 30} {
		assert.NoError(t, scanned(strings.Join(honestReplies, ""), piece))
		for _, hostile := range hostileReplies {
			assert.ErrorIs(t, scanned(hostile, piece), errReply, "%.40q", hostile)
			assert.ErrorIs(t, scanned(honestReplies[8]+hostile, piece), errReply, "%.40q", hostile)
		}
	}
}

// Whatever stands where Redis should be, in HELLO, in a reply or in CLUSTER SLOTS, ends
// in an error.
func TestHostileServerEndsInAnError(t *testing.T) {
	for _, parameters := range []string{"", "?is_cluster_mode=true", "?master_name=mymaster"} {
		for _, honest := range []int{0, 1} {
			for _, hostile := range hostileReplies[:4] {
				t.Run(fmt.Sprintf("%s %d %.8q", parameters, honest, hostile), func(t *testing.T) {
					t.Parallel()
					s, err := Open(secret.New("redis://:s3cret@" + hostileServer(t, honest, hostile) + parameters))
					require.NoError(t, err)
					defer s.Close()
					_, err = s.Do(t.Context(), "GET", "k")
					require.Error(t, err)
				})
			}
		}
	}
}

// hostileServer answers so many commands of a connection as a server does, and the others
// with one reply.
func hostileServer(t *testing.T, honest int, hostile string) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for n, buffer := 0, make([]byte, 4096); ; n++ {
					if _, err := c.Read(buffer); err != nil {
						return
					}
					if n < honest {
						_, _ = io.WriteString(c, "+OK\r\n")
					} else {
						_, _ = io.WriteString(c, hostile)
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// FuzzReplies: of what passes, go-redis makes no more than some megabytes, whatever it is.
func FuzzReplies(f *testing.F) {
	for _, seed := range append(honestReplies[:17:17], hostileReplies[:14]...) {
		f.Add(seed, 1)
	}
	f.Fuzz(func(t *testing.T, stream string, piece int) {
		if piece < 1 {
			piece = 1
		}
		whole := scanned(stream, len(stream)+1)
		require.Equal(t, whole, scanned(stream, piece), "the pieces change nothing")
		client, server := net.Pipe()
		defer client.Close()
		go func() {
			defer server.Close()
			go func() { _, _ = io.Copy(io.Discard, server) }()
			_, _ = io.WriteString(server, "+OK\r\n"+stream)
		}()
		c := redis.NewClient(&redis.Options{Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1, PipelinePoolSize: -1,
			Dialer: func(context.Context, string, string) (net.Conn, error) {
				if client == nil {
					return nil, errors.New("once only")
				}
				return &bounded{Conn: client}, nil
			}})
		defer c.Close()
		_ = c.Do(context.Background(), "GET", "k").Err() // no panic, no huge allocation
	})
}
