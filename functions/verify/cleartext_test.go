package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// afar returns the address of a server here by 0.0.0.0, which leads to this machine but
// counts as another host: it is no loopback address.
func afar(url string) string { return strings.Replace(url, "127.0.0.1", "0.0.0.0", 1) }

// counting serves a status until the test ends, and counts the requests.
func counting(t *testing.T, status int) (url string, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

// Tokens are fetched in the clear from a host that CLEARTEXT_HOSTS names, without the proxy
// of HTTP_PROXY, and the log warns.
func TestTokensInTheClear(t *testing.T) {
	s := hosted.NewSandbox(t, sandbox.Options{})
	base := afar(hosted.Serve(t, s.Sandbox))
	host := strings.TrimPrefix(base, "http://")
	proxy, requests := counting(t, http.StatusForbidden)
	variables := hosted.With(s.Variables(), map[string]string{"WECHAT_TOKEN_BASE": base, "HTTP_PROXY": proxy, "http_proxy": proxy})
	event := hosted.JSON(t, hosted.Sample(t))

	for _, others := range []string{"", "0.0.0.0:1", "sotercall-token"} {
		function := hosted.SCF(t, "verify", hosted.With(variables, map[string]string{"CLEARTEXT_HOSTS": others}), hosted.Ample, new(hosted.Log))
		assert.Contains(t, hosted.Invoke(t, function, event, nil), "WECHAT_TOKEN_BASE must be an https address", others)
	}
	assert.Zero(t, s.Requests("/cgi-bin/stable_token"))

	variables["CLEARTEXT_HOSTS"] = "sotercall-token," + host
	log := new(hosted.Log)
	for platform, function := range hosted.Both(t, "verify", variables, hosted.Ample, log) {
		assert.Equal(t, hosted.Verified, hosted.Invoke(t, function, event, nil), platform)
	}
	assert.Contains(t, log.String(), "in the clear")
	assert.Contains(t, log.String(), `"hosts":["`+host+`"]`)
	assert.Zero(t, requests.Load(), "the proxy would read it")
}

// A redirect leads to no other host.
func TestRedirectInTheClearIsNotFollowed(t *testing.T) {
	s := hosted.NewSandbox(t, sandbox.Options{})
	elsewhere, requests := counting(t, http.StatusOK)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	base := afar(server.URL)
	function := hosted.SCF(t, "verify", hosted.With(s.Variables(), map[string]string{
		"WECHAT_TOKEN_BASE": base, "CLEARTEXT_HOSTS": strings.TrimPrefix(base, "http://"),
	}), hosted.Ample, new(hosted.Log))
	answer := hosted.Invoke(t, function, hosted.JSON(t, hosted.Sample(t)), nil)
	assert.Contains(t, answer, `"isOk":false`)
	assert.Contains(t, answer, `"errCode":-604103`)
	assert.Zero(t, requests.Load())
}

// NO_PROXY names hosts that are reached without the proxy of HTTPS_PROXY.
func TestNoProxy(t *testing.T) {
	s := hosted.NewSandbox(t, sandbox.Options{})
	proxy, requests := counting(t, http.StatusForbidden)
	variables := hosted.With(s.Variables(), map[string]string{"WECHAT_API_BASE": afar(s.URL), "HTTPS_PROXY": proxy, "NO_PROXY": "token.internal,0.0.0.0"})
	event := hosted.JSON(t, hosted.Sample(t))
	for platform, function := range hosted.Both(t, "verify", variables, hosted.Ample, new(hosted.Log)) {
		assert.Equal(t, hosted.Verified, hosted.Invoke(t, function, event, nil), platform)
	}
	assert.Zero(t, requests.Load())

	variables["NO_PROXY"] = "token.internal"
	function := hosted.SCF(t, "verify", variables, hosted.Ample, new(hosted.Log))
	assert.Contains(t, hosted.Invoke(t, function, event, nil), "the proxy of HTTPS_PROXY answers CONNECT with 403", "the twin")
	assert.Positive(t, requests.Load())
}
