package main

import (
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/need"
)

// routes are one of each kind that the server has.
var routes = []string{
	"/2015-03-31/functions/verify/invocations",
	"/scf/functions/verify/invocations",
	"/openapi/soter/verifySignature",
	"/callContainer/oGuard/openapi/soter/verifySignature",
	"/functions/cgi-bin/stable_token",
	"/functions/openapi/soter/issueChallenge",
	"/cgi-bin/stable_token",
	"/admin",
	"/sandbox/phone/sign",
	"/",
	"/nothing/here",
}

func ask(t *testing.T, base, route string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+route, strings.NewReader(`{}`))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	return do(t, r)
}

func do(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

func TestNoRouteServesWebPages(t *testing.T) {
	w := openWorld(t, settings{})
	for _, route := range routes {
		for name, change := range map[string]func(*http.Request){
			"a rebound name":  func(r *http.Request) { r.Host = "evil.test:9000" },
			"another origin":  func(r *http.Request) { r.Header.Set("Origin", "https://evil.test") },
			"the null origin": func(r *http.Request) { r.Header.Set("Origin", "null") },
			"another site":    func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		} {
			resp, body := ask(t, w.base, route, change)
			assert.Equal(t, http.StatusForbidden, resp.StatusCode, "%s, %s: %s", route, name, body)
			assert.Contains(t, body, "this server", "%s, %s", route, name)
		}
		resp, body := ask(t, w.base, route, nil)
		assert.NotEqual(t, http.StatusForbidden, resp.StatusCode, "the twin: %s: %s", route, body)
	}
	tencent := func(r *http.Request) {
		r.Header.Set("X-TC-Action", "InvokeFunction")
		r.Header.Set("X-TC-Version", "2018-04-16")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(`{"FunctionName":"challenge"}`)), -1
	}
	resp, body := ask(t, w.base, "/", tencent)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, body, "openapi.soter.issueChallenge", "Tencent Cloud's API 3.0 leads to the functions")
	resp, body = ask(t, w.base, "/", func(r *http.Request) { tencent(r); r.Host = "evil.test:9000" })
	assert.Equal(t, http.StatusForbidden, resp.StatusCode, body)
	assert.Equal(t, 1, w.sandbox.Requests("/admin"), "of what was refused, nothing arrived")
}

func TestWhileItStartsTheServerSaysSo(t *testing.T) {
	need.Time(t)
	s := settings{addr: "127.0.0.1:0"}
	w, err := listen(s)
	require.NoError(t, err)
	defer func() { assert.NoError(t, w.close()) }()
	for _, route := range []string{routes[0], routes[1], routes[2], routes[3], routes[4], "/nothing/here"} {
		resp, body := ask(t, w.base, route, nil)
		assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, route)
		assert.Equal(t, "2", resp.Header.Get("Retry-After"), route)
		assert.Contains(t, body, "being built", route)
	}
	resp, body := ask(t, w.base, "/cgi-bin/stable_token", nil)
	assert.Equal(t, http.StatusOK, resp.StatusCode, "WeChat's stand-in needs no building: %s", body)

	require.NoError(t, w.startAll(t.Context(), s))
	for _, route := range routes {
		resp, body := ask(t, w.base, route, nil)
		assert.NotEqual(t, http.StatusServiceUnavailable, resp.StatusCode, "the twin: %s: %s", route, body)
	}
}

// The AppSecret must not be committed by somebody who wrote it to a file first.
func TestGitIgnoresSecrets(t *testing.T) {
	for file, ignored := range map[string]bool{
		"secret.json": true, "deploy/secret.json": true, "event.json": true, "deploy/.env": true,
		"deploy/events/direct.json": false, "README.md": false,
	} {
		err := exec.CommandContext(t.Context(), "git", "-C", "../../..", "check-ignore", "--quiet", "--no-index", file).Run()
		exit := (*exec.ExitError)(nil)
		if err != nil {
			require.ErrorAs(t, err, &exit)
			if exit.ExitCode() == 128 {
				t.Skip("this is no git checkout")
			}
		}
		assert.Equal(t, ignored, err == nil, file)
	}
}
