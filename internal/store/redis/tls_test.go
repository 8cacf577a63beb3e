package redis

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/store/redis/redistest"
)

// go-redis sees by itself that a connection without TLS was closed while it was idle. With
// TLS, our connection lets it see that.
func TestClosedConnectionsAreSeenWithTLSToo(t *testing.T) {
	server, authority := redistest.StartTLS(t)
	o, err := parse(server.URL)
	require.NoError(t, err)
	pem, err := os.ReadFile(authority)
	require.NoError(t, err)
	o.TLSConfig.RootCAs = x509.NewCertPool()
	require.True(t, o.TLSConfig.RootCAs.AppendCertsFromPEM(pem))
	s := newStore(server.URL, o)
	defer s.Close()
	for range 3 {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				_, err := s.Do(t.Context(), "GET", "k")
				assert.NoError(t, err)
			})
		}
		all.Wait()
		server.CutConnections()
		before := s.client.PoolStats()
		require.Positive(t, before.IdleConns)
		_, err := s.Do(t.Context(), "GET", "k")
		require.NoError(t, err)
		after := s.client.PoolStats()
		assert.Greater(t, after.StaleConns, before.StaleConns, "they were seen, not tried")
	}
}

func TestCertificateIsForTheHostThatIsDialed(t *testing.T) {
	for name, c := range map[string]struct{ configured, dialed, want string }{
		"the host of REDIS_URL":            {"redis.example.com", "redis.example.com:6379", "redis.example.com"},
		"another node, by its name":        {"redis.example.com", "node-2.example.com:6379", "node-2.example.com"},
		"another node, by its address":     {"redis.example.com", "10.0.0.2:6379", "redis.example.com"},
		"an address in REDIS_URL":          {"", "10.0.0.1:6379", "10.0.0.1"},
		"a name behind one, of a Sentinel": {"", "master.example.com:6379", "master.example.com"},
		"IPv6":                             {"", "[::1]:6379", "::1"},
	} {
		assert.Equal(t, c.want, configFor(&tls.Config{ServerName: c.configured}, c.dialed).ServerName, name)
	}
}
