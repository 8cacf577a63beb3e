package loopback

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNear(t *testing.T) {
	for host, want := range map[string]bool{
		"host.docker.internal": true, "HOST.docker.internal:9000": true, "127.0.0.1:9000": true, "localhost": true,
		"host.docker.internal.evil.test": false, "docker.internal": false, "172.17.0.1:9000": false, "": false,
	} {
		assert.Equal(t, want, Near(host), host)
	}
}

func address(t *testing.T, text string) net.Addr {
	t.Helper()
	ip, network, err := net.ParseCIDR(text)
	require.NoError(t, err)
	return &net.IPNet{IP: ip, Mask: network.Mask}
}

// onLinux are the containers of a computer with Docker's own bridge and one more.
func onLinux(t *testing.T) Containers {
	t.Helper()
	c, err := among(map[string][]net.Addr{
		"lo": {address(t, "127.0.0.1/8")}, "eth0": {address(t, "192.0.2.7/24")}, "br-lan": {address(t, "10.0.0.1/24")},
		"docker0":         {address(t, "172.17.0.1/16"), address(t, "fe80::1/64")},
		"br-0123456789ab": {address(t, "172.18.0.1/16")},
	})
	require.NoError(t, err)
	return c
}

func TestOnlyContainersOfThisComputer(t *testing.T) {
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for name, c := range map[string]struct {
		containers         Containers
		from, host, origin string
		says               string // "" for a request that goes through
	}{
		"a container":                  {onLinux(t), "172.17.0.2:5000", "host.docker.internal:9000", "", ""},
		"one of another network":       {onLinux(t), "172.18.0.9:5000", "host.docker.internal:9000", "", ""},
		"by the gateway's address":     {onLinux(t), "172.17.0.2:5000", "172.17.0.1:9000", "", ""},
		"this computer":                {onLinux(t), "127.0.0.1:5000", "127.0.0.1:9000", "", ""},
		"a computer of the office":     {onLinux(t), "192.0.2.99:5000", "host.docker.internal:9000", "", "its containers only"},
		"another bridge":               {onLinux(t), "10.0.0.9:5000", "host.docker.internal:9000", "", "its containers only"},
		"a container, rebound":         {onLinux(t), "172.17.0.2:5000", "evil.test:9000", "", "reached through"},
		"a page of a container's":      {onLinux(t), "172.17.0.2:5000", "host.docker.internal:9000", "http://evil.test", "other web pages"},
		"Docker Desktop":               {Containers{}, "127.0.0.1:5000", "host.docker.internal:9000", "", ""},
		"the office of Docker Desktop": {Containers{}, "192.0.2.99:5000", "host.docker.internal:9000", "", "its containers only"},
		"no address":                   {onLinux(t), "", "127.0.0.1:9000", "", "its containers only"},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr, r.Host = c.from, c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		c.containers.Only(next).ServeHTTP(w, r)
		if c.says == "" {
			assert.Equal(t, http.StatusTeapot, w.Code, name)
			continue
		}
		assert.Equal(t, http.StatusForbidden, w.Code, name)
		assert.Contains(t, w.Body.String(), c.says, name)
	}
}

func TestContainersReachTheBridge(t *testing.T) {
	listener, err := Containers{}.Listen("0")
	require.NoError(t, err)
	assert.Nil(t, listener, "those of Docker Desktop come to loopback")

	c, err := among(map[string][]net.Addr{"docker0": {address(t, "127.0.0.2/8")}}) // an address that there is
	require.NoError(t, err)
	listener, err = c.Listen("0")
	require.NoError(t, err)
	defer listener.Close()
	assert.Contains(t, listener.Addr().String(), "127.0.0.2:")

	_, err = among(map[string][]net.Addr{"eth0": {address(t, "192.0.2.7/24")}, "docker0": nil})
	assert.ErrorIs(t, err, ErrNoBridge)
}
