package sandbox

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	shopID, shopSecret = "wx00000000000000aa", "shop-secret"
	newsID, newsSecret = "wx00000000000000bb", "news-secret"
)

func severalApps() Options {
	return Options{Apps: []Credentials{{shopID, shopSecret}, {newsID, newsSecret}}}
}

// tokenFor fetches a stable token for an app; the default app has AppID "".
func (c *client) tokenFor(appID, secret string) string {
	c.t.Helper()
	if appID == "" {
		return c.stable(false).AccessToken
	}
	a := c.call("POST", stablePath, jsonOf(c.t, params("appid", appID, "secret", secret)))
	require.NotEmpty(c.t, a.AccessToken, a.ErrMsg)
	return a.AccessToken
}

func (c *client) signFor(appID, openid string) Signed {
	c.t.Helper()
	app, err := c.s.App(appID)
	require.NoError(c.t, err)
	phone, err := app.Phone(openid, IOS)
	require.NoError(c.t, err)
	signed, err := phone.Sign("challenge")
	require.NoError(c.t, err)
	return signed
}

// TestAUserBelongsToOneApp: 40003 for another app's user (WeChat's global error
// codes: "或是否是其他公众号的 OpenID").
func TestAUserBelongsToOneApp(t *testing.T) {
	c := newClient(t, severalApps())
	tokens := map[string]string{
		DefaultAppID: c.tokenFor("", ""), shopID: c.tokenFor(shopID, shopSecret), newsID: c.tokenFor(newsID, newsSecret),
	}
	users := map[string]Signed{
		DefaultAppID: c.signFor("", "oDefault"), shopID: c.signFor(shopID, "oShop"), newsID: c.signFor(newsID, "oNews"),
	}
	for app, token := range tokens {
		for owner, signed := range users {
			a := c.verify(token, signed)
			if app == owner {
				require.NotNil(t, a.IsOK)
				assert.True(t, *a.IsOK, app)
				continue
			}
			assert.Equal(t, 40003, a.code(), "%s asks about a user of %s", app, owner)
			assert.Regexp(t, "^invalid openid"+ridForm, a.ErrMsg)
		}
	}
	assert.Equal(t, 40003, c.verify(tokens[shopID], demoSigned(t)).code())
	assert.Zero(t, c.verify(tokens[DefaultAppID], demoSigned(t)).code())

	_, err := c.s.Phone("oShop", Android)
	require.ErrorIs(t, err, ErrArgument)
	assert.ErrorContains(t, err, `"oShop" is a user of another app`)
}

func TestEachAppHasTokensOfItsOwn(t *testing.T) {
	c := newClient(t, severalApps())
	assert.Equal(t, 40125, c.call("POST", stablePath, jsonOf(t, params("appid", shopID))).code(), "the secret of another")
	classic := url.Values{"grant_type": {"client_credential"}, "appid": {newsID}, "secret": {newsSecret}}
	first := c.call("GET", tokenPath+"?"+classic.Encode(), "").AccessToken

	shop, news := c.tokenFor(shopID, shopSecret), c.tokenFor(newsID, newsSecret)
	assert.Equal(t, shop, c.tokenFor(shopID, shopSecret))
	assert.NotEqual(t, shop, news)

	app, err := c.s.App(shopID)
	require.NoError(t, err)
	assert.Equal(t, shopID, app.AppID())
	app.RevokeTokens()
	assert.Equal(t, 40001, c.codeOf(shop))
	assert.Equal(t, 40003, c.codeOf(news), "in force: it is the user who is another app's")
	assert.Equal(t, 40003, c.codeOf(first))
	assert.Equal(t, shop, c.tokenFor(shopID, shopSecret), "the same-token trap")
	app.RotateTokens()
	assert.NotEqual(t, shop, c.tokenFor(shopID, shopSecret))
	c.s.RevokeTokens()
	assert.Equal(t, 40001, c.codeOf(news))

	assert.Equal(t, 40003, c.call("POST", verifyPath+"?cloudbase_access_token="+app.CloudbaseAccessToken(), jsonOf(t, bodyOf(demoSigned(t)))).code())
}

