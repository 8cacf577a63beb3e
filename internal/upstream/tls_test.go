package upstream_test

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/tlstest"
	"sotercall/internal/upstream"
)

func sayProtocol(w http.ResponseWriter, r *http.Request) {
	_, _ = w.Write([]byte(r.Proto + " " + r.TLS.NegotiatedProtocol))
}

// trusting returns a client that trusts the authority of the tests.
func trusting(t *testing.T) *upstream.Client {
	t.Helper()
	client := upstream.New(time.Minute, time.Now)
	client.TrustOnly(tlstest.Own().Pool())
	t.Cleanup(client.CloseIdle)
	return client
}

func TestServersWithAndWithoutHTTP2(t *testing.T) {
	for name, c := range map[string]struct {
		protocols []string
		want      string
	}{
		"HTTP/2 and HTTP/1.1": {tlstest.Common, "HTTP/1.1 http/1.1"},
		"HTTP/1.1 only":       {[]string{"http/1.1"}, "HTTP/1.1 http/1.1"},
		"no ALPN":             {nil, "HTTP/1.1 "},
	} {
		t.Run(name, func(t *testing.T) {
			server := tlstest.Own().Serve(http.HandlerFunc(sayProtocol), c.protocols...)
			defer server.Close()
			client := trusting(t)
			for range 2 {
				reply, err := get(t, client, server.URL)
				require.NoError(t, err)
				assert.Equal(t, c.want, string(reply.Body))
			}
		})
	}
}

const (
	sentenceHTTP2 = "the server speaks HTTP/2 only, and this function HTTP/1.1"
	sentenceTrust = "the certificate of the server is not trusted: this machine has no CA roots for it (SSL_CERT_FILE), the server does not send its intermediate certificate, or a proxy inspects TLS"
)

func TestServerThatSpeaksHTTP2OnlyIsNamed(t *testing.T) {
	for name, url := range map[string]string{
		"it refuses the handshake": tlstest.ServeHTTP2Only(t, true),
		"it sends an HTTP/2 frame": tlstest.ServeHTTP2Only(t, false),
	} {
		_, err := get(t, trusting(t), url+"/?secret=hush")
		assertObstacle(t, err, sentenceHTTP2, name)
	}
}

func assertObstacle(t *testing.T, err error, sentence, name string) {
	t.Helper()
	var noReply *upstream.NoReply
	require.ErrorAs(t, err, &noReply, name)
	var obstacle *upstream.Obstacle
	require.ErrorAs(t, err, &obstacle, name)
	assert.Equal(t, sentence, obstacle.Sentence(), name)
	assert.NotContains(t, err.Error(), "hush", name)
}

func TestCertificatesThatAreNotTrustedAreExplained(t *testing.T) {
	server := tlstest.Own().Serve(http.HandlerFunc(sayProtocol), tlstest.Common...)
	defer server.Close()
	for name, roots := range map[string]*x509.CertPool{"no roots": x509.NewCertPool(), "others": tlstest.New().Pool()} {
		client := upstream.New(time.Minute, time.Now)
		client.TrustOnly(roots)
		_, err := get(t, client, server.URL+"/?secret=hush")
		assertObstacle(t, err, sentenceTrust, name)
		assert.ErrorContains(t, err, "certificate signed by unknown authority", "the chain is for the log")
	}
	client := trusting(t)
	_, err := get(t, client, server.URL)
	require.NoError(t, err, "the twin")
	client = trusting(t)
	client.DialWith(dialTo(server))
	_, err = get(t, client, "https://another.example/?secret=hush")
	assertObstacle(t, err, "the certificate of the server is for another name", "another name")
}

func dialTo(server *httptest.Server) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
}
