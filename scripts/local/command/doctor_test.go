package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// doctor checks the variables of the shell and those that are added.
func TestDoctor(t *testing.T) {
	for _, name := range []string{"WECHAT_APPS", "WECHAT_APPS_FILE", "WECHAT_TOKEN_BASE", "REDIS_URL", "DYNAMODB_TABLE", "PORT"} {
		t.Setenv(name, "")
	}
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	for name, value := range wechat.Variables() {
		t.Setenv(name, value)
	}
	code, out, log := status(t, nil, "doctor")
	assert.Zero(t, code, log)
	assert.Contains(t, out, "Nothing has failed.")
	code, out, _ = status(t, nil, "doctor", "-env", "WECHAT_APPID=wx0123456789abcdef")
	assert.Equal(t, 1, code)
	assert.Regexp(t, `(?m)^FAIL  app: token +40013`, out)
	assert.NotContains(t, out, sandbox.DefaultAppSecret)
}
