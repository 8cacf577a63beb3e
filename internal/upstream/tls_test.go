package upstream_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/upstream"
)

// serveTLS runs a server that negotiates one of protocols, and returns its URL and
// a client that trusts it.
func serveTLS(t *testing.T, protocols ...string) (url string, client *upstream.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.Proto + " " + r.TLS.NegotiatedProtocol))
	}))
	server.TLS = &tls.Config{NextProtos: protocols}
	for _, protocol := range protocols {
		server.EnableHTTP2 = server.EnableHTTP2 || protocol == "h2"
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	if protocols == nil {
		server.TLS.NextProtos = nil // StartTLS has put http/1.1 there
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client = upstream.New(time.Minute, time.Now)
	client.TrustOnly(roots)
	return server.URL, client
}

func TestServersWithAndWithoutHTTP2(t *testing.T) {
	for name, c := range map[string]struct {
		protocols []string
		want      string
	}{
		"HTTP/2 and HTTP/1.1": {[]string{"h2", "http/1.1"}, "HTTP/1.1 http/1.1"},
		"HTTP/1.1 only":       {[]string{"http/1.1"}, "HTTP/1.1 http/1.1"},
		"no ALPN":             {nil, "HTTP/1.1 "},
	} {
		t.Run(name, func(t *testing.T) {
			url, client := serveTLS(t, c.protocols...)
			for range 2 {
				reply, err := get(t, client, url)
				require.NoError(t, err)
				assert.Equal(t, c.want, string(reply.Body))
			}
		})
	}
}
