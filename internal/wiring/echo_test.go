package wiring

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/function"
	"sotercall/internal/secrets"
	"sotercall/internal/secrets/secretsmanagertest"
	"sotercall/internal/test/hosted"
)

// TestNoAppLearnsTheSecretsOfAnother: WeChat answers a request about the first of 100
// apps with what it has learnt about the second, long before.
func TestNoAppLearnsTheSecretsOfAnother(t *testing.T) {
	var first, second = appID(0), appID(1)
	const token, openID, signature = "80_Vb3Nm9Lk5Jh1Gf8Dd4Sa0", "o6_bmjrPTlm6_2sgVt7hMZOPfL2M", "pX7+a/Zk0mQ9/w+Lr3Tt5Yy8Uu2Ii6Oo4Pp1Aa+Ss/Dd7Ff9Gg3Hh5Jj8Kk0Ll2Qq=="
	hidden := []string{"9f3ac17be0d2468ab55c01e7d94f6a20", token, openID, signature}
	var asked atomic.Int64
	weChat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case strings.Contains(string(body), first):
			_, _ = fmt.Fprintf(w, `{"errcode":40125,"errmsg":"invalid appsecret %s"}`, strings.Join(hidden, " "))
		case strings.Contains(string(body), second):
			_, _ = fmt.Fprintf(w, `{"access_token":%q,"expires_in":7200}`, token)
		default:
			_, _ = fmt.Fprintf(w, `{"access_token":"%d-is-the-token-of-another-app","expires_in":7200}`, asked.Add(1))
		}
	}))
	defer weChat.Close()
	document := documentOf(t, 100, func(id string, app map[string]string) {
		if id == second {
			app["secret"] = hidden[0]
		}
	})
	m := &many{logs: new(hosted.Log), environment: map[string]string{"WECHAT_APPS": document, "WECHAT_API_BASE": weChat.URL}}
	m.start(t, stores.Token)
	got, answer := m.token(second, clientSecret, "")
	require.Equal(t, token, got, answer)
	for i := 2; i < 100; i++ {
		got, answer := m.token(appID(i), clientSecret, "")
		require.NotEmpty(t, got, answer)
	}
	_, answer = m.token(first, firstSecret, "")
	assert.Equal(t, `{"errcode":40125,"errmsg":"invalid appsecret [redacted] [redacted] [redacted] [redacted]"}`, answer)
	written := m.logs.String()
	assert.Contains(t, written, "invalid appsecret [redacted]", "the twin: the echo came")
	for _, secret := range hidden {
		assert.Empty(t, hosted.Leak(written, secret))
	}
}

// TestStrangersLearnNothingOfTheAccount: while a secret cannot be read, everybody
// learns the variable and the kind of failure, and the log what AWS says.
func TestStrangersLearnNothingOfTheAccount(t *testing.T) {
	const said = "User: arn:aws:sts::123456789012:assumed-role/sotercall-token-production/i is not authorized to perform: secretsmanager:GetSecretValue"
	server := secretsmanagertest.Start(t)
	server.Refuse("AccessDeniedException", said)
	m := &many{logs: new(hosted.Log)}
	variables := hosted.With(hosted.With(server.Variables(), secretsmanagertest.Credentials()), map[string]string{
		"WECHAT_APPID": "wx5a4db0c55a4db0c5", "WECHAT_APPSECRET_ARN": secretsmanagertest.ARN("app"), "HTTP_BEARER_TOKENS": clientSecret,
	})
	for name, value := range variables {
		t.Setenv(name, value)
	}
	for name, build := range map[string]function.Builder{"verify": stores.Verify, "token": stores.Token} {
		m.on = function.New(name, func(e map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, error) {
			return build(e, log, level)
		}, m.logs)
		m.on.SetVault(secrets.Open)
		outside := fmt.Sprint(m.on.Configured())
		for _, path := range []string{"/", "/cgi-bin/soter/verify_signature?access_token=x", "/cgi-bin/stable_token", "/healthz"} {
			outside += m.post(path, "{}", nil)
		}
		assert.Contains(t, outside, "WECHAT_APPSECRET_ARN: access denied", name)
		assert.NotContains(t, outside, "arn:aws", name)
		assert.NotContains(t, outside, "123456789012", name)
	}
	assert.Contains(t, m.logs.String(), said)
	for line := range strings.Lines(m.logs.String()) {
		if strings.Contains(line, `"msg":"invocation"`) && strings.Contains(line, "WECHAT_APPSECRET_ARN") {
			assert.Contains(t, line, said)
		}
	}
}
