package redis

import (
	"crypto/tls"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/tlstest"
)

// terminateTLS serves TLS in front of a server until the test ends, and returns the address.
func terminateTLS(t *testing.T, server string, protocols ...string) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", tlstest.Own().Config(protocols...))
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				upstream, err := net.Dial("tcp", server)
				if err != nil {
					return
				}
				defer upstream.Close()
				go func() {
					defer upstream.Close()
					_, _ = io.Copy(upstream, client)
				}()
				_, _ = io.Copy(client, upstream)
			}()
		}
	}()
	return listener.Addr().String()
}

// What stands in front of Redis may do ALPN for others; Redis's protocol has no name there.
func TestTerminatorsWithAndWithoutALPN(t *testing.T) {
	server := redistest.Start(t)
	at := func(host string) (any, error) {
		address, err := url.Parse(server.URL.Reveal())
		require.NoError(t, err)
		address.Scheme, address.Host = "rediss", host
		o, err := parse(secret.New(address.String()))
		require.NoError(t, err)
		o.TLSConfig.RootCAs = tlstest.Own().Pool()
		s := newStore(secret.New(address.String()), o)
		defer s.Close()
		return s.Do(t.Context(), "PING")
	}
	for name, protocols := range map[string][]string{"h2 and http/1.1": tlstest.Common, "http/1.1": {"http/1.1"}, "none": nil, "h2": {"h2"}} {
		answer, err := at(terminateTLS(t, server.Addr(), protocols...))
		require.NoError(t, err, name)
		assert.Equal(t, "PONG", answer, name)
	}
	for _, refuse := range []bool{true, false} {
		_, err := at(strings.TrimPrefix(tlstest.ServeHTTP2Only(t, refuse), "https://"))
		require.ErrorContains(t, err, "redis: PING: ")
		assert.NotContains(t, err.Error(), redistest.Password)
	}
}
