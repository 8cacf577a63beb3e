package wiring

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/function"
	"sotercall/internal/secret"
)

// builders are the functions that read the apps.
var builders = map[string]function.Builder{"verify": stores.Verify, "token": stores.Token, "service": stores.Service}

func read(t *testing.T, file string) string {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func build(name string, environment map[string]string) error {
	_, err := builders[name](environment, slog.New(slog.DiscardHandler), new(slog.LevelVar))
	return err
}

// What anybody can read in the repository opens a sandbox, and nothing at WeChat.
func TestPublicCredentialsAreRefusedInFrontOfWeChat(t *testing.T) {
	const private = "wx0123456789abcdef"
	own := map[string]string{"WECHAT_APPID": private, "WECHAT_APPSECRET": strings.Repeat("a", 32)}
	for name, c := range map[string]struct {
		set  map[string]string
		at   string // which variable is refused
		only string // by which function; "" by all
	}{
		"the sandbox's AppID":       {map[string]string{"WECHAT_APPID": sandbox.DefaultAppID}, "WECHAT_APPID", ""},
		"the sandbox's AppSecret":   {map[string]string{"WECHAT_APPSECRET": sandbox.DefaultAppSecret}, "WECHAT_APPSECRET", ""},
		"the local client":          {map[string]string{"TOKEN_CLIENT_SECRETS": "local-client-secret-is-no-secret"}, "TOKEN_CLIENT_SECRETS", "token"},
		"a client, among others":    {map[string]string{"TOKEN_CLIENT_SECRETS": strings.Repeat("b", 32) + ",shop-client-of-a-sandbox-is-no-secret"}, "TOKEN_CLIENT_SECRETS", "service"},
		"the client of sam-local":   {map[string]string{"TOKEN_CLIENT_SECRETS": "a-client-on-this-computer"}, "TOKEN_CLIENT_SECRETS", "token"},
		"the local challenge":       {map[string]string{"CHALLENGE_SECRET": "local-challenge-secret-is-no-secret"}, "CHALLENGE_SECRET", "verify"},
		"the bearer of the soak":    {map[string]string{"HTTP_BEARER_TOKENS": "soak-bearer-token-is-no-secret"}, "HTTP_BEARER_TOKENS", ""},
		"the example, as it stands": {map[string]string{"WECHAT_APPID": "", "WECHAT_APPSECRET": "", "WECHAT_APPS": read(t, "../../deploy/apps.example.json")}, "WECHAT_APPS", ""},
		"the example's clients, for another app": {map[string]string{"WECHAT_APPID": "", "WECHAT_APPSECRET": "", "WECHAT_APPS": strings.NewReplacer(
			sandbox.DefaultAppID, private, sandbox.DefaultAppSecret, strings.Repeat("a", 32)).Replace(read(t, "../../deploy/apps.example.json"))}, "WECHAT_APPS", ""},
	} {
		for function := range builders {
			if c.only != "" && c.only != function {
				continue
			}
			environment := map[string]string{}
			for _, from := range []map[string]string{own, c.set} {
				for variable, value := range from {
					environment[variable] = value
				}
			}
			for _, base := range []string{"", "https://api.weixin.qq.com", "https://sh.API.weixin.qq.com.", "http://127.0.0.1:9000,https://api2.weixin.qq.com"} {
				environment["WECHAT_API_BASE"] = base
				err := build(function, environment)
				if assert.Error(t, err, "%s, %s in front of %q", name, function, base) {
					assert.Contains(t, err.Error(), c.at, name)
					assert.Contains(t, err.Error(), "anybody can read it", name)
					assert.NotContains(t, err.Error(), "is-no-secret", name)
				}
			}
			environment["WECHAT_API_BASE"] = "http://127.0.0.1:9000"
			require.NoError(t, build(function, environment), "the twin: %s, %s in front of a sandbox", name, function)
		}
	}
	for function := range builders {
		require.NoError(t, build(function, own), "the twin: own credentials")
	}
}

// Each secret that stands in an example is known as public.
func TestEveryExampleHoldsPublicSecretsOnly(t *testing.T) {
	set, err := parseApps([]byte(read(t, "../../deploy/apps.example.json")))
	require.NoError(t, err)
	for _, s := range append(appSecrets(set), clientSecrets(set.Clients)...) {
		assert.True(t, isPublic(s), s.Reveal())
	}
	var functions map[string]map[string]string
	require.NoError(t, json.Unmarshal([]byte(read(t, "../../deploy/sam-local.json")), &functions))
	for _, variables := range functions {
		for _, name := range []string{"WECHAT_APPSECRET", "TOKEN_CLIENT_SECRETS", "CHALLENGE_SECRET", "HTTP_BEARER_TOKENS"} {
			assert.True(t, variables[name] == "" || isPublic(secret.New(variables[name])), name)
		}
	}
	assert.Equal(t, sandbox.DefaultAppID, publicAppID)
	assert.True(t, isPublic(secret.New(sandbox.DefaultAppSecret)))
	assert.False(t, isPublic(secret.New(strings.Repeat("0123456789abcdef", 2))))
}

// A client of the token function cannot sign challenges.
func TestTheSecretOfAClientSignsNoChallenge(t *testing.T) {
	one, other := strings.Repeat("1", 32), strings.Repeat("2", 32)
	environment := map[string]string{
		"WECHAT_APPID": "wx0123456789abcdef", "WECHAT_APPSECRET": strings.Repeat("a", 32),
		"CHALLENGE_SECRET": one, "TOKEN_CLIENT_SECRETS": other,
	}
	require.NoError(t, build("service", environment), "the twin")
	environment["TOKEN_CLIENT_SECRETS"] = other + "," + one
	require.ErrorContains(t, build("service", environment), "CHALLENGE_SECRET must not hold a secret of TOKEN_CLIENT_SECRETS")
}
