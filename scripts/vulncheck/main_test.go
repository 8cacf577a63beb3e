package main

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"sotercall/internal/test/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scanned is a package of ours that calls what the made-up entry in testdata
// names.
const scanned = "sotercall/internal/store/redis"

func check(t *testing.T, database string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), []string{"-db", database, scanned}, &out)
	return out.String(), err
}

func folder(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	require.NoError(t, err)
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

func TestAFindingFails(t *testing.T) {
	need.Time(t)
	said, err := check(t, folder(t, "called"))
	require.Error(t, err)
	assert.Contains(t, said, "GO-2026-0001")
	assert.Contains(t, said, "redis.NewUniversalClient")
	for _, twin := range []string{"empty", "fixed"} {
		said, err = check(t, folder(t, twin))
		require.NoError(t, err, twin)
		assert.Contains(t, said, "No vulnerabilities found", twin)
	}
}

func TestADatabaseOutOfReachIsToldAndNoFailure(t *testing.T) {
	need.Time(t)
	// No way out of the machine but through a proxy that is not there.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		t.Setenv(name, "http://"+listener.Addr().String())
	}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		t.Setenv(name, "")
	}
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{scanned}, &out))
	assert.Regexp(t, `^Not checked: the database of vulnerabilities cannot be reached \(proxyconnect tcp: .*refused\)`, out.String())
}

func TestEveryOtherFailureFails(t *testing.T) {
	need.Time(t)
	for name, database := range map[string]http.HandlerFunc{
		"nothing there": http.NotFound,
		"no database":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"down":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
	} {
		server := httptest.NewServer(database)
		said, err := check(t, server.URL)
		server.Close()
		require.ErrorContains(t, err, "govulncheck: ", name)
		assert.NotContains(t, said, "Not checked", name)
	}
	_, err := check(t, folder(t, "missing"))
	require.Error(t, err)
	require.Error(t, run(t.Context(), []string{"-nosuchflag", "x"}, new(bytes.Buffer)))
}

func TestWithoutAPatternItIsTheWholeModule(t *testing.T) {
	assert.False(t, hasPattern(nil))
	assert.False(t, hasPattern([]string{"-db", "file:///x"}))
	assert.True(t, hasPattern([]string{"-db", "file:///x", "./functions/..."}))
	assert.True(t, hasPattern([]string{"./functions/..."}))
}
