package main

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/sandbox"
)

// caller is what Tencent's platform adds to an invocation from a page.
func caller(openid string) map[string]string {
	return map[string]string{"WX_OPENID": openid, "WX_APPID": sandbox.DefaultAppID, "TCB_SOURCE": "wx_client",
		"WX_CONTEXT_KEYS": "WX_OPENID,WX_APPID"}
}

func withoutOpenID(t *testing.T, s sandbox.Signed) []byte {
	return marshal(t, map[string]string{"jsonString": s.JSONString, "jsonSignature": s.JSONSignature})
}

// scf-go-lib sets the environment of each invocation with os.Setenv and never
// takes it back: whoever asked the process who calls would get the caller before.
func TestSecondCallerDoesNotInheritTheFirstOnesIdentity(t *testing.T) {
	h := host(t, 10*time.Second, nil)
	event := withoutOpenID(t, sample(t))
	first := invoke(t, h.on["scf"], event, caller(sandbox.DemoOpenID))
	assert.Equal(t, verified, string(first), "the platform says who calls")
	second := invoke(t, h.on["scf"], event, nil)
	assert.Contains(t, string(second), `"isOk":false`)
	assert.Contains(t, string(second), "parameter.openid is missing")
}

func TestPageAsksOnlyAboutItsOwnUser(t *testing.T) {
	h := host(t, 10*time.Second, nil)
	event := marshal(t, sample(t))
	assert.Equal(t, verified, string(invoke(t, h.on["scf"], event, caller(sandbox.DemoOpenID))))
	other := string(invoke(t, h.on["scf"], event, caller("oSomebodyElse_00000000000001")))
	assert.Contains(t, other, `"errCode":-604104`)
	assert.Contains(t, other, `"isOk":false`)

	// The field that a client can write changes nothing.
	forged := strings.Replace(string(event), "{", `{"userInfo":{"openId":"oSomebodyElse_00000000000001"},`, 1)
	assert.Equal(t, verified, string(invoke(t, h.on["scf"], []byte(forged), caller(sandbox.DemoOpenID))))

	// An event in the shape of an HTTP request does not change who calls.
	httpEvent := readFile(t, "../../deploy/events/scf-function-url.json")
	assert.Contains(t, string(invoke(t, h.on["scf"], httpEvent, caller("oSomebodyElse_00000000000001"))), `-604104`)
}

func TestParallelCallersKeepTheirIdentities(t *testing.T) {
	h := host(t, 20*time.Second, nil)
	event := withoutOpenID(t, sample(t))
	var wg sync.WaitGroup
	answers := make([]string, 60)
	for i := range answers {
		environment := [](map[string]string){caller(sandbox.DemoOpenID), caller("oSomebodyElse_00000000000001"), nil}[i%3]
		wg.Go(func() { answers[i] = string(invoke(t, h.on["scf"], event, environment)) })
	}
	wg.Wait()
	for i, answer := range answers {
		assert.Equal(t, i%3 == 0, answer == verified, "%d: %s", i, answer)
		assert.Contains(t, answer, []string{`"errCode":0`, `"errCode":40003`, `"errCode":-501007`}[i%3])
	}
}

// The variables that SCF delivers with an invocation configure the function; the
// process finds none of them when it starts (the emulator takes that literally).
func TestConfigurationArrivesWithTheFirstInvocation(t *testing.T) {
	h := host(t, 10*time.Second, map[string]string{"WECHAT_APPSECRET": "wrong-secret-wrong-secret-wrong-"})
	answer := string(invoke(t, h.on["scf"], marshal(t, sample(t)), nil))
	assert.Contains(t, answer, `"errCode":40125`)
	require.NotContains(t, h.logs.String(), "wrong-secret")
}
