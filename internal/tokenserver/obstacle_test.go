package tokenserver_test

import (
	"crypto/x509"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/tlstest"
	"sotercall/internal/upstream"
)

// A token function whose WeChat is behind a certificate that it does not trust says so.
func TestWhatKeepsAFetchFromWeChatIsNamed(t *testing.T) {
	server := tlstest.Own().Serve(http.NotFoundHandler(), tlstest.Common...)
	defer server.Close()
	transport := upstream.NewTransport(time.Minute, time.Now)
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	client := upstream.New(transport, time.Now)
	defer client.CloseIdle()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	_, err = client.RoundTrip(request)
	require.Error(t, err)
	answer := direct(backend(t), newSingle(&source{err: err}), `{}`)
	assert.Contains(t, answer, "the request to WeChat for a token failed: the certificate of the server is not trusted")

	assert.Contains(t, direct(backend(t), newSingle(&source{err: assert.AnError}), `{}`), `the request to WeChat for a token failed"`, "the twin")
}
