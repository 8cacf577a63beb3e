package loopback

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

// A link on another site opens a page that is named, and does nothing else.
func TestLinksOpenPages(t *testing.T) {
	teapot := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	link := map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
	for name, c := range map[string]struct {
		method, path, host string
		changed            map[string]string
		ok                 bool
	}{
		"a link":             {"GET", "/?mistake=replay", "127.0.0.1:9000", nil, true},
		"a sibling's link":   {"GET", "/", "127.0.0.1:9000", map[string]string{"Sec-Fetch-Site": "same-site"}, true},
		"another path":       {"GET", "/admin", "127.0.0.1:9000", nil, false},
		"a form":             {"POST", "/", "127.0.0.1:9000", nil, false},
		"HEAD":               {"HEAD", "/", "127.0.0.1:9000", nil, false},
		"a frame":            {"GET", "/", "127.0.0.1:9000", map[string]string{"Sec-Fetch-Dest": "iframe"}, false},
		"an image":           {"GET", "/", "127.0.0.1:9000", map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, false},
		"fetch":              {"GET", "/", "127.0.0.1:9000", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, false},
		"a prefetch":         {"GET", "/", "127.0.0.1:9000", map[string]string{"Sec-Fetch-Dest": "empty"}, false},
		"with an origin":     {"GET", "/", "127.0.0.1:9000", map[string]string{"Origin": "https://evil.test"}, false},
		"to a rebound name":  {"GET", "/", "evil.test:9000", nil, false},
		"an older browser's": {"GET", "/", "127.0.0.1:9000", map[string]string{"Sec-Fetch-Mode": "", "Sec-Fetch-Dest": ""}, false},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Host, r.RemoteAddr = c.host, "127.0.0.1:5000"
		for header, value := range link {
			r.Header.Set(header, value)
		}
		for header, value := range c.changed {
			r.Header.Set(header, value)
		}
		for guard, handler := range map[string]http.Handler{"Only": Only(teapot, "/"), "containers": Containers{}.Only(teapot, "/")} {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			assert.Equal(t, c.ok, w.Code == http.StatusTeapot, "%s, %s", name, guard)
		}
		w := httptest.NewRecorder()
		Only(teapot).ServeHTTP(w, r)
		assert.Equal(t, http.StatusForbidden, w.Code, "%s: no page is named", name)
	}
}
