package sandbox

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const signPath = "/sandbox/phone/sign"

func (c *client) control(method, path, body string, header ...string) (int, string) {
	c.t.Helper()
	status, contentType, text := c.send(method, path, body, header...)
	assert.Equal(c.t, "application/json", contentType)
	return status, text
}

func TestControlSignAnswersWhatTheMiniProgramSends(t *testing.T) {
	c := newClient(t, Options{})
	devices := []string{``}
	for _, info := range Devices() {
		devices = append(devices, `,"device":"`+string(info.Device)+`"`)
	}
	for _, device := range devices {
		status, text := c.control("POST", signPath, `{"openid":"`+alice+`","challenge":"<a&b>"`+device+`}`)
		require.Equal(t, http.StatusOK, status, text)
		assert.Contains(t, text, "<a&b>", "no HTML escaping")
		var signed Signed
		require.NoError(t, json.Unmarshal([]byte(text), &signed, json.RejectUnknownMembers(true)))
		assert.Equal(t, alice, signed.OpenID)
		assert.True(t, *c.verify(c.classic().AccessToken, signed).IsOK)
	}
}

func TestControlSignRefuses(t *testing.T) {
	c := newClient(t, Options{})
	request := map[string]any{"openid": alice, "challenge": "c", "device": "ios"}
	for name, tt := range map[string]struct{ body, reason string }{
		"no openid":       {jsonOf(t, with(request, "openid", "")), "openid has 0 bytes, want 1 to 128"},
		"long openid":     {jsonOf(t, with(request, "openid", strings.Repeat("o", 129))), "openid has 129 bytes"},
		"no challenge":    {jsonOf(t, with(request, "challenge", "")), "challenge has 0 characters, want 1 to 512"},
		"long challenge":  {jsonOf(t, with(request, "challenge", strings.Repeat("é", 513))), "challenge has 513 characters"},
		"unknown device":  {jsonOf(t, with(request, "device", "nokia")), `device \"nokia\", want one of android, android-plain, `},
		"number":          {jsonOf(t, with(request, "challenge", 1)), "/challenge"},
		"misspelt member": {jsonOf(t, with(request, "openId", alice)), "openId"},
		"not JSON":        {"openid=x", "want {"},
		"empty":           {"", "want {"},
		"oversized":       {strings.Repeat(" ", maxControlBody) + jsonOf(t, request), "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := c.control("POST", signPath, tt.body)
			assert.Equal(t, http.StatusBadRequest, status)
			assert.Contains(t, text, tt.reason)
			assert.Regexp(t, `^{"error":"`, text)
		})
	}
	records, err := c.s.phones.of(alice)
	require.NoError(t, err)
	assert.Empty(t, records, "a refused request enrols nobody")

	status, _ := c.control("POST", signPath, jsonOf(t, request))
	assert.Equal(t, http.StatusOK, status)
}

func TestControlListsTheDevices(t *testing.T) {
	status, text := newClient(t, Options{}).control("GET", "/sandbox/devices", "")
	assert.Equal(t, http.StatusOK, status)
	var listed []DeviceInfo
	require.NoError(t, json.Unmarshal([]byte(text), &listed, json.RejectUnknownMembers(true)))
	assert.Equal(t, Devices(), listed)
	assert.Contains(t, text, `{"device":"android","signs":"`)
}

func TestControlFaults(t *testing.T) {
	c := newClient(t, Options{})
	status, text := c.control("GET", "/sandbox/faults", "")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "[]", text)

	_, text = c.control("POST", "/sandbox/faults", `{"kind":"errcode","errcode":40001,"path":"/cgi-bin/token","times":1}`)
	assert.Equal(t, `[{"path":"/cgi-bin/token","kind":"errcode","times":1,"errcode":40001}]`, text)
	_, text = c.control("POST", "/sandbox/faults", `[{"kind":"delay","delay_ms":1},{"kind":"html"}]`)
	assert.Equal(t, `[{"path":"/cgi-bin/token","kind":"errcode","times":1,"errcode":40001},{"kind":"delay","delay_ms":1},{"kind":"html"}]`, text)

	assert.Equal(t, 40001, c.classic().code())

	_, text = c.control("DELETE", "/sandbox/faults", "")
	assert.Equal(t, "[]", text)
	assert.Zero(t, c.classic().code())
}

