package wiring

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
	"sotercall/internal/test/hosted"
)

// values are what each variable may be set to, beside nothing.
var values = map[string][]string{
	"WECHAT_APPID":       {"wx0123456789abcdef"},
	"WECHAT_APPSECRET":   {"the-secret-of-the-app"},
	"WECHAT_APPS":        {`{"apps":{"wx0123456789abcdef":{"secret":"the-secret-of-the-app"}}}`},
	"WECHAT_APPS_FILE":   {"testdata/apps.json"},
	"WECHAT_API_BASE":    {"https://api2.weixin.qq.com", "http://api.weixin.qq.com"},
	"WECHAT_TOKEN_BASE":  {"https://token.example.com"},
	"CLEARTEXT_HOSTS":    {"sotercall-token"},
	"ACCESS_TOKEN_MODE":  {"stable", "classic", "cloudbase", "none"},
	"SOTER_VERIFIER":     {"wechat", "cloudcall", "local"},
	"CHALLENGE_SECRET":   {"a-challenge-secret-of-this-test-1"},
	"CHALLENGE_PURPOSE":  {"optional", "required"},
	"COUNTER_POLICY":     {"log", "enforce"},
	"AUTHKEYS_FILE":      {"authkeys.json"},
	"REDIS_URL":          {"redis://127.0.0.1:6379"},
	"DYNAMODB_TABLE":     {"sotercall"},
	"HTTP_AUTH":          {"bearer", "platform", "wechat"},
	"HTTP_BEARER_TOKENS": {"a-bearer-token-of-the-test"},
	"HTTP_BASE_PATH":     {"/v1/soter"},
	"LOG_LEVEL":          {"debug"},
}

// isUsed says of a variable that is set whether anything comes of it, from what
// README and docs say.
func isUsed(name string, e map[string]string) bool {
	asksWeChat := e["SOTER_VERIFIER"] == "" || e["SOTER_VERIFIER"] == "wechat"
	cloudbase := e["ACCESS_TOKEN_MODE"] == "cloudbase" || e["ACCESS_TOKEN_MODE"] == "none"
	document := e["WECHAT_APPS"] != "" || e["WECHAT_APPS_FILE"] != ""
	fetches := !cloudbase && (document || e["WECHAT_APPID"] != "" && e["WECHAT_APPSECRET"] != "")
	switch name {
	case "WECHAT_APPID", "WECHAT_APPSECRET":
		return !cloudbase && !document
	case "WECHAT_APPS":
		return !cloudbase && e["SOTER_VERIFIER"] != "cloudcall" && e["WECHAT_APPS_FILE"] == ""
	case "WECHAT_APPS_FILE":
		return !cloudbase && e["SOTER_VERIFIER"] != "cloudcall"
	case "WECHAT_TOKEN_BASE":
		return fetches
	case "WECHAT_API_BASE":
		// In the clear exactly where no token is sent.
		return (asksWeChat || fetches) && strings.HasPrefix(e[name], "http:") == (e["ACCESS_TOKEN_MODE"] == "none")
	case "ACCESS_TOKEN_MODE":
		return cloudbase && asksWeChat || fetches && !document
	case "CHALLENGE_PURPOSE":
		return e["CHALLENGE_SECRET"] != ""
	case "COUNTER_POLICY":
		return e[name] == "log" || e["REDIS_URL"] != "" || e["DYNAMODB_TABLE"] != ""
	case "REDIS_URL", "DYNAMODB_TABLE":
		return e["REDIS_URL"] == "" || e["DYNAMODB_TABLE"] == "" // one store
	case "AUTHKEYS_FILE":
		return e["SOTER_VERIFIER"] == "local"
	case "HTTP_BEARER_TOKENS":
		return e["HTTP_AUTH"] != "platform"
	}
	return true
}

