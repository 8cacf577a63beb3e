package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/hostedtest"
	"sotercall/internal/sandbox"
	"sotercall/internal/secretsmanager/secretsmanagertest"
)

// TestSecretsComeFromSecretsManager hosts the function on Lambda, as the template
// deploys it: no secret is among its variables.
func TestSecretsComeFromSecretsManager(t *testing.T) {
	wechat, secrets := hostedtest.NewSandbox(t, sandbox.Options{}), secretsmanagertest.Start(t)
	variables := hostedtest.With(wechat.Variables(), secrets.Variables())
	delete(variables, "WECHAT_APPSECRET")
	variables["WECHAT_APPSECRET_ARN"] = secretsmanagertest.ARN("sotercall/WECHAT_APPSECRET")
	sample := hostedtest.JSON(t, hostedtest.Sample(t))

	secrets.Put("sotercall/WECHAT_APPSECRET", sandbox.DefaultAppSecret+"\n")
	log := new(hostedtest.Log)
	function := hostedtest.Lambda(t, "verify", variables, hostedtest.Ample, log)
	for range 3 {
		assert.Equal(t, hostedtest.Verified, hostedtest.Invoke(t, function, sample, nil))
	}
	assert.Equal(t, 1, secrets.Asked())

	// The twin: what Secrets Manager refuses, verify cannot find out.
	secrets.Refuse("AccessDeniedException", "User: arn:aws:sts::123456789012:assumed-role/r is not authorized")
	function = hostedtest.Lambda(t, "verify", variables, hostedtest.Ample, log)
	answer := hostedtest.Invoke(t, function, sample, nil)
	assert.Contains(t, answer, `"isOk":false`)
	assert.Contains(t, answer, `"errCode":-604103`)
	assert.Contains(t, answer, "WECHAT_APPSECRET_ARN: access denied, the role of the function must allow secretsmanager:GetSecretValue")
	secrets.Refuse("", "")
	require.Eventually(t, func() bool {
		return hostedtest.Invoke(t, function, sample, nil) == hostedtest.Verified
	}, 5*time.Second, 100*time.Millisecond, "it asks again")
	assert.NotContains(t, log.String(), sandbox.DefaultAppSecret)
}

// A challenge that nobody can check opens nothing.
func TestChallengeSecretThatCannotBeReadLetsNobodyIn(t *testing.T) {
	wechat, secrets := hostedtest.NewSandbox(t, sandbox.Options{}), secretsmanagertest.Start(t)
	variables := hostedtest.With(wechat.Variables(), secrets.Variables())
	variables["CHALLENGE_SECRET_ARN"] = secretsmanagertest.ARN("sotercall/CHALLENGE_SECRET")
	function := hostedtest.Lambda(t, "verify", variables, hostedtest.Ample, new(hostedtest.Log))
	answer := hostedtest.Invoke(t, function, hostedtest.JSON(t, hostedtest.Sample(t)), nil)
	assert.Contains(t, answer, "CHALLENGE_SECRET_ARN: Secrets Manager has no such secret")
	assert.Contains(t, answer, `"isOk":false`)

	secrets.Put("sotercall/CHALLENGE_SECRET", "a-challenge-secret-of-this-test-1")
	require.Eventually(t, func() bool {
		answer := hostedtest.Invoke(t, function, hostedtest.JSON(t, hostedtest.Sample(t)), nil)
		return answer == `{"isOk":false,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`
	}, 5*time.Second, 100*time.Millisecond, "the sample answers no challenge of ours")
}
