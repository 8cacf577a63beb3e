package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

const (
	echoedToken = "81_Tk9xQ2vYw7LmRz4BdPsHfJc6Ka0Ue3Oi5Gn8Xt1Vy-_Wq"
	otherBearer = "Zb5Km8Qp2Wx7Lt4Rn9Vd1Ys6Hf3Jc0Ga"
)

// What a function in CloudBase is given, for itself and for its caller.
var (
	cloudVariables = map[string]string{
		"TENCENTCLOUD_SECRETID": "AKIDz8Lr4Vn2Qx6Wt9Ks3Mp7Yb5Hd1Jf", "TENCENTCLOUD_SECRETKEY": "Rw5Nz9Lq3Xv7Kt1Bp6Hs8Jd4Gf2Mc0Y",
		"TENCENTCLOUD_SESSIONTOKEN": "Xc7Vb3Nm9Lk5Jh1Gf8Dd4Sa0Qw6Er2Ty-Sess10n", "TCB_ENV": "shop-1",
	}
	cloudCaller = map[string]string{
		"TCB_SOURCE": "wx_http", "WX_API_TOKEN": "Uu3Ii9Oo5Pp1Ll7Kk2Jj8Hh4Gg0Ff6Dd", "TCB_SESSIONTOKEN": "Mm4Nn8Bb2Vv6Cc0Xx9Zz5Aa1Ss7Dd3Ff",
	}
)

// TestAnEchoBringsNoSecretBack: whatever the upstream does with the request that
// it got, no part of it is in an answer or in the log.
func TestAnEchoBringsNoSecretBack(t *testing.T) {
	genuine := hosted.Sample(t)
	genuine.OpenID = "oEcho7Kq2Vx9Lm4Rz6Tb1Np5Hs"
	for _, c := range []struct {
		name      string
		token     string // what the token endpoint gives; empty: it echoes as well
		variables map[string]string
		secrets   []string
	}{
		{"verify_signature", echoedToken, nil, []string{echoedToken, genuine.JSONSignature, genuine.JSONString, genuine.OpenID}},
		{"Cloud Call", "", map[string]string{"SOTER_VERIFIER": "cloudcall"}, []string{
			genuine.JSONSignature, genuine.JSONString, genuine.OpenID, cloudVariables["TENCENTCLOUD_SECRETID"], cloudVariables["TENCENTCLOUD_SECRETKEY"],
			cloudVariables["TENCENTCLOUD_SESSIONTOKEN"], cloudCaller["WX_API_TOKEN"], cloudCaller["TCB_SESSIONTOKEN"],
		}},
		{"stable_token", "", map[string]string{"ACCESS_TOKEN_MODE": "stable"}, nil},
		{"classic token", "", map[string]string{"ACCESS_TOKEN_MODE": "classic"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, platform := range []string{"lambda", "scf"} {
				if platform == "lambda" && c.variables["SOTER_VERIFIER"] != "" {
					continue // Lambda gives no ticket, and nothing is asked without one
				}
				t.Run(platform, func(t *testing.T) {
					t.Parallel()
					upstream := hosted.StartEcho(t, c.token, c.variables["SOTER_VERIFIER"] == "cloudcall")
					variables := hosted.With(map[string]string{
						"WECHAT_APPID": sandbox.DefaultAppID, "WECHAT_APPSECRET": sandbox.DefaultAppSecret, "WECHAT_API_BASE": upstream.URL,
						"TCB_CONTEXT_CNFG": `{"URL":"` + upstream.URL + `/admin"}`, "HTTP_BEARER_TOKENS": otherBearer,
					}, c.variables)
					log := new(hosted.Log)
					var runtime emulator.Runtime
					var invocation map[string]string // what SCF alone sends with it
					if platform == "lambda" {
						runtime = hosted.Lambda(t, "verify", hosted.With(variables, cloudVariables), hosted.EchoLimit, log)
					} else {
						invocation = hosted.With(cloudCaller, cloudVariables)
						runtime = hosted.SCF(t, "verify", variables, hosted.EchoLimit, log)
					}
					secrets := append(slices.Clone(c.secrets), sandbox.DefaultAppSecret, otherBearer)
					hosted.RequireNoEcho(t, upstream, runtime, hosted.JSON(t, genuine), invocation, secrets, log)
				})
			}
		})
	}
}

// The twin: what WeChat itself says comes to the caller byte for byte.
func TestAnHonestErrmsgPassesUnchanged(t *testing.T) {
	const said = "invalid credential, access_token is invalid or not latest, hint: [Xa0123vr45-6] 中文 <&> \\ \" rid: 6578a1b2-3c4d5e6f-7a8b9c0d"
	h := host(t, hosted.Ample, nil)
	require.NoError(t, h.Inject(sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: 48001, ErrMsg: said, Path: verifyPath}))
	for platform, runtime := range h.on {
		answer := hosted.Invoke(t, runtime, hosted.JSON(t, hosted.Sample(t)), nil)
		assert.Equal(t, `{"isOk":false,"errMsg":`+string(hosted.JSON(t, "openapi.soter.verifySignature:fail "+said))+`,"errCode":48001}`, answer, platform)
	}
}