// isComplete says whether anything is missing.
func isComplete(e map[string]string) bool {
	id, secret := e["WECHAT_APPID"] != "", e["WECHAT_APPSECRET"] != ""
	switch {
	case e["SOTER_VERIFIER"] == "local" && e["AUTHKEYS_FILE"] == "" && e["REDIS_URL"] == "" && e["DYNAMODB_TABLE"] == "":
		return false
	case e["ACCESS_TOKEN_MODE"] == "cloudbase", e["ACCESS_TOKEN_MODE"] == "none":
		return true
	case e["WECHAT_APPS"] != "", e["WECHAT_APPS_FILE"] != "":
		return true
	case e["SOTER_VERIFIER"] == "" || e["SOTER_VERIFIER"] == "wechat":
		return id && secret
	}
	return id == secret
}

// TestSetVariableIsUsedOrRefused sets every pair of variables, on top of every
// way to use the function.
func TestSetVariableIsUsedOrRefused(t *testing.T) {
	fetching := map[string]string{"WECHAT_APPID": "wx0123456789abcdef", "WECHAT_APPSECRET": "the-secret-of-the-app"}
	refused, taken := 0, 0
	for name, base := range map[string]map[string]string{
		"nothing":                     {},
		"WeChat":                      fetching,
		"WeChat, several apps":        {"WECHAT_APPS_FILE": "testdata/apps.json"},
		"the platform's token":        {"ACCESS_TOKEN_MODE": "cloudbase"},
		"no token":                    {"ACCESS_TOKEN_MODE": "none"},
		"Cloud Call":                  {"SOTER_VERIFIER": "cloudcall"},
		"Cloud Call, and HTTPS Call":  hosted.With(fetching, map[string]string{"SOTER_VERIFIER": "cloudcall"}),
		"own keys in a file":          {"SOTER_VERIFIER": "local", "AUTHKEYS_FILE": "authkeys.json"},
		"own keys in a store":         {"SOTER_VERIFIER": "local", "REDIS_URL": "redis://127.0.0.1:6379"},
		"own keys in a table":         {"SOTER_VERIFIER": "local", "DYNAMODB_TABLE": "sotercall"},
		"own keys, and several apps":  {"SOTER_VERIFIER": "local", "REDIS_URL": "redis://127.0.0.1:6379", "WECHAT_APPS_FILE": "testdata/apps.json"},
		"own keys, and an HTTPS Call": hosted.With(fetching, map[string]string{"SOTER_VERIFIER": "local", "REDIS_URL": "redis://127.0.0.1:6379"}),
	} {
		for first, firsts := range values {
			for second, seconds := range values {
				for _, a := range firsts {
					for _, b := range seconds {
						e := maps.Clone(base)
						e[first], e[second] = a, b
						_, err := readVerifySettings(e)
						ok := isComplete(e)
						for variable := range e {
							if isComplete(e) && !isUsed(variable, e) {
								ok = false
								if !assert.ErrorContains(t, err, variable, "%s with %s=%s, %s=%s", name, first, e[first], second, b) {
									return
								}
							}
						}
						require.Equal(t, ok, err == nil, "%s with %s=%s, %s=%s: %v", name, first, e[first], second, b, err)
						if ok {
							taken++
						} else {
							refused++
						}
					}
				}
			}
		}
	}
	assert.Greater(t, refused, 1000)
	assert.Greater(t, taken, 1000)
}

func TestEveryVariableIsInTheTable(t *testing.T) {
	var names []string
	for _, field := range variables(reflect.TypeFor[verifySettings]()) {
		name := field.Tag.Get("env")
		names = append(names, name)
		assert.Contains(t, values, name)
	}
	assert.Len(t, names, len(values))
	assert.Equal(t, modeNames(anyMode), values["ACCESS_TOKEN_MODE"])
}

// variables are the fields of settings, and of the settings in them, that are filled
// from variables.
func variables(settings reflect.Type) (fields []reflect.StructField) {
	for i := range settings.NumField() {
		field := settings.Field(i)
		switch {
		case field.Tag.Get("env") != "":
			fields = append(fields, field)
		case field.Type == reflect.TypeFor[storeSettings]():
			fields = append(fields, variables(field.Type)...)
		}
	}
	return fields
}

