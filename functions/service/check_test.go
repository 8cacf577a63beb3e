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
	check := func(secret string) (status int, report string) {
		process := exec.CommandContext(t.Context(), hosted.Binary("service"), "-check")
		for name, value := range hosted.With(wechat.Variables(), map[string]string{"WECHAT_APPSECRET": secret}) {
			process.Env = append(process.Env, name+"="+value)
		}
		out, err := process.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return exit.ExitCode(), string(out)
		}
		require.NoError(t, err)
		return 0, string(out)
	}
	status, report := check(sandbox.DefaultAppSecret)
	assert.Zero(t, status, report)
	assert.Contains(t, report, "Nothing has failed.")
	status, report = check("0123456789abcdef0123456789abcdef")
	assert.Equal(t, 1, status, report)
	assert.Regexp(t, `(?m)^FAIL  app: token +40125 invalid appsecret`, report)
	assert.NotContains(t, report, "0123456789abcdef")
}
