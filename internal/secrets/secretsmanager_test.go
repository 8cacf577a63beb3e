package secrets_test

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
	"sotercall/internal/secrets"
	"sotercall/internal/secrets/secretsmanagertest"
)

// with returns the variables of a function beside s, and those that are given in
// pairs.
func with(s *secretsmanagertest.Server, pairs ...string) map[string]string {
	variables := s.Variables()
	maps.Copy(variables, secretsmanagertest.Credentials())
	for i := 0; i < len(pairs); i += 2 {
		variables[pairs[i]] = pairs[i+1]
	}
	return variables
}

func open(t *testing.T, variables map[string]string, now func() time.Time) secret.Vault {
	t.Helper()
	opened, err := secrets.Open(variables, now)
	require.NoError(t, err)
	require.NotNil(t, opened)
	return opened
}

func TestSecretsAreReadAndReadAnew(t *testing.T) {
	server := secretsmanagertest.Start(t)
	server.Put("app", "the-secret-of-the-app")
	server.Put("both", "a-bearer-token-of-the-test\r\n") // as an editor leaves it
	clock := time.Now()
	opened := open(t, with(server, "WECHAT_APPSECRET_ARN", secretsmanagertest.ARN("app"),
		"HTTP_BEARER_TOKENS_ARN", secretsmanagertest.ARN("both"), "CHALLENGE_SECRET_ARN", secretsmanagertest.ARN("both")), func() time.Time { return clock })
	assert.Zero(t, server.Asked(), "nothing is read before its time")
	values := func(version, asked int) map[string]string {
		t.Helper()
		values, got, err := opened.Values(t.Context())
		require.NoError(t, err)
		assert.Equal(t, version, got)
		assert.Equal(t, asked, server.Asked())
		return values
	}

	first := map[string]string{
		"WECHAT_APPSECRET": "the-secret-of-the-app", "HTTP_BEARER_TOKENS": "a-bearer-token-of-the-test", "CHALLENGE_SECRET": "a-bearer-token-of-the-test",
	}
	assert.Equal(t, first, values(1, 2), "each secret once")
	server.Put("app", "the-next-secret-of-the-app")
	clock = clock.Add(secrets.Life - time.Second)
	assert.Equal(t, first, values(1, 2))
	clock = clock.Add(time.Second)
	assert.Equal(t, "the-next-secret-of-the-app", values(2, 4)["WECHAT_APPSECRET"])
	clock = clock.Add(secrets.Life)
	values(2, 6) // the twin: read anew, and the same
	clock = clock.Add(-time.Hour)
	values(2, 8) // a clock that was put back keeps nothing for longer
}

func TestWhatCannotBeReadLeavesWhatWasRead(t *testing.T) {
	server := secretsmanagertest.Start(t)
	clock := time.Now()
	opened := open(t, with(server, "WECHAT_APPSECRET_ARN", secretsmanagertest.ARN("app")), func() time.Time { return clock })
	const missing = "WECHAT_APPSECRET_ARN: Secrets Manager has no such secret, or it has no current version"

	values, version, err := opened.Values(t.Context())
	require.EqualError(t, err, missing)
	assert.Zero(t, version)
	assert.Nil(t, values)
	server.Put("app", "the-secret-of-the-app")
	clock = clock.Add(time.Second - 1)
	_, _, err = opened.Values(t.Context())
	require.EqualError(t, err, missing, "not at once again")
	assert.Equal(t, 1, server.Asked())
	clock = clock.Add(1)
	values, version, err = opened.Values(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, version)

	server.Refuse("InternalServiceError", "")
	clock = clock.Add(secrets.Life)
	again, version, err := opened.Values(t.Context())
	require.EqualError(t, err, "WECHAT_APPSECRET_ARN: Secrets Manager refuses (InternalServiceError)")
	assert.Equal(t, 1, version)
	assert.Equal(t, values, again)
	asked := server.Asked()
	clock = clock.Add(29 * time.Second)
	again, _, err = opened.Values(t.Context())
	require.NoError(t, err, "one call is told")
	assert.Equal(t, values, again)
	assert.Equal(t, asked, server.Asked())
	server.Refuse("", "")
	clock = clock.Add(time.Second)
	_, version, err = opened.Values(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, version, "the same")
	assert.Equal(t, asked+1, server.Asked())
}

// What is read early never costs the first call its secrets.
func TestEarlyFailureCountsForNothing(t *testing.T) {
	server := secretsmanagertest.Start(t)
	opened := open(t, with(server, "WECHAT_APPSECRET_ARN", secretsmanagertest.ARN("app")), time.Now)
	require.Error(t, opened.Prepare(t.Context()))
	server.Put("app", "the-secret-of-the-app")
	_, version, err := opened.Values(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, version)
	assert.Equal(t, 2, server.Asked())

	opened = open(t, with(server, "WECHAT_APPSECRET_ARN", secretsmanagertest.ARN("app")), time.Now)
	require.NoError(t, opened.Prepare(t.Context()))
	_, _, err = opened.Values(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, server.Asked(), "the twin: what was read is not read again")
}

