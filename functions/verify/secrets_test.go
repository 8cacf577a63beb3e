package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secrets/secretsmanagertest"
	"sotercall/internal/test/hosted"
)

// TestSecretsComeFromSecretsManager hosts the function on Lambda, as the template
// deploys it: no secret is among its variables.
func TestSecretsComeFromSecretsManager(t *testing.T) {
	wechat, secrets := hosted.NewSandbox(t, sandbox.Options{}), secretsmanagertest.Start(t)
	variables := hosted.With(wechat.Variables(), secrets.Variables())
	delete(variables, "WECHAT_APPSECRET")
	variables["WECHAT_APPSECRET_ARN"] = secretsmanagertest.ARN("sotercall/WECHAT_APPSECRET")
	sample := hosted.JSON(t, hosted.Sample(t))

	secrets.Put("sotercall/WECHAT_APPSECRET", sandbox.DefaultAppSecret+"\n")
	log := new(hosted.Log)
	function := hosted.Lambda(t, "verify", variables, hosted.Ample, log)
	for range 3 {
		assert.Equal(t, hosted.Verified, hosted.Invoke(t, function, sample, nil))
	}
	assert.Equal(t, 1, secrets.Asked())

	// The twin: what Secrets Manager refuses, verify cannot find out.
	secrets.Refuse("AccessDeniedException", "User: arn:aws:sts::123456789012:assumed-role/r is not authorized")
	function = hosted.Lambda(t, "verify", variables, hosted.Ample, log)
	answer := hosted.Invoke(t, function, sample, nil)
	assert.Contains(t, answer, `"isOk":false`)
	assert.Contains(t, answer, `"errCode":-604103`)
	assert.Contains(t, answer, "WECHAT_APPSECRET_ARN: access denied, the role of the function must allow secretsmanager:GetSecretValue")
	secrets.Refuse("", "")
	require.Eventually(t, func() bool {
		return hosted.Invoke(t, function, sample, nil) == hosted.Verified
	}, 5*time.Second, 100*time.Millisecond, "it asks again")
	assert.NotContains(t, log.String(), sandbox.DefaultAppSecret)
}

// A challenge that nobody can check opens nothing.
func TestChallengeSecretThatCannotBeReadLetsNobodyIn(t *testing.T) {
	wechat, secrets := hosted.NewSandbox(t, sandbox.Options{}), secretsmanagertest.Start(t)
	variables := hosted.With(wechat.Variables(), secrets.Variables())
	variables["CHALLENGE_SECRET_ARN"] = secretsmanagertest.ARN("sotercall/CHALLENGE_SECRET")
	function := hosted.Lambda(t, "verify", variables, hosted.Ample, new(hosted.Log))
	answer := hosted.Invoke(t, function, hosted.JSON(t, hosted.Sample(t)), nil)
	assert.Contains(t, answer, "CHALLENGE_SECRET_ARN: Secrets Manager has no such secret")
	assert.Contains(t, answer, `"isOk":false`)

	secrets.Put("sotercall/CHALLENGE_SECRET", "a-challenge-secret-of-this-test-1")
	require.Eventually(t, func() bool {
		answer := hosted.Invoke(t, function, hosted.JSON(t, hosted.Sample(t)), nil)
		return answer == `{"isOk":false,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`
	}, 5*time.Second, 100*time.Millisecond, "the sample answers no challenge of ours")
}
