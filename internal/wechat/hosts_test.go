package wechat

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A base address may have a path, with or without a slash at its end, in escapes or not.
func TestRequestsGoBelowTheBase(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Host + r.RequestURI
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	client := New(time.Now)
	for below, want := range map[string]string{
		"": "", "/": "", "/soter": "/soter", "/soter/": "/soter", "/a/../b": "/b", "/a%2Fb": "/a%2Fb", "/%E7%AD%BE/": "/%E7%AD%BE",
	} {
		base, err := url.Parse(server.URL + below)
		require.NoError(t, err)
		hosts := client.Hosts(base)
		route := hosts.Route()
		_, err = client.send(t.Context(), &request{
			method: "POST", hosts: hosts, path: "/cgi-bin/x", query: "a=%2B",
		}, attempt{base: route.Base()})
		require.NoError(t, err)
		assert.Equal(t, base.Host+want+"/cgi-bin/x?a=%2B", got, "%q", below)
	}
}
