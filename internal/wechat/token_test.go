package wechat_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/openapi"
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
	first, err := endpoint.Fetch(t.Context(), accesstoken.FetchRequest{})
	require.NoError(t, err)
	second, err := endpoint.Fetch(t.Context(), accesstoken.FetchRequest{})
	require.NoError(t, err)
	assert.False(t, first.Value.Equal(second.Value))
	assert.InDelta(t, 2*time.Hour, second.ExpiresIn, float64(2*time.Second))

	credentials.AppSecret = secret.New("wrong-secret-wrong-secret-wrong-")
	_, err = b.client.ClassicToken(hosts, credentials).Fetch(t.Context(), accesstoken.FetchRequest{})
	var refusal *accesstoken.Refusal
	require.ErrorAs(t, err, &refusal)
	assert.NotContains(t, err.Error(), "wrong-secret")
	b.server.Close()
	_, err = b.client.ClassicToken(hosts, credentials).Fetch(t.Context(), accesstoken.FetchRequest{})
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
	verifier := b.client.Verifier(b.client.Hosts(base), platformToken{accesstoken.NewNone(time.Now), secret.New(b.CloudbaseAccessToken())})
	verdict, err := verifier.Verify(t.Context(), sample(t))
	require.NoError(t, err)
	assert.True(t, verdict.IsGenuine())
	last, _ := b.LastRequest(verifyPath)
	assert.True(t, strings.HasPrefix(last.RawQuery, "cloudbase_access_token="))
}

type platformToken struct {
	accesstoken.None
	value secret.Text
}

func (p platformToken) Token(context.Context) (accesstoken.Token, error) {
	return accesstoken.Token{Value: p.value, CloudBase: true}, nil
}

func TestTokenFunctionIsToldApartFromWeChat(t *testing.T) {
	parse := func(address string) *url.URL {
		u, err := url.Parse(address)
		require.NoError(t, err)
		return u
	}
	for _, c := range []struct {
		base, api string
		want      bool
	}{
		{"https://abc.execute-api.eu-central-1.amazonaws.com", "https://api.weixin.qq.com", true},
		{"https://api2.weixin.qq.com", "https://api.weixin.qq.com", false},
		{"https://API.Weixin.QQ.com.", "https://api.weixin.qq.com", false},
		{"https://sh.api.weixin.qq.com/", "https://api.weixin.qq.com", false},
		{"https://weixin.qq.com", "https://api.weixin.qq.com", false},
		{"https://api.weixin.qq.com.example.com", "https://api.weixin.qq.com", true},
		{"https://notweixin.qq.com", "https://api.weixin.qq.com", true},
		{"http://127.0.0.1:9000/functions", "http://127.0.0.1:9000", true},
		{"http://127.0.0.1:9000/", "http://127.0.0.1:9000", false},
		{"https://egress.example.com:443", "https://EGRESS.example.com/", false},
		{"https://egress.example.com:8443", "https://egress.example.com", true},
	} {
		assert.Equal(t, c.want, wechat.IsTokenFunction([]*url.URL{parse(c.base)}, []*url.URL{parse("https://other.example.com"), parse(c.api)}), c.base)
	}
}

// The token that was refused is named to a token function, and to nobody else.
func TestRefusedTokenIsNamedToATokenFunctionOnly(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	base, err := url.Parse(b.server.URL)
	require.NoError(t, err)
	credentials := wechat.Credentials{AppID: sandbox.DefaultAppID, AppSecret: secret.New(sandbox.DefaultAppSecret)}
	stale := secret.New("refused-token")
	hosts := b.client.Hosts(base)
	said := func(path string) string {
		last, _ := b.LastRequest(path)
		return last.RawQuery + string(last.Body)
	}
	_, err = b.client.StableToken(hosts, credentials).Fetch(t.Context(), accesstoken.FetchRequest{Stale: stale, Force: true})
	require.NoError(t, err)
	assert.NotContains(t, said(tokenPath), "stale")
	_, err = b.client.ClassicToken(hosts, credentials).Fetch(t.Context(), accesstoken.FetchRequest{Stale: stale})
	require.NoError(t, err)
	assert.NotContains(t, said("/cgi-bin/token"), "refused-token")

	_, err = b.client.FunctionToken(hosts, credentials).Fetch(t.Context(), accesstoken.FetchRequest{Stale: stale})
	require.NoError(t, err)
	assert.Contains(t, said(tokenPath), `"stale_token":"refused-token"`, "the twin")
	_, err = b.client.FunctionToken(hosts, credentials).Fetch(t.Context(), accesstoken.FetchRequest{})
	require.NoError(t, err)
	assert.NotContains(t, said(tokenPath), "stale")
}

// A token server of somebody else's may have nothing but getAccessToken's path.
func TestTokenServerWithoutStableToken(t *testing.T) {
	var asked []string
	status := http.StatusNotFound
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		if r.URL.Path != "/cgi-bin/token" {
			w.WriteHeader(status)
			return
		}
		_, _ = w.Write([]byte(`{"access_token":"theirs","expires_in":7200}`))
	}))
	defer server.Close()
	base, err := url.Parse(server.URL)
	require.NoError(t, err)
	client := wechat.New(time.Now)
	endpoint := client.FunctionToken(client.Hosts(base), wechat.Credentials{AppID: "wx", AppSecret: secret.New("client")})
	grant, err := endpoint.Fetch(t.Context(), accesstoken.FetchRequest{Stale: secret.New("refused")})
	require.NoError(t, err)
	assert.True(t, grant.Value.Matches("theirs"))
	assert.Equal(t, []string{"POST /cgi-bin/stable_token", "GET /cgi-bin/token"}, asked)

	status = http.StatusForbidden
	_, err = endpoint.Fetch(t.Context(), accesstoken.FetchRequest{Stale: secret.New("refused")})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "refused-token")
	assert.Len(t, asked, 3, "any other failure is one")
}
