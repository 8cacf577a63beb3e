package main

import (
	"testing"

	"sotercall/internal/emulator"
	"sotercall/internal/hostedtest"
	"sotercall/internal/sandbox"
)

// TestAnEchoBringsNoSecretBack: the one who gives tokens is told the AppSecret.
func TestAnEchoBringsNoSecretBack(t *testing.T) {
	const client = "Zb5Km8Qp2Wx7Lt4Rn9Vd1Ys6Hf3Jc0Ga"
	for _, mode := range []string{"stable", "classic"} {
		for platform, host := range map[string]func(testing.TB, map[string]string, *hostedtest.Log) emulator.Runtime{
			"lambda": func(t testing.TB, v map[string]string, log *hostedtest.Log) emulator.Runtime {
				return hostedtest.Lambda(t, "token", v, hostedtest.EchoLimit, log)
			},
			"scf": func(t testing.TB, v map[string]string, log *hostedtest.Log) emulator.Runtime {
				return hostedtest.SCF(t, "token", v, hostedtest.EchoLimit, log)
			},
		} {
			t.Run(mode+" on "+platform, func(t *testing.T) {
				t.Parallel()
				upstream, log := hostedtest.StartEcho(t, "", false), new(hostedtest.Log)
				runtime := host(t, map[string]string{
					"WECHAT_APPID": sandbox.DefaultAppID, "WECHAT_APPSECRET": sandbox.DefaultAppSecret, "WECHAT_API_BASE": upstream.URL,
					"ACCESS_TOKEN_MODE": mode, "TOKEN_CLIENT_SECRETS": client,
				}, log)
				hostedtest.RequireNoEcho(t, upstream, runtime, []byte("{}"), nil, []string{sandbox.DefaultAppSecret, client}, log)
			})
		}
	}
}
