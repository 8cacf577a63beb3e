package deploytest

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/need"
)

// functionsOf are the functions of template.yaml by logical id, and the folder
// below functions/ where each stands.
var functionsOf = map[string]string{
	"VerifyFunction":    "verify",
	"TokenFunction":     "token",
	"ChallengeFunction": "challenge",
}

func resources(t *testing.T, template object, kind string) map[string]object {
	t.Helper()
	found := map[string]object{}
	for id, resource := range at(t, template, "Resources").(object) {
		if at(t, resource, "Type") == kind {
			found[id] = at(t, resource, "Properties").(object)
		}
	}
	return found
}

func TestCFNLintFindsNothing(t *testing.T) {
	lint, err := need.Find("cfn-lint")
	need.Optional(t, err)                                   // CI does not install it: it is Python's
	output(t.Context(), t, ".", nil, lint, "template.yaml") // its status tells
}

func TestTemplateHasEveryFunction(t *testing.T) {
	found := map[string]string{}
	for id, properties := range resources(t, load(t, "template.yaml"), "AWS::Serverless::Function") {
		uri := at(t, properties, "CodeUri").(string)
		assert.FileExists(t, filepath.Join(uri, "main.go"), id)
		found[id] = filepath.Base(uri)
	}
	assert.Equal(t, functionsOf, found)
	files, err := filepath.Glob("../functions/*/main.go")
	require.NoError(t, err)
	deployed := slices.Collect(maps.Values(found))
	for _, file := range files {
		// functions/service is for containers: the others in one.
		if name := filepath.Base(filepath.Dir(file)); name != "service" {
			assert.Contains(t, deployed, name, "a function of the repository is missing")
		}
	}
	assert.NotContains(t, deployed, "service")
}

func TestFunctionsRunTheSmallestThing(t *testing.T) {
	globals := at(t, load(t, "template.yaml"), "Globals", "Function")
	assert.Equal(t, object{
		"Runtime": "provided.al2023", "Architectures": []any{object{"Ref": "Architecture"}}, "Handler": "bootstrap",
		"MemorySize": 128, "Timeout": 10, // an HTTP API waits 30 seconds
		"KmsKeyArn": object{"Fn::If": []any{"HasKmsKey", object{"Ref": "KmsKeyArn"}, object{"Ref": "AWS::NoValue"}}},
	}, globals)
	assert.Equal(t, "arm64", at(t, load(t, "template.yaml"), "Parameters", "Architecture", "Default"))
}

func TestEveryFunctionHasItsLogRoleLimitAndAlarms(t *testing.T) {
	template := load(t, "template.yaml")
	all := at(t, template, "Resources").(object)
	for id, properties := range resources(t, template, "AWS::Serverless::Function") {
		name := strings.TrimSuffix(id, "Function")
		condition, hasCondition := all[id].(object)["Condition"]
		for _, part := range []string{"Logs", "Role", "Errors", "Throttles", "Permission", "Integration"} {
			resource := at(t, all, name+part).(object)
			if hasCondition {
				assert.Equal(t, condition, resource["Condition"], name+part)
			}
		}
		assert.Equal(t, object{"Ref": name + "Logs"}, at(t, properties, "LoggingConfig", "LogGroup"))
		assert.Equal(t, object{"Fn::GetAtt": name + "Role.Arn"}, at(t, properties, "Role"))
		assert.Equal(t, []any{"Reserves" + name, object{"Ref": name + "Concurrency"}, object{"Ref": "AWS::NoValue"}},
			at(t, properties, "ReservedConcurrentExecutions", "Fn::If"))
		for _, metric := range []string{"Errors", "Throttles"} {
			alarm := at(t, all, name+metric, "Properties").(object)
			assert.Equal(t, metric, alarm["MetricName"])
			assert.Equal(t, []any{object{"Name": "FunctionName", "Value": object{"Ref": id}}}, alarm["Dimensions"])
			assert.Equal(t, "notBreaching", alarm["TreatMissingData"], "no call is no failure")
		}
	}
	for id, group := range resources(t, template, "AWS::Logs::LogGroup") {
		assert.Equal(t, object{"Ref": "LogRetentionDays"}, group["RetentionInDays"], id)
	}
}

// Some parameters steer no function, and a misspelt one steers nothing.
func TestEveryParameterAndConditionIsUsed(t *testing.T) {
	text, err := os.ReadFile("template.yaml")
	require.NoError(t, err)
	template := load(t, "template.yaml")
	for name := range at(t, template, "Parameters").(object) {
		used := regexp.MustCompile(`!Ref ` + name + `\b|\$\{` + name + `\}`)
		assert.Regexp(t, used, string(text))
	}
	for name := range at(t, template, "Conditions").(object) {
		used := regexp.MustCompile(`!If \[` + name + `,|Condition:? ` + name + `\b|- ` + name + `\n`)
		assert.Regexp(t, used, string(text))
	}
}
