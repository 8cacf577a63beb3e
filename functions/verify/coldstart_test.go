package main

import (
	"encoding/pem"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secrets/secretsmanagertest"
	"sotercall/internal/test/hosted"
)

// tlsServer is a server behind TLS that counts the connections to it.
type tlsServer struct {
	*httptest.Server
	connections atomic.Int32
	authority   string // file
}

func serveTLS(t *testing.T, handler http.Handler) *tlsServer {
	t.Helper()
	s := &tlsServer{Server: httptest.NewUnstartedServer(handler), authority: filepath.Join(t.TempDir(), "authority.pem")}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // functions that are killed
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	require.NoError(t, os.WriteFile(s.authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	return s
}

// beforeTLS is a WeChat behind TLS, and the variables by which a function reaches it.
func beforeTLS(t *testing.T, o sandbox.Options) (*sandbox.Sandbox, *tlsServer, map[string]string) {
	t.Helper()
	wechat, err := sandbox.New(o)
	require.NoError(t, err)
	server := serveTLS(t, wechat)
	return wechat, server, map[string]string{
		"WECHAT_APPID": sandbox.DefaultAppID, "WECHAT_APPSECRET": sandbox.DefaultAppSecret,
		"WECHAT_API_BASE": server.URL, "SSL_CERT_FILE": server.authority,
	}
}

// startPrepared hosts verify on Lambda. When that sees the function ready, done must be
// true, unless the bound was reached: on a busy computer what is left goes on beside.
func startPrepared(t *testing.T, variables map[string]string, limit time.Duration, done func() bool) *emulator.Lambda {
	t.Helper()
	began := time.Now()
	function := hosted.Lambda(t, "verify", variables, limit, new(hosted.Log))
	if time.Since(began) < time.Second {
		require.True(t, done(), "it was ready before the bound, and not prepared")
	} else {
		require.Eventually(t, done, time.Minute, time.Millisecond)
	}
	return function
}

const stableTokenPath = "/cgi-bin/stable_token"

// When Lambda sees the function ready, the first answer needs one request on a
// connection that is open.
func TestEverythingIsDoneBeforeTheFirstInvocation(t *testing.T) {
	wechat, server, variables := beforeTLS(t, sandbox.Options{})
	secrets := secretsmanagertest.Start(t)
	secrets.Put("app", sandbox.DefaultAppSecret)
	maps.Copy(variables, secrets.Variables())
	delete(variables, "WECHAT_APPSECRET")
	variables["WECHAT_APPSECRET_ARN"] = secretsmanagertest.ARN("app")

	function := startPrepared(t, variables, 5*time.Second, func() bool { return wechat.Requests(stableTokenPath) == 1 })
	assert.Equal(t, 1, secrets.Asked())
	assert.Equal(t, 1, wechat.Requests(""), "the token, and nothing else")
	assert.EqualValues(t, 1, server.connections.Load())
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, function, hosted.JSON(t, hosted.Sample(t)), nil))
	assert.Equal(t, 1, secrets.Asked())
	assert.Equal(t, 1, wechat.Requests(stableTokenPath))
	assert.EqualValues(t, 1, server.connections.Load(), "one TLS handshake in all")
}

// Where tokens come from another host, both connections are open.
func TestBothHostsAreConnectedBeforeTheFirstInvocation(t *testing.T) {
	wechat, api, variables := beforeTLS(t, sandbox.Options{})
	tokens := httptest.NewUnstartedServer(wechat)
	var connections atomic.Int32
	tokens.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	tokens.Start()
	t.Cleanup(tokens.Close)
	variables["WECHAT_TOKEN_BASE"] = tokens.URL
	function := startPrepared(t, variables, 5*time.Second, func() bool {
		return wechat.Requests(stableTokenPath) == 1 && api.connections.Load() == 1
	})
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, function, hosted.JSON(t, hosted.Sample(t)), nil))
	assert.EqualValues(t, 1, api.connections.Load())
	assert.EqualValues(t, 1, connections.Load())
}

// Of several apps it is not known which the first call is about: no token is fetched.
func TestSeveralAppsAreConnectedBeforeTheFirstInvocation(t *testing.T) {
	wechat, server, variables := beforeTLS(t, sandbox.Options{})
	delete(variables, "WECHAT_APPID")
	delete(variables, "WECHAT_APPSECRET")
	variables["WECHAT_APPS"] = string(hosted.JSON(t, map[string]any{"apps": map[string]any{
		sandbox.DefaultAppID: map[string]string{"secret": sandbox.DefaultAppSecret},
		"wx0000000000000002": map[string]string{"secret": "the-secret-of-another-app"},
	}}))
	function := startPrepared(t, variables, 5*time.Second, func() bool { return server.connections.Load() == 1 })
	assert.Zero(t, wechat.Requests(stableTokenPath))
	sample := hosted.Sample(t)
	event := hosted.JSON(t, map[string]string{"appid": sandbox.DefaultAppID, "openid": sample.OpenID, "jsonString": sample.JSONString, "jsonSignature": sample.JSONSignature})
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, function, event, nil))
	assert.EqualValues(t, 1, server.connections.Load())
}

