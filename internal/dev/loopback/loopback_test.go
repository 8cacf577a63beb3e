package loopback

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHost(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost:9000": true, "127.0.0.1": true, "127.0.0.1:9000": true, "127.8.9.10:1": true,
		"[::1]:9000": true, "[::1]": true, "::1": true, "[::ffff:127.0.0.1]:9000": true,
		"": false, ":9000": false, "0.0.0.0:9000": false, "[::]:9000": false, "192.0.2.1": false, "example.com": false,
		"localhost.example.com": false, "127.0.0.1.example.com:9000": false, "2130706433": false, "0x7f.1": false,
		"localhost:": true, "[::1]:": true, "127.0.0.1:65535": true,
		"127.0.0.1:80.evil.example": false, "127.0.0.1:80:90": false, "localhost:80.evil.example": false, "localhost:http": false,
		"127.0.0.1:65536": false, "127.0.0.1:+80": false, "localhost:-1": false,
		"[::1%x].evil.example": false, "[::1].evil.example": false, "[::1]80": false, "[::1": false, "::1]": false, "[::1%lo]": false,
		"::1%x].evil.example": false, "[localhost]": false, "[127.0.0.1": false, "[[::1]]": false, "localhost.": false, " localhost": false,
		"rebound.test:9000": false, "host.docker.internal:9000": false,
	} {
		assert.Equal(t, want, Host(host), host)
	}
}

func TestListenOnThisComputerOnly(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:9000", "example.com:9000"} {
		_, err := Listen(addr)
		require.ErrorContains(t, err, "only an address of this computer", addr)
	}
	_, err := Listen("127.0.0.1")
	require.ErrorContains(t, err, "missing port")
	listener, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
}

func TestOnly(t *testing.T) {
	guarded := Only(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for name, c := range map[string]struct {
		host   string
		header http.Header
		says   string // "" for a request that goes through
	}{
		"a program":               {"127.0.0.1:9000", nil, ""},
		"a program, by name":      {"localhost:9000", nil, ""},
		"our own page":            {"localhost:9000", http.Header{"Origin": {"http://localhost:9000"}, "Sec-Fetch-Site": {"same-origin"}}, ""},
		"typed into the browser":  {"localhost:9000", http.Header{"Sec-Fetch-Site": {"none"}}, ""},
		"a rebound name":          {"evil.test:9000", nil, "loopback address"},
		"a rebound page":          {"evil.test:9000", http.Header{"Origin": {"http://evil.test:9000"}}, "loopback address"},
		"another page":            {"127.0.0.1:9000", http.Header{"Origin": {"https://evil.test"}}, "other web pages"},
		"another port":            {"127.0.0.1:9000", http.Header{"Origin": {"http://127.0.0.1:8000"}}, "other web pages"},
		"a page without a name":   {"127.0.0.1:9000", http.Header{"Origin": {"null"}}, "other web pages"},
		"two origins":             {"127.0.0.1:9000", http.Header{"Origin": {"http://127.0.0.1:9000", "https://evil.test"}}, "other web pages"},
		"an image on another":     {"127.0.0.1:9000", http.Header{"Sec-Fetch-Site": {"cross-site"}}, "other web pages"},
		"an image on a sibling":   {"127.0.0.1:9000", http.Header{"Sec-Fetch-Site": {"same-site"}}, "other web pages"},
		"no Host at all":          {"", nil, "loopback address"},
		"a name that looks alike": {"localhost.evil.test", nil, "loopback address"},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Host, r.Header = c.host, c.header
		if r.Header == nil {
			r.Header = http.Header{}
		}
		w := httptest.NewRecorder()
		guarded.ServeHTTP(w, r)
		if c.says == "" {
			assert.Equal(t, http.StatusTeapot, w.Code, name)
			continue
		}
		assert.Equal(t, http.StatusForbidden, w.Code, name)
		assert.Contains(t, w.Body.String(), c.says, name)
	}
}
