package main

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// verify asks a token function, and both ask WeChat, each behind a server of its own: one
// that offers HTTP/2, as function URLs and gateways do, or one that does not.
func TestServersWithHTTP2AndWithout(t *testing.T) {
	const client = "a-client-secret-of-this-test-0001"
	event := hosted.JSON(t, hosted.Sample(t))
	for name, protocols := range map[string][]string{"HTTP/2 offered": {"h2", "http/1.1"}, "HTTP/1.1 only": {"http/1.1"}} {
		t.Run(name, func(t *testing.T) {
			s := hosted.NewSandbox(t, sandbox.Options{})
			var spoken atomic.Value
			weChat := hosted.ServeTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				spoken.Store(r.Proto)
				s.ServeHTTP(w, r)
			}), protocols...)
			asksWeChat := hosted.With(s.Variables(), map[string]string{"WECHAT_API_BASE": weChat})
			tokens := hosted.Both(t, "token", hosted.With(asksWeChat, map[string]string{"TOKEN_CLIENT_SECRETS": client}), 20*time.Second, new(hosted.Log))
			for platform, token := range tokens {
				handler := hosted.URL(token)
				if port, ok := token.(*emulator.HTTPServer); ok {
					at, err := url.Parse(port.URL)
					require.NoError(t, err)
					handler = httputil.NewSingleHostReverseProxy(at)
				}
				function := hosted.ServeTLS(t, handler, protocols...)
				verifies := hosted.Both(t, "verify", hosted.With(asksWeChat, map[string]string{
					"WECHAT_APPSECRET": client, "WECHAT_TOKEN_BASE": function}), 20*time.Second, new(hosted.Log))
				for from, verify := range verifies {
					assert.Equal(t, hosted.Verified, hosted.Invoke(t, verify, event, nil), "verify on %s, token on %s", from, platform)
				}
			}
			assert.Equal(t, "HTTP/1.1", fmt.Sprint(spoken.Load()))
		})
	}
}
