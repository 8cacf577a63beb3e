package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// A page calls pay, and pay calls verify. CloudBase gives such an invocation no ticket
// for Cloud Calls (docs.cloudbase.net/error-code/INVALID_PARAM), so verify has to ask
// WeChat by HTTPS.
func TestTheRouteFromAPageToVerify(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	byCloudCall := hosted.SCF(t, "verify", map[string]string{"SOTER_VERIFIER": "cloudcall"}, 5*time.Second, new(hosted.Log))
	byHTTPS := hosted.SCF(t, "verify", wechat.Variables(), 5*time.Second, new(hosted.Log))
	genuine := hosted.Sample(t)
	from := func(source string) map[string]string {
		return map[string]string{
			"TCB_CONTEXT_CNFG": `{"URL":"` + wechat.URL + `/admin"}`, "TENCENTCLOUD_SECRETID": "any", "TENCENTCLOUD_SECRETKEY": "any",
			"TCB_SOURCE": source, "WX_OPENID": genuine.OpenID, "WX_APPID": sandbox.DefaultAppID,
		}
	}
	event := hosted.JSON(t, genuine)

	refused := hosted.Invoke(t, byCloudCall, event, from("wx_client,scf"))
	assert.Contains(t, refused, `"isOk":false`)
	assert.Contains(t, refused, `"errCode":-501007`)
	assert.Contains(t, refused, "missing wxCloudApiToken")
	assert.Zero(t, wechat.Requests("/admin"), "nothing was asked")

	assert.Equal(t, hosted.Verified, hosted.Invoke(t, byCloudCall, event, from("wx_client")), "a page calls verify itself")
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, byHTTPS, event, from("wx_client,scf")), "the documented route")
}

// WeChat's invokeCloudFunction gives a function five seconds, whatever its own limit
// (developers.weixin.qq.com/doc/oplatform/openApi/cloudbase-common/scf-management/api_invokecloudfunction).
func TestInvokeCloudFunctionIsAnsweredInTime(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	runtime := hosted.SCF(t, "verify", wechat.Variables(), 20*time.Second, new(hosted.Log))
	backend := map[string]string{"TCB_SOURCE": "wx_http", "WX_APPID": sandbox.DefaultAppID}
	event := hosted.JSON(t, hosted.Sample(t))
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, runtime, event, backend), "the twin")

	require.NoError(t, wechat.Inject(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultDelay, DelayMS: 60_000}))
	defer wechat.ClearFaults()
	assert.Contains(t, hosted.Invoke(t, runtime, event, backend), `"errCode":-604102`)
}
