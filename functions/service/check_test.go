package main

import (
	"errors"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// The binary checks what its variables lead to, with -check and without a platform.
func TestCheck(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	check := func(others map[string]string) (status int, report string) {
		process := exec.CommandContext(t.Context(), hosted.Binary("service"), "-check")
		for name, value := range hosted.With(wechat.Variables(), others) {
			process.Env = append(process.Env, name+"="+value)
		}
		out, err := process.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return exit.ExitCode(), string(out)
		}
		require.NoError(t, err)
		return 0, string(out)
	}
	status, report := check(nil)
	assert.Zero(t, status, report)
	assert.Contains(t, report, "Nothing has failed.")
	status, report = check(map[string]string{"WECHAT_APPSECRET": "0123456789abcdef0123456789abcdef"})
	assert.Equal(t, 1, status, report)
	assert.Regexp(t, `(?m)^FAIL  app: token +40125 invalid appsecret`, report)
	assert.NotContains(t, report, "0123456789abcdef")

	// The proxy is for hosts that are not this machine, and is the one that looks them up.
	status, report = check(map[string]string{"WECHAT_API_BASE": "https://wechat.sotercall.test", "HTTPS_PROXY": "http://127.0.0.1:1"})
	assert.Equal(t, 1, status, report)
	assert.Regexp(t, `(?m)^skip  wechat.sotercall.test: DNS +the proxy of HTTPS_PROXY looks it up`, report)
	assert.Regexp(t, `(?m)^FAIL  wechat.sotercall.test: TLS +the proxy of HTTPS_PROXY cannot be reached`, report)
	assert.Contains(t, report, "do: correct HTTPS_PROXY")
}
