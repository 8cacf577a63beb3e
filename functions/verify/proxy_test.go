package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// weChatBehindAProxy is a name that only the proxy of a test can find.
const weChatBehindAProxy = "wechat.sotercall.test"

// connectProxy answers CONNECT with a status, and with 200 leads to a server.
func connectProxy(t *testing.T, status int, server string) (address string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		assert.Equal(t, http.MethodConnect, r.Method)
		assert.Equal(t, weChatBehindAProxy+":443", r.Host)
		if status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		upstream, err := net.Dial("tcp", server)
		if !assert.NoError(t, err) {
			return
		}
		client, buffered, err := http.NewResponseController(w).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() {
			defer upstream.Close()
			_, _ = io.Copy(upstream, buffered)
		}()
		defer client.Close()
		_, _ = io.Copy(client, upstream)
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL, asked
}

// A function behind a proxy reaches WeChat through it, and says when it is the proxy that
// refuses.
func TestProxyForHTTPS(t *testing.T) {
	s := hosted.NewSandbox(t, sandbox.Options{})
	at, err := url.Parse(s.URL)
	require.NoError(t, err)
	event := hosted.JSON(t, hosted.Sample(t))
	for status, says := range map[int]string{
		200: hosted.Verified,
		403: "the proxy of HTTPS_PROXY answers CONNECT with 403",
		407: "the proxy of HTTPS_PROXY answers CONNECT with 407",
		503: "the proxy of HTTPS_PROXY answers CONNECT with 503",
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			proxy, asked := connectProxy(t, status, at.Host)
			variables := hosted.With(s.Variables(), map[string]string{
				"WECHAT_API_BASE": "https://" + weChatBehindAProxy, "HTTPS_PROXY": proxy, "HTTP_PROXY": "http://127.0.0.1:1"})
			for platform, runtime := range hosted.Both(t, "verify", variables, 10*time.Second, new(hosted.Log)) {
				answer := hosted.Invoke(t, runtime, event, nil)
				assert.Contains(t, answer, says, platform)
				if status != 200 {
					assert.Contains(t, answer, `"errCode":-604103`, platform)
				}
			}
			assert.Positive(t, asked.Load())
		})
	}
}

// net/http would ignore a proxy that it cannot read, and connect without it.
func TestProxyThatCannotBeReadIsRefused(t *testing.T) {
	s := hosted.NewSandbox(t, sandbox.Options{})
	variables := hosted.With(s.Variables(), map[string]string{"HTTPS_PROXY": "http://user:hush-hush@proxy:port"})
	log := new(hosted.Log)
	for platform, runtime := range hosted.Both(t, "verify", variables, 10*time.Second, log) {
		answer := hosted.Invoke(t, runtime, hosted.JSON(t, hosted.Sample(t)), nil)
		assert.Contains(t, answer, "HTTPS_PROXY must be the address of a proxy", platform)
		assert.NotContains(t, answer, "hush", platform)
	}
	assert.NotContains(t, log.String(), "hush")
	assert.Zero(t, s.Requests(""), "nothing goes out without the proxy")
}

// A certificate that cannot be verified names its three causes.
func TestCertificateOfAnUnknownAuthority(t *testing.T) {
	s := hosted.NewSandbox(t, sandbox.Options{})
	variables := hosted.With(s.Variables(), map[string]string{"SSL_CERT_FILE": "/etc/hostname"})
	for platform, runtime := range hosted.Both(t, "verify", variables, 10*time.Second, new(hosted.Log)) {
		answer := hosted.Invoke(t, runtime, hosted.JSON(t, hosted.Sample(t)), nil)
		for _, cause := range []string{"no CA roots for it (SSL_CERT_FILE)", "intermediate certificate", "a proxy inspects TLS"} {
			assert.Contains(t, answer, cause, platform)
		}
		assert.Contains(t, answer, `"errCode":-604103`, platform)
	}
}
