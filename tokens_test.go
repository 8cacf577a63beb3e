package sotercall_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall"
	"sotercall/internal/dev/sandbox"
	"sotercall/sotercalltest"
)

// Another service of the same package gives out the tokens, to its client.
func TestTokenServer(t *testing.T) {
	wechat := sotercalltest.NewServer()
	t.Cleanup(wechat.Close)
	const client = "client-no-secret-of-the-tests-0"
	setVariables(t, wechat, map[string]string{"TOKEN_CLIENT_SECRETS": client})
	central, err := sotercall.FromEnv(func(e *sotercall.Env) { e.Logger = wechat.Config().Logger })
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, central.Close()) })
	server := httptest.NewServer(central.Handler())
	t.Cleanup(server.Close)

	config := wechat.Config()
	config.TokenServer = server.URL
	for secret, ok := range map[string]bool{client: true, config.Apps[0].AppSecret: false} {
		config.Apps[0].AppSecret = secret
		service, err := sotercall.Open(config)
		require.NoError(t, err)
		got, err := service.Verify(t.Context(), wechat.Phone(alice).Sign(issue(t, service, sotercall.ChallengeRequest{OpenID: alice})))
		if ok {
			require.NoError(t, err)
		} else {
			requireError(t, 40125, got, err)
		}
		require.NoError(t, service.Close())
	}
}

// The service in a container of Cloud Hosting sends no token: what stands beside it adds one.
func TestOpenAPIService(t *testing.T) {
	wechat, err := sandbox.New(sandbox.Options{})
	require.NoError(t, err)
	app, err := wechat.App("")
	require.NoError(t, err)
	beside := app.OpenAPIService("/cgi-bin/soter/verify_signature")
	beside.ContainerStarted()
	server := httptest.NewServer(beside)
	t.Cleanup(server.Close)
	config := sotercall.Config{
		OpenAPIService: true, APIBases: []string{server.URL}, ChallengeSecrets: []string{strings.Repeat("s", 32)},
		Logger: slog.New(slog.DiscardHandler),
	}
	service, err := sotercall.Open(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, service.Close()) })
	phone, err := app.Phone(alice, sandbox.Android)
	require.NoError(t, err)
	signed, err := phone.Sign(issue(t, service, sotercall.ChallengeRequest{OpenID: alice}))
	require.NoError(t, err)
	got, err := service.Verify(t.Context(), sotercall.Request{OpenID: alice, JSONString: signed.JSONString, JSONSignature: signed.JSONSignature})
	require.NoError(t, err)
	assert.Empty(t, got.AppID)
	assert.Zero(t, wechat.Requests("/cgi-bin/stable_token"))
}
