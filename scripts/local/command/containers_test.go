package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/loopback"
)

// TestContainersAreServedIfWanted asks, under the name that containers
// have for this computer, for WeChat and for the sandbox's control paths.
func TestContainersAreServedIfWanted(t *testing.T) {
	asContainer := func(r *http.Request) { r.Host = loopback.DockerHost + ":9000" }
	for _, wanted := range []bool{true, false} {
		s := settings{addr: "127.0.0.1:0", log: io.Discard}
		if wanted {
			s.containers = new(loopback.Containers) // Docker Desktop's, which come to loopback
		}
		w, err := listen(s)
		require.NoError(t, err)
		for _, route := range []string{"/cgi-bin/stable_token", "/sandbox/phone/sign", "/2015-03-31/functions/verify/invocations"} {
			resp, body := ask(t, w.base, route, asContainer)
			assert.Equal(t, wanted, resp.StatusCode != http.StatusForbidden, "%s: %s", route, body)
			resp, body = ask(t, w.base, route, func(r *http.Request) { r.Host = "evil.test:9000" })
			assert.Equal(t, http.StatusForbidden, resp.StatusCode, "%s: %s", route, body)
		}
		require.NoError(t, w.close())
	}
}

func TestServingContainersWarns(t *testing.T) {
	var warnings strings.Builder
	containers, err := containersHere(false, &warnings)
	require.NoError(t, err)
	assert.Nil(t, containers)
	assert.Empty(t, warnings.String())

	containers, err = containersHere(true, &warnings)
	require.NoError(t, err)
	assert.NotNil(t, containers)
	assert.Contains(t, warnings.String(), "every container of this computer may now sign for every user")
}