// One call reads for all: those without secrets wait for it, those with secrets of
// before go on with them.
func TestOneCallReadsForAll(t *testing.T) {
	server := secretsmanagertest.Start(t)
	server.Put("app", "first")
	release := server.Hang()
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	opened := open(t, with(server, "WECHAT_APPSECRET_ARN", secretsmanagertest.ARN("app")), func() time.Time { return time.Unix(0, clock.Load()) })
	read := func(want string, version int) {
		values, got, err := opened.Values(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, version, got)
		assert.Equal(t, want, values["WECHAT_APPSECRET"])
	}
	var calls sync.WaitGroup
	for range 50 {
		calls.Go(func() { read("first", 1) })
	}
	require.Eventually(t, func() bool { return server.Asked() == 1 }, time.Minute, time.Millisecond)
	release()
	calls.Wait()
	assert.Equal(t, 1, server.Asked())

	server.Put("app", "second")
	release = server.Hang()
	clock.Add(int64(secrets.Life))
	calls.Go(func() { read("second", 2) })
	require.Eventually(t, func() bool { return server.Asked() == 2 }, time.Minute, time.Millisecond)
	for range 10 {
		read("first", 1) // without waiting
	}
	release()
	calls.Wait()
	read("second", 2)
	assert.Equal(t, 2, server.Asked())
}

// A caller that has no time left says nothing about the server: the next one reads.
func TestCallerWithoutTimeSpoilsNothing(t *testing.T) {
	server := secretsmanagertest.Start(t)
	server.Put("app", "first")
	release := server.Hang()
	opened := open(t, with(server, "WECHAT_APPSECRET_ARN", secretsmanagertest.ARN("app")), time.Now)
	hurried, cancel := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	calls.Go(func() {
		_, _, err := opened.Values(hurried)
		assert.EqualError(t, err, "WECHAT_APPSECRET_ARN: Secrets Manager did not answer in time")
	})
	require.Eventually(t, func() bool { return server.Asked() == 1 }, time.Minute, time.Millisecond)
	calls.Go(func() {
		values, _, err := opened.Values(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, "first", values["WECHAT_APPSECRET"])
	})
	cancel()
	require.Eventually(t, func() bool { return server.Asked() == 2 }, time.Minute, time.Millisecond)
	release()
	calls.Wait()
}

func TestWhyASecretCannotBeRead(t *testing.T) {
	const appSecret = "the-secret-of-the-app"
	for name, c := range map[string]struct {
		text, code, message string
		says, detail        string
	}{
		"no text":           {text: "\n", says: "the secret has no text"},
		"keys and values":   {text: `{"WECHAT_APPSECRET":"` + appSecret + `"}`, says: "the secret is an object of keys and values; it should be the plain text of WECHAT_APPSECRET"},
		"access denied":     {code: "AccessDeniedException", message: "User: arn:aws:sts::1:assumed-role/r is not authorized", says: "access denied, the role of the function must allow secretsmanager:GetSecretValue for it, and kms:Decrypt where it is encrypted with a customer key", detail: "User: arn:aws:sts::1:assumed-role/r is not authorized"},
		"no key":            {code: "DecryptionFailure", says: "Secrets Manager cannot decrypt it: look at its KMS key"},
		"deleted":           {code: "InvalidRequestException", message: "it was marked for deletion.", says: "Secrets Manager refuses, the secret may be marked for deletion", detail: "it was marked for deletion."},
		"throttled":         {code: "ThrottlingException", message: "Rate exceeded", says: "Secrets Manager takes no more requests at the moment"},
		"credentials":       {code: "UnrecognizedClientException", message: "uW8nC3pD6sF1gJ4kX7zV", says: "Secrets Manager refuses the credentials (UnrecognizedClientException)"},
		"echo":              {code: "AccessDeniedException", message: "you sent kQ4x9TzR2mB7vL0wE5yH and uW8nC3pD6sF1gJ4kX7zV", says: "access denied, ", detail: "you sent [redacted] and [redacted]"},
		"something unknown": {code: "Surprise", message: "uW8nC3pD6sF1gJ4kX7zV", says: "Secrets Manager refuses (Surprise)", detail: "[redacted]"},
	} {
		server := secretsmanagertest.Start(t)
		server.Put("app", c.text)
		server.Refuse(c.code, c.message)
		opened := open(t, with(server, "WECHAT_APPSECRET_ARN", secretsmanagertest.ARN("app")), time.Now)
		values, _, err := opened.Values(t.Context())
		assert.Nil(t, values, name)
		if assert.ErrorContains(t, err, c.says, name) {
			assert.True(t, strings.HasPrefix(err.Error(), "WECHAT_APPSECRET_ARN: "), err)
			for _, outside := range []string{c.message, "arn:", appSecret} {
				assert.False(t, outside != "" && strings.Contains(err.Error(), outside), "%s: %v", name, err)
			}
			var failure *secrets.Failure
			if c.detail != "" && assert.ErrorAs(t, err, &failure, name) {
				assert.Equal(t, err.Error()+": "+c.detail, failure.Detail(), "AWS's words, for the log")
			}
		}
	}
}