func TestFaultsOfOneApp(t *testing.T) {
	c := newClient(t, severalApps())
	shop, news := c.tokenFor(shopID, shopSecret), c.tokenFor(newsID, newsSecret)
	require.NoError(t, c.s.Inject(Fault{Kind: FaultErrCode, ErrCode: 50007, AppID: shopID}))

	assert.Equal(t, 50007, c.codeOf(shop))
	assert.Equal(t, 40003, c.codeOf(news))
	assert.Equal(t, 50007, c.call("POST", stablePath, jsonOf(t, params("appid", shopID, "secret", shopSecret))).code())
	assert.NotEmpty(t, c.tokenFor(newsID, newsSecret))
	classic := url.Values{"grant_type": {"client_credential"}, "appid": {shopID}, "secret": {shopSecret}}
	assert.Equal(t, 50007, c.call("GET", tokenPath+"?"+classic.Encode(), "").code())
	assert.NotEmpty(t, c.classic().AccessToken)
	assert.Equal(t, genuineReply, c.cloudCall(adminPath, cloudForm(t)), "the gateway serves the first app")

	app, err := c.s.App(shopID)
	require.NoError(t, err)
	assert.Equal(t, 1, app.Requests(verifyPath))
	assert.Equal(t, 2, app.Requests(stablePath), "struck ones count")
	assert.Equal(t, 4, app.Requests(""))
	assert.Equal(t, 2, c.s.Requests(verifyPath))
	assert.Equal(t, 1, c.s.app.Requests(adminPath))

	require.ErrorIs(t, c.s.Inject(Fault{Kind: FaultDrop, AppID: "wxother"}), ErrArgument)
	c.s.ClearFaults()
	require.NoError(t, c.s.Inject(Fault{Kind: FaultErrCode, ErrCode: 45009, AppID: DefaultAppID}))
	assert.Contains(t, string(c.cloudCall(adminPath, cloudForm(t)).Data), "45009")
}

func TestControlSignsForAnApp(t *testing.T) {
	c := newClient(t, severalApps())
	status, text := c.control("POST", signPath, `{"appid":"`+shopID+`","openid":"oShop","challenge":"c"}`)
	require.Equal(t, http.StatusOK, status, text)
	assert.Equal(t, 40003, c.verify(c.tokenFor(newsID, newsSecret), Signed{OpenID: "oShop"}).code())
	assert.Zero(t, c.verify(c.tokenFor(shopID, shopSecret), Signed{OpenID: "oShop"}).code())
	status, text = c.control("POST", signPath, `{"appid":"wxother","openid":"oOther","challenge":"c"}`)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, text, `knows no app \"wxother\"`)
}

// TestPhonesOfBeforeBelongToTheFirstApp: what older versions wrote names no app.
func TestPhonesOfBeforeBelongToTheFirstApp(t *testing.T) {
	dir := t.TempDir()
	o := severalApps()
	o.Dir = dir
	signed := newClient(t, o).signFor("", alice)
	files, err := filepath.Glob(filepath.Join(dir, "*", "ios.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	older := strings.Replace(string(text), `  "appid": "`+DefaultAppID+`",`+"\n", "", 1)
	require.NotEqual(t, string(text), older)
	require.NoError(t, os.WriteFile(files[0], []byte(older), 0o600))

	c := newClient(t, o)
	assert.True(t, *c.verify(c.tokenFor("", ""), signed).IsOK)
	assert.Equal(t, 40003, c.verify(c.tokenFor(shopID, shopSecret), signed).code())
}

func TestNewRefusesApps(t *testing.T) {
	for _, apps := range [][]Credentials{{{"", "s"}}, {{"wx", ""}}, {{"wx", "s"}, {"wx", "t"}}, {{DefaultAppID, "s"}}} {
		_, err := New(Options{Apps: apps})
		require.ErrorIs(t, err, ErrArgument)
	}
	s := newSandbox(t, severalApps())
	_, err := s.App("wxother")
	require.ErrorIs(t, err, ErrArgument)
	first, err := s.App("")
	require.NoError(t, err)
	assert.Equal(t, DefaultAppID, first.AppID())
}
