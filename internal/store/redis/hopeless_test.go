package redis_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
	"sotercall/internal/store/redis/redistest"
)

// hopeless is what a Store says after it has connected, and after a command.
func hopeless(t *testing.T, address string) (connected, used error) {
	t.Helper()
	store := open(t, secret.New(address))
	store.Connect(t.Context())
	connected = store.Hopeless()
	store = open(t, secret.New(address))
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		_, _ = store.Run(t.Context(), add, key, 1)
	}
	return connected, store.Hopeless()
}

func TestStoreThatCannotWorkAsConfigured(t *testing.T) {
	server := redistest.Start(t)
	url := server.URL.Reveal()
	server.Do("ACL", "SETUSER", "reader", "on", ">pass", "~*", "+get")
	for name, c := range map[string]struct{ address, says string }{
		"no password":            {strings.Replace(url, ":"+redistest.Password+"@", "", 1), "asks for a password (NOAUTH)"},
		"another password":       {strings.Replace(url, redistest.Password, "s3cret", 1), "refuses the user or the password (WRONGPASS)"},
		"an unknown user":        {strings.Replace(url, "://:", "://s3cret:", 1), "refuses the user or the password (WRONGPASS)"},
		"a database too high":    {strings.TrimSuffix(url, "0") + "99", "no such database"},
		"a Cluster that is none": {strings.TrimSuffix(url, "/0") + "?is_cluster_mode=true", "not part of a Redis Cluster"},
	} {
		connected, used := hopeless(t, c.address)
		assert.ErrorContains(t, connected, c.says, name)
		assert.ErrorContains(t, used, c.says, name)
		assert.NotContains(t, connected.Error(), "s3cret", name)
	}
	_, used := hopeless(t, "redis://reader:pass@"+server.Addr())
	assert.ErrorContains(t, used, "may not run scripts on keys that begin with sotercall: (NOPERM)")

	connected, used := hopeless(t, url)
	assert.NoError(t, connected, "the twin")
	assert.NoError(t, used)
}

func TestCertificateThatIsNotTrusted(t *testing.T) {
	server, _ := redistest.StartTLS(t)
	connected, _ := hopeless(t, server.URL.Reveal())
	assert.EqualError(t, connected, "the certificate of the server is not trusted: this machine has no CA roots for it "+
		"(SSL_CERT_FILE), the server does not send its intermediate certificate, or a proxy inspects TLS")
}

// What is merely away, or does not take writes, may be back in a moment. What has been
// mended counts no more.
func TestStoreThatIsAwayIsNotHopeless(t *testing.T) {
	server := redistest.Start(t)
	store := open(t, server.URL)
	server.Do("CONFIG", "SET", "maxmemory", "1")
	_, err := store.Run(t.Context(), add, "k", 1)
	require.ErrorContains(t, err, "OOM")
	assert.NoError(t, store.Hopeless())
	server.Do("CONFIG", "SET", "maxmemory", "0")
	server.ChangePassword("another")
	_, err = store.Run(t.Context(), add, "k", 1)
	require.Error(t, err)
	assert.Error(t, store.Hopeless())
	server.ChangePassword(redistest.Password)
	_, err = store.Run(t.Context(), add, "k", 1)
	require.NoError(t, err)
	assert.NoError(t, store.Hopeless())
	server.Kill()
	_, err = store.Run(t.Context(), add, "k", 1)
	require.Error(t, err)
	store.Connect(t.Context())
	assert.NoError(t, store.Hopeless())
}
