package deploytest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/sandbox"
)

// variablesOf reads from a function's settings which environment variables it
// knows, and which of them are secret.
func variablesOf(t *testing.T, function string) (names []string, secret map[string]bool) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "internal", "wiring", function+"settings.go"), nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	secret = map[string]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		field, ok := node.(*ast.Field)
		if !ok || field.Tag == nil {
			return true
		}
		tag, err := strconv.Unquote(field.Tag.Value)
		require.NoError(t, err)
		name, _, _ := strings.Cut(reflect.StructTag(tag).Get("env"), ",")
		if name != "" {
			names = append(names, name)
			secret[name] = isSecret(field.Type)
		}
		return true
	})
	require.NotEmpty(t, names, function)
	slices.Sort(names)
	return names, secret
}

// isSecret recognizes secret.Text and []secret.Text.
func isSecret(kind ast.Expr) bool {
	if list, ok := kind.(*ast.ArrayType); ok {
		kind = list.Elt
	}
	selector, ok := kind.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, ok := selector.X.(*ast.Ident)
	return ok && from.Name == "secret" && selector.Sel.Name == "Text"
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

// forSeveralApps are variables that the templates for AWS leave out: they deploy the
// functions for one app. docs/central-token-server.md says what to write in them for
// several.
var forSeveralApps = map[string][]string{
	"verify": {"WECHAT_APPS", "WECHAT_APPS_FILE"},
	"token":  {"WECHAT_APPS", "WECHAT_APPS_FILE", "HTTP_BEARER_TOKENS"},
}

func TestVariablesAreThoseThatTheFunctionsKnow(t *testing.T) {
	for file, functions := range environments(t) {
		require.Len(t, functions, len(functionsOf), file)
		for function, variables := range functions {
			known, _ := variablesOf(t, function)
			for _, name := range forSeveralApps[function] {
				require.Contains(t, known, name)
				known = slices.DeleteFunc(known, func(other string) bool { return other == name })
			}
			assert.Equal(t, known, slices.Sorted(maps.Keys(variables)), "%s: %s", file, function)
		}
	}
}

func TestSecretsAreReferences(t *testing.T) {
	for file, functions := range environments(t) {
		for function, variables := range functions {
			_, secret := variablesOf(t, function)
			for name, value := range variables {
				if text := references(value); secret[name] {
					for _, reference := range text {
						assert.Regexp(t, `^$|^\{\{resolve:secretsmanager:.+\}\}$|^\$\{self:custom\.(secret|challengeSecret|redisURL)`, reference, "%s: %s of %s", file, name, function)
					}
				} else {
					assert.NotContains(t, strings.Join(text, " "), "secret", "%s: %s of %s needs no secret", file, name, function)
				}
			}
		}
	}
}

// references are the texts that a value may turn into.
func references(value any) []string {
	switch value := value.(type) {
	case string:
		return []string{value}
	case object:
		if choice, ok := value["Fn::If"].([]any); ok {
			return append(references(choice[1]), references(choice[2])...)
		}
		if text, ok := value["Fn::Sub"].(string); ok {
			return []string{text}
		}
	}
	return nil
}

func TestOnlyTheTokenFunctionHasTheAppSecret(t *testing.T) {
	for file, functions := range environments(t) {
		for function, variables := range functions {
			for name, value := range variables {
				for _, text := range references(value) {
					has := strings.Contains(text, ":WECHAT_APPSECRET:")
					assert.Equal(t, function == "token" && name == "WECHAT_APPSECRET", has, "%s: %s of %s", file, name, function)
				}
			}
		}
		assert.Contains(t, references(functions["verify"]["WECHAT_APPSECRET"])[0], ":VERIFY_CLIENT_SECRET:", file)
	}
}

// What CloudFormation would refuse or, worse, take for a part of the name.
func TestSecretReferencesAreWellFormed(t *testing.T) {
	for file, functions := range environments(t) {
		for function, variables := range functions {
			for name, value := range variables {
				for _, text := range references(value) {
					if strings.HasPrefix(text, "{{") {
						assert.Regexp(t, `^\{\{resolve:secretsmanager:\$\{Secrets\}:SecretString:[A-Z_]+::\$\{SecretsVersion\}\}\}$`, text, "%s: %s of %s", file, name, function)
					}
				}
			}
		}
	}
}

// TestSAMLocalMeetsTheSandbox: what `sam local -n` sets instead of what the
// template refers to, for a sandbox started by `go run ./scripts/local`.
func TestSAMLocalMeetsTheSandbox(t *testing.T) {
	template := environments(t)["template.yaml"]
	for id, variables := range load(t, "sam-local.json") {
		declared := template[functionsOf[id]]
		require.NotNil(t, declared, id)
		assert.Equal(t, sandbox.DefaultAppID, at(t, variables, "WECHAT_APPID"))
		assert.Equal(t, sandbox.DefaultAppSecret, at(t, variables, "WECHAT_APPSECRET"))
		for name := range variables.(object) {
			assert.Contains(t, declared, name, "SAM sets only what the template declares")
		}
		for name, value := range declared {
			for _, text := range references(value) {
				if strings.Contains(text, "{{resolve:") || strings.Contains(text, "${Api}") {
					assert.Contains(t, variables, name, "%s: SAM would hand over the reference itself", id)
				}
			}
		}
	}
}
