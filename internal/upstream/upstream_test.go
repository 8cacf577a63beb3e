package upstream_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/upstream"
)

func newClient(life time.Duration, now func() time.Time) *upstream.Client {
	return upstream.New(upstream.NewTransport(life, now), now)
}

// serve runs a server that counts the connections it is reached by.
func serve(t *testing.T, handler http.HandlerFunc) (url string, connections *atomic.Int32) {
	t.Helper()
	connections = new(atomic.Int32)
	server := httptest.NewUnstartedServer(handler)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, connections
}

func get(t *testing.T, client *upstream.Client, url string) (upstream.Reply, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	return client.Send(req)
}

func TestConnectionIsKeptUntilItIsOld(t *testing.T) {
	url, connections := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("here")) })
	clock := time.Now()
	client := newClient(30*time.Second, func() time.Time { return clock })
	for range 3 {
		reply, err := get(t, client, url)
		require.NoError(t, err)
		assert.Equal(t, upstream.Reply{Status: 200, ContentType: "text/plain; charset=utf-8", Body: []byte("here")}, reply)
	}
	assert.EqualValues(t, 1, connections.Load())
	clock = clock.Add(31 * time.Second) // frozen: no timer of the transport has run
	_, err := get(t, client, url)
	require.NoError(t, err)
	assert.EqualValues(t, 2, connections.Load())
	client.CloseIdle()
	_, err = get(t, client, url)
	require.NoError(t, err)
	assert.EqualValues(t, 3, connections.Load())
}

func TestRedirectIsAReply(t *testing.T) {
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/", r.URL.Path)
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	reply, err := get(t, newClient(time.Second, time.Now), url+"/")
	require.NoError(t, err)
	assert.Equal(t, http.StatusFound, reply.Status)
}

func TestHeadersAreBounded(t *testing.T) {
	size := 60 << 10
	url, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Long", strings.Repeat("x", size)) })
	client := newClient(time.Second, time.Now)
	_, err := get(t, client, url)
	require.NoError(t, err, "the twin that passes")
	size = 65 << 10
	_, err = get(t, client, url)
	var noReply *upstream.NoReply
	require.ErrorAs(t, err, &noReply)
	assert.ErrorContains(t, err, "headers exceeded")
}

func TestReplyIsBounded(t *testing.T) {
	size := 64 << 10
	url, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(strings.Repeat("x", size))) })
	client := newClient(time.Second, time.Now)
	reply, err := get(t, client, url)
	require.NoError(t, err)
	assert.Len(t, reply.Body, size)
	size++
	reply, err = get(t, client, url)
	assert.ErrorContains(t, err, "longer than 65536 bytes")
	assert.Zero(t, reply)
}

func TestWhatWentWrongIsToldWithoutTheAddress(t *testing.T) {
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
			w.(http.Flusher).Flush()
		}
		panic(http.ErrAbortHandler)
	})
	client := newClient(time.Second, time.Now)
	var noReply *upstream.NoReply
	_, err := get(t, client, url+"/none?secret=hush")
	require.ErrorAs(t, err, &noReply)
	assert.NotContains(t, err.Error(), "hush")
	_, err = get(t, client, url+"/half?secret=hush")
	require.ErrorContains(t, err, "broke off")
	assert.NotErrorAs(t, err, &noReply)
	assert.NotContains(t, err.Error(), "hush")
}
