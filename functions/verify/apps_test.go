package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// Two Mini Programs in one deployment, as each platform hosts the function: the
// document comes with the other variables, on SCF with the first invocation.
func TestTwoAppsInOneFunction(t *testing.T) {
	const shop, game = "wx0123456789abcdef", "wxfedcba9876543210"
	const shopSecret, gameSecret = "the-AppSecret-of-the-shop-00001", "the-AppSecret-of-the-game-00001"
	s := hosted.NewSandbox(t, sandbox.Options{Apps: []sandbox.Credentials{{AppID: shop, AppSecret: shopSecret}, {AppID: game, AppSecret: gameSecret}}})
	log := new(hosted.Log)
	on := hosted.Both(t, "verify", map[string]string{
		"WECHAT_APPS":        fmt.Sprintf(`{"apps":{%q:{"secret":%q},%q:{"secret":%q,"mode":"classic"}}}`, shop, shopSecret, game, gameSecret),
		"WECHAT_API_BASE":    s.URL,
		"HTTP_BEARER_TOKENS": bearerToken,
	}, 10*time.Second, log)

	questions := map[string]sandbox.Signed{}
	for _, appID := range []string{shop, game} {
		app, err := s.App(appID)
		require.NoError(t, err)
		phone, err := app.Phone("oUser-of-"+appID, sandbox.Huawei)
		require.NoError(t, err)
		questions[appID], err = phone.Sign("challenge")
		require.NoError(t, err)
	}
	question := func(of, named string) []byte {
		signed := questions[of]
		members := map[string]string{"openid": signed.OpenID, "jsonString": signed.JSONString, "jsonSignature": signed.JSONSignature}
		if named != "" {
			members["appid"] = named
		}
		return hosted.JSON(t, members)
	}
	for platform, runtime := range on {
		if platform == "http" { // its direct invocation is a request, with a secret
			continue
		}
		assert.Equal(t, hosted.Verified, hosted.Invoke(t, runtime, question(shop, shop), nil), platform)
		assert.Equal(t, hosted.Verified, hosted.Invoke(t, runtime, question(game, game), nil), platform)
		assert.Contains(t, hosted.Invoke(t, runtime, question(shop, game), nil), `"errCode":40003`, platform)
		assert.Contains(t, hosted.Invoke(t, runtime, question(shop, ""), nil), "-501007", platform)
	}
	page := func(appID string) map[string]string {
		return map[string]string{"WX_OPENID": questions[shop].OpenID, "WX_APPID": appID, "TCB_SOURCE": "wx_client"}
	}
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, on["scf"], question(shop, ""), page(shop)))
	assert.Contains(t, hosted.Invoke(t, on["scf"], question(shop, game), page(shop)), `"errCode":-604104`)
	assert.Contains(t, hosted.Invoke(t, on["scf"], question(shop, ""), page("wxother")), `"errCode":-604104`)

	written := log.String()
	assert.Contains(t, written, `"appid":"`+shop+`"`)
	for _, hidden := range []string{shopSecret, gameSecret} {
		assert.Zero(t, strings.Count(written, hidden[:20]))
	}
}