func TestControlFaultsTakesAllOrNone(t *testing.T) {
	c := newClient(t, Options{})
	for name, tt := range map[string]struct{ body, reason string }{
		"one is wrong": {`[{"kind":"html"},{"kind":"explode"}]`, `fault kind \"explode\"`},
		"misspelt":     {`{"kind":"html","time":1}`, "time"},
		"two objects":  {`{"kind":"html"},{"kind":"html"}`, "want a fault such as"},
		"not JSON":     {`html`, "want a fault such as"},
		"empty":        {``, "want a fault such as"},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := c.control("POST", "/sandbox/faults", tt.body)
			assert.Equal(t, http.StatusBadRequest, status)
			assert.Contains(t, text, tt.reason)
			assert.Empty(t, c.s.Faults())
		})
	}
	status, _ := c.control("POST", "/sandbox/faults", `[{"kind":"html"},{"kind":"drop"}]`)
	assert.Equal(t, http.StatusOK, status)
	assert.Len(t, c.s.Faults(), 2)
}

// TestControlIsForTheSameHostOnly also shows that the API paths, which a
// program reaches under any name, are not concerned.
func TestControlIsForTheSameHostOnly(t *testing.T) {
	s := newSandbox(t, Options{})
	for _, tt := range []struct {
		host, origin string
		status       int
	}{
		{"127.0.0.1:8080", "", 200},
		{"127.0.0.1", "", 200},
		{"127.8.9.1:80", "", 200},
		{"localhost:8080", "", 200},
		{"LOCALHOST", "", 200},
		{"[::1]:8080", "", 200},
		{"[::1]", "", 200},
		{"[::ffff:127.0.0.1]:1", "", 200},
		{"localhost:8080", "http://localhost:8080", 200},

		{"", "", 403},
		{"evil.example", "", 403},
		{"evil.example:8080", "", 403},
		{"localhost.evil.example", "", 403},
		{"127.0.0.1.evil.example", "", 403},
		{"0.0.0.0:8080", "", 403},
		{"192.168.1.7:8080", "", 403},
		{"localhost:8080", "http://evil.example", 403},
		{"localhost:8080", "http://localhost:3000", 403},
		{"localhost:8080", "null", 403},
		{"localhost:8080", "://", 403},
		{"evil.example", "http://evil.example", 403},
	} {
		for _, request := range []struct{ method, path string }{{"GET", "/sandbox/faults"}, {"DELETE", "/sandbox/faults"}, {"POST", signPath}} {
			body := `{"openid":"` + alice + `","challenge":"c"}`
			r := httptest.NewRequest(request.method, request.path, strings.NewReader(body))
			r.Host = tt.host
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			assert.Equal(t, tt.status, w.Code, "%s %s, host %q, origin %q", request.method, request.path, tt.host, tt.origin)
		}
		r := httptest.NewRequest("GET", tokenPath, nil)
		r.Host = tt.host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		assert.Equal(t, http.StatusOK, w.Code)
	}
}

func TestControlKnowsItsMethods(t *testing.T) {
	c := newClient(t, Options{})
	status, _, _ := c.send("GET", signPath, "")
	assert.Equal(t, http.StatusMethodNotAllowed, status)
	status, _, _ = c.send("GET", "/sandbox/else", "")
	assert.Equal(t, http.StatusNotFound, status)
}

// Containers have a name of their own for this computer. Who serves the sandbox says
// whether they may control it.
func TestContainersControlTheSandboxIfWanted(t *testing.T) {
	for _, wanted := range []bool{true, false} {
		s, err := New(Options{Containers: wanted})
		require.NoError(t, err)
		for host, allowed := range map[string]bool{"host.docker.internal:9000": wanted, "127.0.0.1:9000": true, "evil.test:9000": false} {
			r := httptest.NewRequest(http.MethodGet, "/sandbox/faults", nil)
			r.Host = host
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			assert.Equal(t, allowed, w.Code == http.StatusOK, "%s: %s", host, w.Body)
		}
	}
}
