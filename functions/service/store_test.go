package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/hosted"
	"sotercall/internal/version"
)

// health returns the status and the text of /healthz.
func health(t *testing.T, s *emulator.HTTPServer) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/healthz", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// A store that can never work as it is configured is red, before the first call. One that
// is merely away is not.
func TestHealthTellsAStoreThatCannotWork(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	server, cluster := redistest.Start(t), redistest.StartCluster(t)
	start := func(url string) *emulator.HTTPServer {
		return serve(t, hosted.With(wechat.Variables(), map[string]string{"HTTP_BEARER_TOKENS": bearer, "REDIS_URL": url}))
	}
	oneOfCluster, _, _ := strings.Cut(cluster.URL.Reveal(), "?")
	for url, says := range map[string]string{
		strings.Replace(server.URL.Reveal(), redistest.Password, "s3cret", 1): "REDIS_URL: the server refuses the user or the password (WRONGPASS)\n",
		oneOfCluster: "REDIS_URL: the server is a node of a Redis Cluster: add ?is_cluster_mode=true to the address\n",
	} {
		s := start(url)
		var text string
		assert.Eventually(t, func() bool {
			var status int
			status, text = health(t, s)
			return status == http.StatusServiceUnavailable
		}, 10*time.Second, 10*time.Millisecond, says)
		assert.Equal(t, says+"version: "+version.String()+"\n", text)
	}
	for _, url := range []string{server.URL.Reveal(), cluster.URL.Reveal()} {
		s := start(url)
		_, answer := hosted.Post(t, s.URL+"/", hosted.JSON(t, hosted.Sample(t)), http.Header{"Authorization": {"Bearer " + bearer}})
		assert.Equal(t, hosted.Verified, answer, "the twin")
		if url == server.URL.Reveal() {
			server.Kill()
			_, answer = hosted.Post(t, s.URL+"/", hosted.JSON(t, hosted.Sample(t)), http.Header{"Authorization": {"Bearer " + bearer}})
			assert.Equal(t, hosted.Verified, answer, "the counter is only logged")
		}
		status, text := health(t, s)
		assert.Equal(t, http.StatusOK, status, text)
	}
}