// The store is asked through the client, and over the connection, that the first call
// will use.
func TestStoreIsConnectedBeforeTheFirstInvocation(t *testing.T) {
	var requests atomic.Int32
	table := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, "{}")
	}))
	wechat, server, variables := beforeTLS(t, sandbox.Options{})
	both := filepath.Join(t.TempDir(), "both.pem")
	var bundle []byte
	for _, file := range []string{server.authority, table.authority} {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		bundle = append(bundle, content...)
	}
	require.NoError(t, os.WriteFile(both, bundle, 0o600))
	maps.Copy(variables, map[string]string{"DYNAMODB_TABLE": "sotercall", "AWS_ENDPOINT_URL_DYNAMODB": table.URL, "SSL_CERT_FILE": both})
	event := hosted.JSON(t, hosted.Sample(t))

	t.Run("tokens are shared", func(t *testing.T) {
		function := startPrepared(t, variables, 5*time.Second, func() bool { return wechat.Requests(stableTokenPath) == 1 })
		assert.Positive(t, requests.Load())
		assert.EqualValues(t, 1, table.connections.Load())
		assert.Equal(t, hosted.Verified, hosted.Invoke(t, function, event, nil))
		assert.EqualValues(t, 1, table.connections.Load())
		assert.EqualValues(t, 1, server.connections.Load())
		assert.Equal(t, 1, wechat.Requests(stableTokenPath))
	})
	t.Run("only counters are", func(t *testing.T) {
		requests.Store(0)
		table.connections.Store(0)
		with := hosted.With(variables, map[string]string{"WECHAT_TOKEN_BASE": serveTLS(t, wechat).URL})
		function := startPrepared(t, with, 5*time.Second, func() bool { return requests.Load() == 1 })
		assert.EqualValues(t, 1, table.connections.Load())
		assert.Equal(t, hosted.Verified, hosted.Invoke(t, function, event, nil))
		assert.EqualValues(t, 1, table.connections.Load())
		assert.Greater(t, requests.Load(), int32(1), "the counter")
	})
}

// A WeChat that is slow while the function starts costs a second there, and the first
// call joins what is under way.
func TestSlowWeChatDelaysTheStartByTheBound(t *testing.T) {
	wechat, _, variables := beforeTLS(t, sandbox.Options{})
	const delay = 8 * time.Second
	require.NoError(t, wechat.Inject(sandbox.Fault{Path: stableTokenPath, Kind: sandbox.FaultDelay, DelayMS: int(delay / time.Millisecond), Times: 1}))
	began := time.Now()
	function := hosted.Lambda(t, "verify", variables, 20*time.Second, new(hosted.Log))
	took := time.Since(began)
	assert.GreaterOrEqual(t, took, time.Second)
	assert.Less(t, took, delay, "it does not wait for the answer")
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, function, hosted.JSON(t, hosted.Sample(t)), nil))
}

// What fails while the function starts is not remembered: the first call asks itself.
func TestWhatFailsBeforeTheFirstInvocationIsForgotten(t *testing.T) {
	event := hosted.JSON(t, hosted.Sample(t))
	for name, fault := range map[string]sandbox.Fault{
		"refuses":     {Path: stableTokenPath, Kind: sandbox.FaultErrCode, ErrCode: 40164},
		"quota":       {Path: stableTokenPath, Kind: sandbox.FaultErrCode, ErrCode: 45009},
		"breaks off":  {Kind: sandbox.FaultReset},
		"bad gateway": {Kind: sandbox.FaultStatus, Status: http.StatusBadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wechat, _, variables := beforeTLS(t, sandbox.Options{})
			require.NoError(t, wechat.Inject(fault))
			function := startPrepared(t, variables, 10*time.Second, func() bool { return wechat.Requests("") > 0 })
			wechat.ClearFaults()
			assert.Equal(t, hosted.Verified, hosted.Invoke(t, function, event, nil))
		})
	}
	t.Run("a call remembers it", func(t *testing.T) { // the twin
		t.Parallel()
		wechat, _, variables := beforeTLS(t, sandbox.Options{})
		require.NoError(t, wechat.Inject(sandbox.Fault{Path: stableTokenPath, Kind: sandbox.FaultErrCode, ErrCode: 40164}))
		function := hosted.Lambda(t, "verify", variables, 10*time.Second, new(hosted.Log))
		require.Contains(t, hosted.Invoke(t, function, event, nil), "40164")
		wechat.ClearFaults()
		assert.Contains(t, hosted.Invoke(t, function, event, nil), "40164")
	})
}

// Nothing listens while the function starts, and then something does.
func TestDeadWeChatDelaysTheStartByTheBound(t *testing.T) {
	wechat, err := sandbox.New(sandbox.Options{})
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(wechat)
	t.Cleanup(server.Close)
	began := time.Now()
	// The listener takes connections, as the kernel does, and nobody serves them yet.
	function := hosted.Lambda(t, "verify", map[string]string{
		"WECHAT_APPID": sandbox.DefaultAppID, "WECHAT_APPSECRET": sandbox.DefaultAppSecret, "WECHAT_API_BASE": "http://" + server.Listener.Addr().String(),
	}, 20*time.Second, new(hosted.Log))
	assert.Less(t, time.Since(began), 4*time.Second, "a second, and the time of a busy computer")
	server.Start()
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, function, hosted.JSON(t, hosted.Sample(t)), nil))
}

// In Cloud Hosting the open API service is not there yet.
func TestNothingIsAskedAtTheStartWithoutTokens(t *testing.T) {
	wechat, err := sandbox.New(sandbox.Options{})
	require.NoError(t, err)
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(wechat)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	function := hosted.Lambda(t, "verify", map[string]string{"ACCESS_TOKEN_MODE": "none", "WECHAT_API_BASE": server.URL}, 5*time.Second, new(hosted.Log))
	assert.Zero(t, connections.Load())
	hosted.Invoke(t, function, hosted.JSON(t, hosted.Sample(t)), nil)
	assert.EqualValues(t, 1, connections.Load(), "the twin: a call asks")
}
