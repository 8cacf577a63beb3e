package upstream_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/upstream"
)

// Whoever sends secrets to an address that an operator sets applies this one rule.
func TestSecretsGoByHTTPSOrToThisComputer(t *testing.T) {
	for address, confidential := range map[string]bool{
		"https://dynamodb.eu-west-1.amazonaws.com": true,
		"http://127.0.0.1:8000":                    true,
		"http://[::1]:8000":                        true,
		"http://localhost":                         true,
		"http://host.docker.internal:8000":         true, // a container's own computer
		"http://dynamodb.eu-west-1.amazonaws.com":  false,
		"http://127.0.0.1.evil.example":            false,
		"http://10.0.3.7:8080":                     false,
		"https://":                                 false,
		"ftp://127.0.0.1":                          false,
		"127.0.0.1:8000":                           false,
		"":                                         false,
	} {
		assert.Equal(t, confidential, upstream.IsEndpoint(address), address)
		if u, err := url.Parse(address); err == nil {
			assert.Equal(t, confidential, upstream.IsConfidential(u), address)
		}
	}
	for _, more := range []string{"https://user:hush@secrets.example", "https://secrets.example?x=1", "https://secrets.example?"} {
		u, err := url.Parse(more)
		require.NoError(t, err)
		assert.True(t, upstream.IsConfidential(u), "the twin: "+more)
		assert.False(t, upstream.IsEndpoint(more), more)
	}
}
