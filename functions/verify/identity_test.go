package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

func withoutOpenID(t *testing.T, s sandbox.Signed) []byte {
	return hosted.JSON(t, map[string]string{"jsonString": s.JSONString, "jsonSignature": s.JSONSignature})
}

// scf-go-lib sets the environment of each invocation with os.Setenv and never
// takes it back: whoever asked the process who calls would get the caller before.
func TestSecondCallerDoesNotInheritTheFirstOnesIdentity(t *testing.T) {
	h := host(t, hosted.Ample, nil)
	event := withoutOpenID(t, hosted.Sample(t))
	first := hosted.Invoke(t, h.on["scf"], event, hosted.PageCaller(sandbox.DemoOpenID))
	assert.Equal(t, hosted.Verified, first, "the platform says who calls")
	second := hosted.Invoke(t, h.on["scf"], event, nil)
	assert.Contains(t, second, `"isOk":false`)
	assert.Contains(t, second, "parameter.openid is missing")
}

func TestPageAsksOnlyAboutItsOwnUser(t *testing.T) {
	h := host(t, hosted.Ample, nil)
	event := hosted.JSON(t, hosted.Sample(t))
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, h.on["scf"], event, hosted.PageCaller(sandbox.DemoOpenID)))
	other := hosted.Invoke(t, h.on["scf"], event, hosted.PageCaller("oSomebodyElse_00000000000001"))
	assert.Contains(t, other, `"errCode":-604104`)
	assert.Contains(t, other, `"isOk":false`)

	// The field that a client can write changes nothing.
	forged := strings.Replace(string(event), "{", `{"userInfo":{"openId":"oSomebodyElse_00000000000001"},`, 1)
	assert.Equal(t, hosted.Verified, string(hosted.Invoke(t, h.on["scf"], []byte(forged), hosted.PageCaller(sandbox.DemoOpenID))))

	// An event in the shape of an HTTP request does not change who calls.
	httpEvent := bytes.ReplaceAll(readFile(t, "../../deploy/events/scf-function-url.json"), []byte("BEARER_TOKEN"), []byte(bearerToken))
	assert.Contains(t, hosted.Invoke(t, h.on["scf"], httpEvent, hosted.PageCaller("oSomebodyElse_00000000000001")), `-604104`)
}

func TestParallelCallersKeepTheirIdentities(t *testing.T) {
	h := host(t, hosted.Ample, nil)
	event := withoutOpenID(t, hosted.Sample(t))
	var wg sync.WaitGroup
	answers := make([]string, 60)
	for i := range answers {
		environment := [](map[string]string){hosted.PageCaller(sandbox.DemoOpenID), hosted.PageCaller("oSomebodyElse_00000000000001"), nil}[i%3]
		wg.Go(func() { answers[i] = hosted.Invoke(t, h.on["scf"], event, environment) })
	}
	wg.Wait()
	for i, answer := range answers {
		assert.Equal(t, i%3 == 0, answer == hosted.Verified, "%d: %s", i, answer)
		assert.Contains(t, answer, []string{`"errCode":0`, `"errCode":40003`, `"errCode":-501007`}[i%3])
	}
}

// The variables that SCF delivers with an invocation configure the function; the
// process finds none of them when it starts (the emulator takes that literally).
func TestConfigurationArrivesWithTheFirstInvocation(t *testing.T) {
	h := host(t, hosted.Ample, map[string]string{"WECHAT_APPSECRET": "wrong-secret-wrong-secret-wrong-"})
	answer := hosted.Invoke(t, h.on["scf"], hosted.JSON(t, hosted.Sample(t)), nil)
	assert.Contains(t, answer, `"errCode":40125`)
	require.NotContains(t, h.logs.String(), "wrong-secret")
}
