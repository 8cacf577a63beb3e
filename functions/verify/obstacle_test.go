package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secrets/secretsmanagertest"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/tlstest"
)

// What keeps a request from the token function, or from Secrets Manager, is named as it is
// for WeChat: the certificate, the proxy, HTTP/2 only.
func TestWhatKeepsARequestFromItsServerIsNamed(t *testing.T) {
	s := hosted.NewSandbox(t, sandbox.Options{})
	refused := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	inspected := tlstest.New().Serve(refused, tlstest.Common...)
	defer inspected.Close()
	proxy, _ := connectProxy(t, http.StatusForbidden, "")
	event := hosted.JSON(t, hosted.Sample(t))
	for _, c := range []struct{ at, proxy, sentence string }{
		{inspected.URL, "", "the certificate of the server is not trusted: this machine has no CA roots for it (SSL_CERT_FILE), " +
			"the server does not send its intermediate certificate, or a proxy inspects TLS"},
		{tlstest.ServeHTTP2Only(t, true), "", "the server speaks HTTP/2 only, and this function HTTP/1.1"},
		{"https://" + weChatBehindAProxy, proxy, "the proxy of HTTPS_PROXY answers CONNECT with 403"},
	} {
		asks := func(variable, name string, more map[string]string) {
			variables := hosted.With(s.Variables(), more)
			variables[variable], variables["HTTPS_PROXY"] = c.at, c.proxy
			answer := hosted.Invoke(t, hosted.Lambda(t, "verify", variables, 10*time.Second, new(hosted.Log)), event, nil)
			assert.Contains(t, answer, name+" failed: "+c.sentence)
		}
		asks("WECHAT_TOKEN_BASE", "the request to the token function (WECHAT_TOKEN_BASE)", nil)
		fromAWS := map[string]string{"WECHAT_APPSECRET_ARN": secretsmanagertest.ARN("app"), "WECHAT_APPSECRET": ""}
		asks("AWS_ENDPOINT_URL_SECRETS_MANAGER", "WECHAT_APPSECRET_ARN: the request to Secrets Manager", fromAWS)
	}
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, hosted.Lambda(t, "verify", s.Variables(), 10*time.Second, new(hosted.Log)), event, nil), "the twin")
}