// TestTheDocumentOfTheAppsIsAnObject is the twin of "keys and values".
func TestTheDocumentOfTheAppsIsAnObject(t *testing.T) {
	const document = `{"apps":{"wx5a4db0c55a4db0c5":{"secret":"the-secret-of-the-app"}}}`
	server := secretsmanagertest.Start(t)
	server.Put("apps", document)
	values, _, err := open(t, with(server, "WECHAT_APPS_ARN", secretsmanagertest.ARN("apps")), time.Now).Values(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"WECHAT_APPS": document}, values)
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	server := secretsmanagertest.Start(t)
	release := server.Hang()
	// With 2 s the last attempt is over before the call is.
	for _, limit := range []time.Duration{20 * time.Millisecond, 2 * time.Second} {
		opened := open(t, with(server, "WECHAT_APPSECRET_ARN", secretsmanagertest.ARN("app")), time.Now)
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		_, _, err := opened.Values(ctx)
		assert.EqualError(t, err, "WECHAT_APPSECRET_ARN: Secrets Manager did not answer in time", limit)
	}
	release()

	variables := with(server, "WECHAT_APPSECRET_ARN", secretsmanagertest.ARN("app"), "AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1")
	_, _, err := open(t, variables, time.Now).Values(t.Context())
	assert.EqualError(t, err, "WECHAT_APPSECRET_ARN: the request to Secrets Manager failed")
	var failure *secrets.Failure
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, err.Error()+": it cannot be reached: dial tcp 127.0.0.1:1: connect: connection refused", failure.Detail())
}

func TestWhatCannotBeUsedIsRefused(t *testing.T) {
	server := secretsmanagertest.Start(t)
	good := with(server, "WECHAT_APPSECRET_ARN", secretsmanagertest.ARN("sotercall/WECHAT_APPSECRET-a1b2C3"))
	open(t, good, time.Now)
	for name, c := range map[string]struct{ variable, value, says string }{
		"both":                  {"WECHAT_APPSECRET", "the-secret-of-the-app", "WECHAT_APPSECRET and WECHAT_APPSECRET_ARN are both set: set one of the two"},
		"no ARN":                {"WECHAT_APPSECRET_ARN", "sotercall", "WECHAT_APPSECRET_ARN must be the ARN of a secret in AWS Secrets Manager"},
		"of another service":    {"WECHAT_APPSECRET_ARN", "arn:aws:ssm:eu-central-1:123456789012:parameter/x", "WECHAT_APPSECRET_ARN must be the ARN"},
		"with a key":            {"WECHAT_APPSECRET_ARN", secretsmanagertest.ARN("x:WECHAT_APPSECRET::"), "WECHAT_APPSECRET_ARN must be the ARN"},
		"no credentials":        {"AWS_SECRET_ACCESS_KEY", "", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set"},
		"an endpoint elsewhere": {"AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets.example.com", "AWS_ENDPOINT_URL_SECRETS_MANAGER must be an https address"},
	} {
		variables := maps.Clone(good)
		variables[c.variable] = c.value
		opened, err := secrets.Open(variables, time.Now)
		assert.Nil(t, opened, name)
		assert.ErrorContains(t, err, c.says, name)
	}

	opened, err := secrets.Open(map[string]string{"WECHAT_APPSECRET": "x", "CHALLENGE_SECRET_ARN": "", "OTHER_ARN": "x"}, time.Now)
	assert.NoError(t, err)
	assert.Nil(t, opened, "nothing is kept there")
}

// A secret may have 64 KiB (AWS Secrets Manager, "Quotas"): the document of hundreds of
// apps.
func TestSecretsMayBeAsLargeAsTheServiceAllows(t *testing.T) {
	server := secretsmanagertest.Start(t)
	document := `{"apps":{` + strings.Repeat(`"wx5a4db0c55a4db0c5":{"secret":"x"},`, 1800)
	document += strings.Repeat(" ", 64<<10-len(document)-2) + "}}"
	require.Len(t, document, 64<<10)
	server.Put("apps", document)
	values, _, err := open(t, with(server, "WECHAT_APPS_ARN", secretsmanagertest.ARN("apps")), time.Now).Values(t.Context())
	require.NoError(t, err)
	assert.Equal(t, document, values["WECHAT_APPS"])
}
