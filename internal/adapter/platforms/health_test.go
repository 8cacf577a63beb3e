package platforms

import (
	"bytes"
	"errors"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHealthIsAskedOfTheOwnServer(t *testing.T) {
	h := &serving{}
	address, stop := start(t, h, time.Second, 0)
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	check := func(host, port string) (status int, said string) {
		t.Setenv(hostVariable, host)
		t.Setenv(httpVariable, port)
		var out bytes.Buffer
		status = CheckHealth(&out)
		return status, out.String()
	}
	for _, host := range []string{"127.0.0.1", "localhost", "", "0.0.0.0"} {
		status, said := check(host, parsed.Port())
		assert.Equal(t, 0, status, "%q: %s", host, said)
		assert.Equal(t, "ok\n", said, host)
	}

	h.err = errors.New("WECHAT_APPID is not set")
	status, said := check("", parsed.Port())
	assert.Equal(t, 1, status)
	assert.Equal(t, "WECHAT_APPID is not set\n", said)

	require.NoError(t, stop())
	status, said = check("", parsed.Port())
	assert.Equal(t, 1, status)
	assert.Contains(t, said, "connection refused")
	status, said = check("", "")
	assert.Equal(t, 1, status)
	assert.Equal(t, "PORT is not set: only a server on a port can be asked\n", said)
}

// A server that takes the connection and stays silent is not healthy.
func TestSilentServerIsNotHealthy(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	_, port, err := net.SplitHostPort(silent.Addr().String())
	require.NoError(t, err)
	status, said := askHealth(t.Context(), "", port)
	assert.Zero(t, status)
	assert.Contains(t, said, "deadline exceeded")
}

func TestAddressesOfTheOwnServer(t *testing.T) {
	for host, want := range map[string]string{
		"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1", "::1": "::1", "10.0.0.7": "10.0.0.7", "localhost": "localhost",
	} {
		assert.Equal(t, want, reachable(host), host)
	}
}
