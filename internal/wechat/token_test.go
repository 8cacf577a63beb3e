package wechat_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
	"sotercall/internal/sandbox"
	"sotercall/internal/secret"
	"sotercall/internal/wechat"
)

func TestStaleTokenIsReplacedOnce(t *testing.T) {
	for _, code := range []int{40001, 40014, 42001} {
		b := newBench(t, sandbox.Options{})
		warm(t, b)
		require.NoError(t, b.Inject(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultErrCode, ErrCode: code, Times: 1}))
		verdict, err := b.verifier.Verify(t.Context(), sample(t))
		require.NoError(t, err, code)
		assert.True(t, verdict.IsGenuine())
		assert.Equal(t, 1+2, b.Requests(verifyPath))
		assert.Equal(t, 3, b.Requests(tokenPath), "the first, the same again, the forced one")
	}

	b := newBench(t, sandbox.Options{})
	warm(t, b)
	require.NoError(t, b.Inject(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultErrCode, ErrCode: 40001}))
	_, err := b.verifier.Verify(t.Context(), sample(t))
	var e *openapi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 40001, e.Code)
	assert.Equal(t, 1+1+6, b.Requests(verifyPath), "the new token could be one that not all front ends know")
}

func TestRevokedAndRotatedTokens(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	for _, end := range []func(){b.RevokeTokens, b.RotateTokens} {
		warm(t, b)
		end()
		verdict, err := b.verifier.Verify(t.Context(), sample(t))
		require.NoError(t, err)
		assert.True(t, verdict.IsGenuine())
	}
}

func TestTokenRefused(t *testing.T) {
	for _, code := range []int{40013, 40125, 40164, 45009, 89503} {
		b := newBench(t, sandbox.Options{})
		require.NoError(t, b.Inject(sandbox.Fault{Path: tokenPath, Kind: sandbox.FaultErrCode, ErrCode: code}))
		for range 3 {
			_, err := b.verifier.Verify(t.Context(), sample(t))
			var e *openapi.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, code, e.Code)
			assertNoSecret(t, b, err)
		}
		assert.Equal(t, 1, b.Requests(tokenPath), "remembered")
		assert.Equal(t, 0, b.Requests(verifyPath))
	}
}

func TestClassicTokens(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	base, err := url.Parse(b.server.URL)
	require.NoError(t, err)
	credentials := wechat.Credentials{AppID: sandbox.DefaultAppID, AppSecret: secret.New(sandbox.DefaultAppSecret)}
	hosts := b.client.Hosts(base)
	endpoint := b.client.ClassicToken(hosts, credentials)
	first, err := endpoint.Fetch(t.Context(), secret.Text{}, false)
	require.NoError(t, err)
	second, err := endpoint.Fetch(t.Context(), secret.Text{}, false)
	require.NoError(t, err)
	assert.False(t, first.Value.Equal(second.Value))
	assert.InDelta(t, 2*time.Hour, second.ExpiresIn, float64(2*time.Second))

	credentials.AppSecret = secret.New("wrong-secret-wrong-secret-wrong-")
	_, err = b.client.ClassicToken(hosts, credentials).Fetch(t.Context(), secret.Text{}, false)
	var refusal *accesstoken.Refusal
	require.ErrorAs(t, err, &refusal)
	assert.NotContains(t, err.Error(), "wrong-secret")
	b.server.Close()
	_, err = b.client.ClassicToken(hosts, credentials).Fetch(t.Context(), secret.Text{}, false)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "wrong-secret", "the secret travels in the query")
}

func TestHostileTokensTravelWhole(t *testing.T) {
	b := newBench(t, sandbox.Options{HostileTokens: true})
	verdict, err := b.verifier.Verify(t.Context(), sample(t))
	require.NoError(t, err)
	assert.True(t, verdict.IsGenuine())
}

func TestCloudBaseTokenTravelsUnderItsName(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	base, err := url.Parse(b.server.URL)
	require.NoError(t, err)
	verifier := b.client.Verifier(b.client.Hosts(base), platformToken{secret.New(b.CloudbaseAccessToken())})
	verdict, err := verifier.Verify(t.Context(), sample(t))
	require.NoError(t, err)
	assert.True(t, verdict.IsGenuine())
	last, _ := b.LastRequest(verifyPath)
	assert.True(t, strings.HasPrefix(last.RawQuery, "cloudbase_access_token="))
}

type platformToken struct{ value secret.Text }

func (p platformToken) Token(context.Context) (accesstoken.Token, error) {
	return accesstoken.Token{Value: p.value, CloudBase: true}, nil
}
func (p platformToken) Refresh(ctx context.Context, _ secret.Text) (accesstoken.Token, error) {
	return p.Token(ctx)
}
func (p platformToken) Renew(ctx context.Context, _ secret.Text) (accesstoken.Token, error) {
	return p.Token(ctx)
}
