package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// The platform has no instance of the token function, or its API is asked too often, in its own
// way: SCF's 432 and 429, AWS's 429 and 500. verify asks again; if that does not end, its answer
// says whose fault it is, and is no verdict.
func TestTokenFunctionThatItsPlatformThrottles(t *testing.T) {
	s := hosted.NewSandbox(t, sandbox.Options{})
	tokens := hosted.Both(t, "token", hosted.With(s.Variables(), map[string]string{"TOKEN_CLIENT_SECRETS": clientSecret}), hosted.Ample, new(hosted.Log))
	event := hosted.JSON(t, hosted.Sample(t))
	for _, c := range []struct {
		platform string
		fault    emulator.Fault
		says     string
	}{
		{"scf", emulator.FaultConcurrency, "takes no more requests at the moment (HTTP status 432): raise its concurrency"},
		{"scf", emulator.FaultRate, "takes no more requests at the moment (HTTP status 429): raise its concurrency"},
		{"lambda", emulator.FaultGateway, "takes no more requests at the moment (HTTP status 429): raise its concurrency"},
		{"lambda", emulator.FaultConcurrency, "answered with HTTP status 500"},
	} {
		if c.platform == "lambda" && hosted.OnRIE() {
			continue // which has no faults
		}
		t.Run(c.platform+" "+string(c.fault), func(t *testing.T) {
			t.Parallel()
			function := emulator.WithFaults(tokens[c.platform])
			variables := hosted.With(s.Variables(), map[string]string{
				"WECHAT_APPSECRET": clientSecret, "WECHAT_TOKEN_BASE": hosted.ServeTLS(t, hosted.URL(function))})
			log := new(hosted.Log)
			verify := hosted.SCF(t, "verify", variables, hosted.Ample, log)
			function.Inject(c.fault, 2)
			assert.Equal(t, hosted.Verified, hosted.Invoke(t, verify, event, nil), "asked again")

			function.Inject(c.fault, 1000)
			other := hosted.SCF(t, "verify", variables, hosted.Ample, log)
			answer := hosted.Invoke(t, other, event, nil)
			assert.Equal(t, `{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -604103 call open API system error. the token function (WECHAT_TOKEN_BASE) `+
				c.says+`","errCode":-604103}`, answer)
			require.NoError(t, other.Close())
			assert.Contains(t, log.String(), "POST /cgi-bin/stable_token: HTTP status ", "the log has the chain")
		})
	}
}
