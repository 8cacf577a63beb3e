package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/hostedtest"
	"sotercall/internal/sandbox"
)

// A page calls pay, and pay calls verify. CloudBase gives such an invocation no ticket
// for Cloud Calls (docs.cloudbase.net/error-code/INVALID_PARAM), so verify has to ask
// WeChat by HTTPS.
func TestTheRouteFromAPageToVerify(t *testing.T) {
	wechat := hostedtest.NewSandbox(t, sandbox.Options{})
	byCloudCall := hostedtest.SCF(t, "verify", map[string]string{"SOTER_VERIFIER": "cloudcall"}, 5*time.Second, new(hostedtest.Log))
	byHTTPS := hostedtest.SCF(t, "verify", wechat.Variables(), 5*time.Second, new(hostedtest.Log))
	genuine := hostedtest.Sample(t)
	from := func(source string) map[string]string {
		return map[string]string{
			"TCB_CONTEXT_CNFG": `{"URL":"` + wechat.URL + `/admin"}`, "TENCENTCLOUD_SECRETID": "any", "TENCENTCLOUD_SECRETKEY": "any",
			"TCB_SOURCE": source, "WX_OPENID": genuine.OpenID, "WX_APPID": sandbox.DefaultAppID,
		}
	}
	event := hostedtest.JSON(t, genuine)

	refused := hostedtest.Invoke(t, byCloudCall, event, from("wx_client,scf"))
	assert.Contains(t, refused, `"isOk":false`)
	assert.Contains(t, refused, `"errCode":-501007`)
	assert.Contains(t, refused, "missing wxCloudApiToken")
	assert.Zero(t, wechat.Requests("/admin"), "nothing was asked")

	assert.Equal(t, hostedtest.Verified, hostedtest.Invoke(t, byCloudCall, event, from("wx_client")), "a page calls verify itself")
	assert.Equal(t, hostedtest.Verified, hostedtest.Invoke(t, byHTTPS, event, from("wx_client,scf")), "the documented route")
}
