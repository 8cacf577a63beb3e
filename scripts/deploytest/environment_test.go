package deploytest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secret"
	"sotercall/internal/wiring"
)

// variablesOf returns which environment variables a function knows, and which of them are
// secret.
func variablesOf(t *testing.T, function string) (names []string, secret map[string]bool) {
	t.Helper()
	secret = map[string]bool{}
	for _, variable := range wiring.Variables(function) {
		names = append(names, variable.Name)
		secret[variable.Name] = variable.Secret
	}
	require.NotEmpty(t, names, function)
	slices.Sort(names)
	return names, secret
}

// environments are the variables that a deployment file gives each function.
func environments(t *testing.T) map[string]map[string]object {
	t.Helper()
	sam, serverless := map[string]object{}, map[string]object{}
	for id, properties := range resources(t, load(t, "template.yaml"), "AWS::Serverless::Function") {
		sam[functionsOf[id]] = at(t, properties, "Environment", "Variables").(object)
	}
	for name, function := range at(t, load(t, "serverless.aws.yml"), "functions").(object) {
		serverless[name] = at(t, function, "environment").(object)
	}
	return map[string]map[string]object{"template.yaml": sam, "serverless.aws.yml": serverless}
}

// arnOf is the variable that says where the secret of another is kept; empty for a
// variable that holds no secret.
func arnOf(name string, secrets map[string]bool) string {
	if !secrets[name] {
		return ""
	}
	return name + secret.Suffix
}

// forSeveralApps are variables that the templates for AWS leave out: they deploy the
// functions for one app, and ask nobody in the clear. docs/central-token-server.md says
// what to write in them for several.
var forSeveralApps = map[string][]string{
	"verify": {"CLEARTEXT_HOSTS", "WECHAT_APPS", "WECHAT_APPS_FILE"},
	"token":  {"CLEARTEXT_HOSTS", "WECHAT_APPS", "WECHAT_APPS_FILE", "HTTP_BEARER_TOKENS"},
}

func TestVariablesAreThoseThatTheFunctionsKnow(t *testing.T) {
	for file, functions := range environments(t) {
		require.Len(t, functions, len(functionsOf), file)
		for function, variables := range functions {
			known, secret := variablesOf(t, function)
			for _, name := range forSeveralApps[function] {
				require.Contains(t, known, name)
				known = slices.DeleteFunc(known, func(other string) bool { return other == name })
			}
			said := maps.Clone(variables)
			for _, name := range known {
				assert.Contains(t, said, name, "%s: %s", file, function)
				delete(said, name)
				delete(said, arnOf(name, secret))
			}
			assert.Empty(t, said, "%s: %s knows no such variables", file, function)
		}
	}
}

// TestNoSecretStandsInTheConfiguration: whoever may read a function's configuration
// (lambda:GetFunctionConfiguration) reads its variables.
func TestNoSecretStandsInTheConfiguration(t *testing.T) {
	for file, functions := range environments(t) {
		for function, variables := range functions {
			_, secret := variablesOf(t, function)
			for name, value := range variables {
				if secret[name] {
					assert.Equal(t, "", value, "%s: %s of %s", file, name, function)
				}
				for _, text := range references(value) {
					assert.NotContains(t, text, "{{resolve:", "%s: %s of %s", file, name, function)
				}
			}
		}
	}
}

// secretsOf are the secrets that each function reads, by the variables that they go
// into, with a set of parameters.
func secretsOf(t *testing.T, set object) map[string]map[string]string {
	t.Helper()
	found := map[string]map[string]string{}
	for id, resource := range evaluate(t, load(t, "template.yaml"), set).stack() {
		if function, ok := functionsOf[id]; ok {
			found[function] = map[string]string{}
			for variable, value := range at(t, resource, "Properties", "Environment", "Variables").(object) {
				if name, isARN := strings.CutSuffix(variable, secret.Suffix); isARN && value != "" {
					secret, ok := strings.CutPrefix(value.(string), "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:sotercall/")
					require.True(t, ok, "%s: %v", variable, value)
					found[function][name] = secret
				}
			}
		}
	}
	return found
}

// Each function reads what it needs and nothing else. Without a store verify is a
// client of the token function, and has no AppSecret.
func TestFunctionsReadTheirOwnSecrets(t *testing.T) {
	app := map[string]string{"WECHAT_APPSECRET": "WECHAT_APPSECRET"}
	assert.Equal(t, map[string]map[string]string{"verify": app}, secretsOf(t, nil), "only AppId matters")
	assert.Equal(t, map[string]map[string]string{
		"verify":    {"WECHAT_APPSECRET": "WECHAT_APPSECRET", "CHALLENGE_SECRET": "CHALLENGE_SECRET", "REDIS_URL": "REDIS_URL"},
		"token":     {"WECHAT_APPSECRET": "WECHAT_APPSECRET", "TOKEN_CLIENT_SECRETS": "TOKEN_CLIENT_SECRETS", "REDIS_URL": "REDIS_URL"},
		"challenge": {"CHALLENGE_SECRET": "CHALLENGE_SECRET"},
	}, secretsOf(t, object{"Challenges": "yes", "Store": "redis", "TokenClients": "yes"}))
	assert.Equal(t, map[string]map[string]string{
		"verify": {"WECHAT_APPSECRET": "VERIFY_CLIENT_SECRET"},
		"token":  {"WECHAT_APPSECRET": "WECHAT_APPSECRET", "TOKEN_CLIENT_SECRETS": "TOKEN_CLIENT_SECRETS"},
	}, secretsOf(t, object{"Store": "none"}))
}

// references are the texts that a value may turn into.
func references(value any) []string {
	switch value := value.(type) {
	case string:
		return []string{value}
	case object:
		if name, ok := value["Ref"].(string); ok {
			return []string{name}
		}
		if choice, ok := value["Fn::If"].([]any); ok {
			return append(references(choice[1]), references(choice[2])...)
		}
		if text, ok := value["Fn::Sub"].(string); ok {
			return []string{text}
		}
	}
	return nil
}

// TestSAMLocalMeetsTheSandbox: what `sam local -n` sets instead of what the
// template refers to, for a sandbox started by `go run ./scripts/local`.
func TestSAMLocalMeetsTheSandbox(t *testing.T) {
	template := environments(t)["template.yaml"]
	all := load(t, "sam-local.json")
	require.Len(t, all, len(functionsOf))
	for id, function := range functionsOf {
		declared, variables := template[function], at(t, all, id)
		if _, asksWeChat := declared["WECHAT_APPID"]; asksWeChat {
			assert.Equal(t, sandbox.DefaultAppID, at(t, variables, "WECHAT_APPID"))
			assert.Equal(t, sandbox.DefaultAppSecret, at(t, variables, "WECHAT_APPSECRET"))
		}
		for name := range variables.(object) {
			assert.Contains(t, declared, name, "SAM sets only what the template declares")
		}
		for name, value := range declared {
			for _, text := range references(value) {
				if strings.Contains(text, "${AWS::") || text == "StoreTable" {
					assert.Contains(t, variables, name, "%s: SAM would hand over the reference itself", id)
				}
			}
		}
	}
}
