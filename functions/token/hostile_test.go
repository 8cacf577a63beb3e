package main

import (
	"testing"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// TestAnEchoBringsNoSecretBack: the one who gives tokens is told the AppSecret.
func TestAnEchoBringsNoSecretBack(t *testing.T) {
	const client = "Zb5Km8Qp2Wx7Lt4Rn9Vd1Ys6Hf3Jc0Ga"
	for _, mode := range []string{"stable", "classic"} {
		for platform, host := range map[string]func(testing.TB, map[string]string, *hosted.Log) emulator.Runtime{
			"lambda": func(t testing.TB, v map[string]string, log *hosted.Log) emulator.Runtime {
				return hosted.Lambda(t, "token", v, hosted.EchoLimit, log)
			},
			"scf": func(t testing.TB, v map[string]string, log *hosted.Log) emulator.Runtime {
				return hosted.SCF(t, "token", v, hosted.EchoLimit, log)
			},
		} {
			t.Run(mode+" on "+platform, func(t *testing.T) {
				t.Parallel()
				upstream, log := hosted.StartEcho(t, "", false), new(hosted.Log)
				runtime := host(t, map[string]string{
					"WECHAT_APPID": sandbox.DefaultAppID, "WECHAT_APPSECRET": sandbox.DefaultAppSecret, "WECHAT_API_BASE": upstream.URL,
					"ACCESS_TOKEN_MODE": mode, "TOKEN_CLIENT_SECRETS": client,
				}, log)
				hosted.RequireNoEcho(t, upstream, runtime, []byte("{}"), nil, []string{sandbox.DefaultAppSecret, client}, log)
			})
		}
	}
}
