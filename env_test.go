package sotercall_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall"
	"sotercall/dynamodbstore"
	"sotercall/internal/secrets/secretsmanagertest"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/store/redis/redistest"
	"sotercall/redisstore"
	"sotercall/secretsmanager"
	"sotercall/sotercalltest"
)

// setVariables are those of a service in front of wechat, and more.
func setVariables(t *testing.T, wechat *sotercalltest.Server, more map[string]string) {
	t.Helper()
	app := wechat.Config().Apps[0]
	for name, value := range map[string]string{
		"WECHAT_APPID": app.AppID, "WECHAT_APPSECRET": app.AppSecret, "WECHAT_API_BASE": wechat.URL,
		"CHALLENGE_SECRET": wechat.Config().ChallengeSecrets[0], "HTTP_BEARER_TOKENS": sotercalltest.BearerToken,
	} {
		t.Setenv(name, value)
	}
	for name, value := range more {
		t.Setenv(name, value)
	}
}

func TestServiceFromTheVariables(t *testing.T) {
	wechat := sotercalltest.NewServer()
	t.Cleanup(wechat.Close)
	setVariables(t, wechat, map[string]string{"LOG_LEVEL": "error"}) // has no effect: the logger is the program's
	var log bytes.Buffer
	service, err := sotercall.FromEnv(func(e *sotercall.Env) { e.Logger = lines(&log) })
	require.NoError(t, err)
	r := wechat.Phone(alice).Sign(issue(t, service, sotercall.ChallengeRequest{OpenID: alice}))
	_, body := answered(service.Handler(), post("/", sotercalltest.BearerToken, r))
	assert.Equal(t, isOK, body)
	got, err := service.Verify(t.Context(), r)
	requireRefused(t, sotercall.Used, got, err)
	assert.Contains(t, log.String(), `"outcome":"genuine"`)
	require.NoError(t, service.Close())
}

func TestVariablesThatNeedAnOptionNameIt(t *testing.T) {
	wechat := sotercalltest.NewServer()
	t.Cleanup(wechat.Close)
	for variable, test := range map[string]struct {
		value, says string
		option      func(*sotercall.Env)
	}{
		"REDIS_URL":                {"redis://127.0.0.1:1", "REDIS_URL needs an option: import sotercall/redisstore and call sotercall.FromEnv(redisstore.FromEnv)", redisstore.FromEnv},
		"DYNAMODB_TABLE":           {"sotercall", "DYNAMODB_TABLE needs an option: import sotercall/dynamodbstore and call sotercall.FromEnv(dynamodbstore.FromEnv)", dynamodbstore.FromEnv},
		"TOKEN_CLIENT_SECRETS_ARN": {"arn", "TOKEN_CLIENT_SECRETS_ARN needs an option: import sotercall/secretsmanager and call sotercall.FromEnv(secretsmanager.FromEnv)", secretsmanager.FromEnv},
	} {
		t.Run(variable, func(t *testing.T) {
			setVariables(t, wechat, map[string]string{variable: test.value, "AWS_REGION": "eu-west-1"})
			quiet := func(e *sotercall.Env) { e.Logger = wechat.Config().Logger }
			_, err := sotercall.FromEnv(quiet)
			require.EqualError(t, err, "sotercall: "+test.says)
			service, err := sotercall.FromEnv(quiet, test.option)
			if strings.HasSuffix(variable, "_ARN") {
				require.ErrorContains(t, err, "must be the ARN of a secret", "the twin: the option reads it")
				return
			}
			require.NoError(t, err, "the twin")
			require.NoError(t, service.Close())
		})
	}
}

func TestCloudCallIsNotForAProgram(t *testing.T) {
	wechat := sotercalltest.NewServer()
	t.Cleanup(wechat.Close)
	for _, name := range []string{"WECHAT_APPID", "WECHAT_APPSECRET", "WECHAT_API_BASE"} {
		require.Empty(t, os.Getenv(name))
	}
	t.Setenv("SOTER_VERIFIER", "cloudcall")
	_, err := sotercall.FromEnv(func(e *sotercall.Env) { e.Logger = wechat.Config().Logger })
	require.ErrorContains(t, err, "SOTER_VERIFIER must not be cloudcall")
}

func TestSecretsOfSecretsManager(t *testing.T) {
	wechat, server := sotercalltest.NewServer(), secretsmanagertest.Start(t)
	t.Cleanup(wechat.Close)
	variables := server.Variables()
	for name, value := range secretsmanagertest.Credentials() {
		variables[name] = value
	}
	server.Put("app", wechat.Config().Apps[0].AppSecret)
	variables["WECHAT_APPSECRET"], variables["WECHAT_APPSECRET_ARN"] = "", secretsmanagertest.ARN("app")
	setVariables(t, wechat, variables)
	service, err := sotercall.FromEnv(secretsmanager.FromEnv, func(e *sotercall.Env) { e.Logger = wechat.Config().Logger })
	require.NoError(t, err)
	_, err = service.Verify(t.Context(), wechat.Phone(alice).Sign(issue(t, service, sotercall.ChallengeRequest{OpenID: alice})))
	require.NoError(t, err)
	require.NoError(t, service.Close())
}

// Two services with one store are one: a signature counts once for both, and they share the
// access_token. Nothing of a store is left when they are closed (TestMain).
func TestInstancesShareAStore(t *testing.T) {
	for name, place := range map[string]func(t *testing.T) *sotercall.Store{
		"Redis": func(t *testing.T) *sotercall.Store { return redisstore.New(redistest.Start(t).URL.Reveal()) },
		"DynamoDB": func(t *testing.T) *sotercall.Store {
			table := dynalite.Start(t)
			for name, value := range table.Environment() {
				t.Setenv(name, value)
			}
			return dynamodbstore.New(table.Name)
		},
	} {
		t.Run(name, func(t *testing.T) {
			wechat := sotercalltest.NewServer()
			t.Cleanup(wechat.Close)
			config := wechat.Config()
			config.Store, config.EnforceCounter = place(t), true
			var services []*sotercall.Service
			for range 2 {
				service, err := sotercall.Open(config)
				require.NoError(t, err)
				defer func() { assert.NoError(t, service.Close()) }()
				services = append(services, service)
			}
			older := wechat.Phone(alice).Sign(issue(t, services[0], sotercall.ChallengeRequest{OpenID: alice}))
			r := wechat.Phone(alice).Sign(issue(t, services[0], sotercall.ChallengeRequest{OpenID: alice}))
			_, err := services[1].Verify(t.Context(), r)
			require.NoError(t, err)
			got, err := services[0].Verify(t.Context(), r)
			requireRefused(t, sotercall.Used, got, err)
			got, err = services[0].Verify(t.Context(), older)
			requireRefused(t, sotercall.CounterNotGrown, got, err)
		})
	}
}