func TestUnsafeSecretsAreRefused(t *testing.T) {
	base := map[string]string{"WECHAT_APPID": "wx0123456789abcdef", "WECHAT_APPSECRET": "the-secret-of-the-app"}
	const good = "a-bearer-token-of-the-test"
	for name, bad := range map[string]string{
		"15 bytes":            "123456789012345",
		"blank":               strings.Repeat(" ", 20),
		"one of two is short": good + ",short",
		"an empty one":        good + ",," + good,
		"nothing but commas":  ",",
		"a comma at the end":  good + ",",
		"blanks around":       good + ", " + good + "2",
		"the AppSecret":       base["WECHAT_APPSECRET"],
		"the challenge's":     "a-challenge-secret-of-this-test-1",
	} {
		e := hosted.With(base, map[string]string{"HTTP_BEARER_TOKENS": bad, "CHALLENGE_SECRET": "a-challenge-secret-of-this-test-1"})
		_, err := readVerifySettings(e)
		if assert.ErrorContains(t, err, "HTTP_BEARER_TOKENS ", name) && len(bad) > 2 {
			assert.NotContains(t, err.Error(), bad, "no message holds a secret")
		}
	}
	for _, fine := range []string{good, good + ",another-bearer-token", "1234567890123456"} {
		_, err := readVerifySettings(hosted.With(base, map[string]string{"HTTP_BEARER_TOKENS": fine}))
		assert.NoError(t, err)
	}
	_, err := readVerifySettings(map[string]string{"WECHAT_APPID": "wx", "WECHAT_APPSECRET": strings.Repeat("s", 32), "CHALLENGE_SECRET": strings.Repeat("s", 32)})
	assert.ErrorContains(t, err, "CHALLENGE_SECRET must not hold")
}

func TestBasePaths(t *testing.T) {
	base := map[string]string{"WECHAT_APPID": "wx0123456789abcdef", "WECHAT_APPSECRET": "the-secret-of-the-app"}
	for path, ok := range map[string]bool{
		"/a": true, "/v1/soter": true, "/a.b-c_d~e": true,
		"/": false, "a": false, "/a/": false, "//a": false, "/a//b": false, "/..": false, "/a/./b": false, "/a%2Fb": false, "/a?b": false, "/é": false,
		"https://h/a": false, "/a b": false, "/a\nb": false, "/a\n": true,
	} {
		_, err := readVerifySettings(hosted.With(base, map[string]string{"HTTP_BASE_PATH": path}))
		assert.Equal(t, ok, err == nil, fmt.Sprintf("%q: %v", path, err))
	}
}

// TestEverySecretMayBeKeptInSecretsManager compares the variables that hold secrets
// with those that may be kept elsewhere.
func TestEverySecretMayBeKeptInSecretsManager(t *testing.T) {
	var names []string
	for _, settings := range []reflect.Type{reflect.TypeFor[verifySettings](), reflect.TypeFor[tokenSettings](), reflect.TypeFor[challengeSettings]()} {
		for _, field := range variables(settings) {
			name := field.Tag.Get("env")
			holds := field.Type == reflect.TypeFor[secret.Text]() || field.Type == reflect.TypeFor[[]secret.Text]()
			if holds && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	assert.ElementsMatch(t, names, secret.Variables)
}

// A store has one place, whether a variable names it or a program hands it in. What holds
// a password there is a secret.
func TestStoreIsTheSameHoweverItIsNamed(t *testing.T) {
	url := secret.New("redis://:a-password-of-the-test@127.0.0.1:6379")
	for _, s := range []storeSettings{{RedisURL: url}, {given: namedStore{variable: "REDIS_URL", place: url}}} {
		assert.True(t, s.isSet())
		assert.Equal(t, namedStore{variable: "REDIS_URL", place: url}, s.chosen())
		assert.Equal(t, []secret.Text{url}, s.secrets())
	}
	for _, s := range []storeSettings{{DynamoDBTable: "table"}, {given: namedStore{variable: "DYNAMODB_TABLE", place: secret.New("table")}}} {
		assert.True(t, s.isSet())
		assert.Equal(t, "DYNAMODB_TABLE", s.chosen().variable)
		assert.Empty(t, s.secrets(), "a table's name is none")
	}
	assert.False(t, storeSettings{}.isSet())
}
