package deploytest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/need"
)

// component is one instance of the application: its inputs with all variables
// in place, those of the environment as "the value of NAME".
func component(t *testing.T, name string) object {
	t.Helper()
	app := load(t, "serverless.yml")
	instance := load(t, filepath.Join(name, "serverless.yml"))
	assert.Equal(t, "scf", instance["component"])
	variables := map[string]string{"app": app["app"].(string), "stage": app["stage"].(string), "name": instance["name"].(string)}
	content, err := json.Marshal(instance["inputs"])
	require.NoError(t, err)
	content = regexp.MustCompile(`\$\{([^}]*)\}`).ReplaceAllFunc(content, func(reference []byte) []byte {
		name := string(reference[2 : len(reference)-1])
		if variable, ok := strings.CutPrefix(name, "env:"); ok {
			return []byte("the value of " + variable)
		}
		require.Contains(t, variables, name)
		return []byte(variables[name])
	})
	var inputs object
	require.NoError(t, json.Unmarshal(content, &inputs))
	return inputs
}

// A variable that a function knows stands in its file, or in the comment there, which says
// when to add it: unlike a CloudFormation parameter, ${env:...} must have a value, and
// whether SCF takes an empty one is not documented.
func TestTencentVariablesAreThoseThatTheFunctionsKnow(t *testing.T) {
	for _, function := range functionsOf {
		known, _ := variablesOf(t, function)
		given := at(t, component(t, function), "environment", "variables").(object)
		for name := range given {
			assert.Contains(t, known, name, function)
			assert.NotRegexp(t, `^(SCF|QCLOUD|TENCENTCLOUD)_`, name, "reserved by the platform")
		}
		file, err := os.ReadFile(filepath.Join(function, "serverless.yml"))
		require.NoError(t, err)
		comment, _, _ := strings.Cut(string(file), "\n'component'")
		for _, name := range known {
			if _, isGiven := given[name]; !isGiven && name != "DYNAMODB_TABLE" { // of another cloud
				assert.Regexp(t, `\b`+name+`\b`, comment, "%s does not say that it may be added", function)
			}
		}
	}
}

func TestTencentSecretsComeFromTheEnvironment(t *testing.T) {
	example, err := os.ReadFile(".env.example")
	require.NoError(t, err)
	for _, function := range functionsOf {
		_, secret := variablesOf(t, function)
		for name, value := range at(t, component(t, function), "environment", "variables").(object) {
			text := value.(string)
			variable, fromEnvironment := strings.CutPrefix(text, "the value of ")
			if secret[name] {
				assert.True(t, fromEnvironment, "%s of %s", name, function)
			}
			if fromEnvironment {
				assert.Contains(t, string(example), "\n"+variable+"=", ".env.example")
			}
			assert.Equal(t, function == "token" && name == "WECHAT_APPSECRET", variable == "WECHAT_APPSECRET", "the AppSecret is token's alone")
		}
	}
}

// TestWhatTencentWouldBeSent deploys with Tencent's own library, cut off from
// the network, and compares what it would send.
func TestWhatTencentWouldBeSent(t *testing.T) {
	need.CI(t)
	folder := need.NodeModules(t, tools)
	for function, want := range map[string]string{
		"verify": `[{
			"Action": "CreateFunction", "Version": "2018-04-16", "FunctionName": "sotercall-prod-verify", "Namespace": "default",
			"Description": "openapi.soter.verifySignature", "Type": "Event", "Runtime": "Go1", "Handler": "main", "DeployMode": "code",
			"Code": {"CosBucketName": "bucket", "CosObjectName": "verify.zip"},
			"MemorySize": 128, "Timeout": 10, "InitTimeout": 3, "DiskSize": 512, "L5Enable": "FALSE", "InstallDependency": "FALSE",
			"PublicNetConfig": {"PublicNetStatus": "ENABLE", "EipConfig": {"EipStatus": "DISABLE"}},
			"Environment": {"Variables": [
				{"Key": "ACCESS_TOKEN_MODE", "Value": "stable"},
				{"Key": "CHALLENGE_SECRET", "Value": "the value of CHALLENGE_SECRET"},
				{"Key": "HTTP_AUTH", "Value": "platform"},
				{"Key": "LOG_LEVEL", "Value": "info"},
				{"Key": "SOTER_VERIFIER", "Value": "wechat"},
				{"Key": "WECHAT_API_BASE", "Value": "https://api.weixin.qq.com,https://api2.weixin.qq.com"},
				{"Key": "WECHAT_APPID", "Value": "the value of WECHAT_APPID"},
				{"Key": "WECHAT_APPSECRET", "Value": "the value of VERIFY_CLIENT_SECRET"},
				{"Key": "WECHAT_TOKEN_BASE", "Value": "the value of WECHAT_TOKEN_BASE"}
			]}
		}, {
			"Action": "CreateTrigger", "Version": "2018-04-16", "FunctionName": "sotercall-prod-verify", "Namespace": "default",
			"Type": "http", "TriggerName": "url", "Qualifier": "$DEFAULT", "Enable": "OPEN",
			"TriggerDesc": "{\"AuthType\":\"CAM\",\"NetConfig\":{\"EnableIntranet\":true,\"EnableExtranet\":true}}"
		}]`,
		"token": `[{
			"Action": "CreateFunction", "Version": "2018-04-16", "FunctionName": "sotercall-prod-token", "Namespace": "default",
			"Description": "The one place that fetches access_tokens", "Type": "Event", "Runtime": "Go1", "Handler": "main", "DeployMode": "code",
			"Code": {"CosBucketName": "bucket", "CosObjectName": "token.zip"},
			"MemorySize": 128, "Timeout": 10, "InitTimeout": 3, "DiskSize": 512, "L5Enable": "FALSE", "InstallDependency": "FALSE",
			"PublicNetConfig": {"PublicNetStatus": "ENABLE", "EipConfig": {"EipStatus": "DISABLE"}},
			"Environment": {"Variables": [
				{"Key": "ACCESS_TOKEN_MODE", "Value": "stable"},
				{"Key": "LOG_LEVEL", "Value": "info"},
				{"Key": "TOKEN_CLIENT_SECRETS", "Value": "the value of TOKEN_CLIENT_SECRETS"},
				{"Key": "WECHAT_API_BASE", "Value": "https://api.weixin.qq.com,https://api2.weixin.qq.com"},
				{"Key": "WECHAT_APPID", "Value": "the value of WECHAT_APPID"},
				{"Key": "WECHAT_APPSECRET", "Value": "the value of WECHAT_APPSECRET"}
			]}
		}, {
			"Action": "CreateTrigger", "Version": "2018-04-16", "FunctionName": "sotercall-prod-token", "Namespace": "default",
			"Type": "http", "TriggerName": "url", "Qualifier": "$DEFAULT", "Enable": "OPEN",
			"TriggerDesc": "{\"AuthType\":\"NONE\",\"NetConfig\":{\"EnableIntranet\":true,\"EnableExtranet\":true}}"
		}, {
			"Action": "CreateTrigger", "Version": "2018-04-16", "FunctionName": "sotercall-prod-token", "Namespace": "default",
			"Type": "timer", "TriggerName": "every-five-minutes", "Qualifier": "$DEFAULT", "Enable": "OPEN",
			"TriggerDesc": "0 */5 * * * * *"
		}]`,
		"challenge": `[{
			"Action": "CreateFunction", "Version": "2018-04-16", "FunctionName": "sotercall-prod-challenge", "Namespace": "default",
			"Description": "Issues challenges for wx.startSoterAuthentication", "Type": "Event", "Runtime": "Go1", "Handler": "main", "DeployMode": "code",
			"Code": {"CosBucketName": "bucket", "CosObjectName": "challenge.zip"},
			"MemorySize": 128, "Timeout": 10, "InitTimeout": 3, "DiskSize": 512, "L5Enable": "FALSE", "InstallDependency": "FALSE",
			"PublicNetConfig": {"PublicNetStatus": "DISABLE", "EipConfig": {"EipStatus": "DISABLE"}},
			"Environment": {"Variables": [
				{"Key": "CHALLENGE_SECRET", "Value": "the value of CHALLENGE_SECRET"},
				{"Key": "CHALLENGE_TTL", "Value": "2m"},
				{"Key": "HTTP_AUTH", "Value": "platform"},
				{"Key": "LOG_LEVEL", "Value": "info"}
			]}
		}, {
			"Action": "CreateTrigger", "Version": "2018-04-16", "FunctionName": "sotercall-prod-challenge", "Namespace": "default",
			"Type": "http", "TriggerName": "url", "Qualifier": "$DEFAULT", "Enable": "OPEN",
			"TriggerDesc": "{\"AuthType\":\"CAM\",\"NetConfig\":{\"EnableIntranet\":true,\"EnableExtranet\":true}}"
		}]`,
	} {
		inputs := component(t, function)
		assert.Equal(t, "../../dist/scf/"+function, inputs["src"], "where scripts/package puts it")
		inputs["code"] = object{"bucket": "bucket", "object": function + ".zip"} // the component uploads src there
		assert.JSONEq(t, want, sent(t, folder, inputs), function)
	}
}

// sent returns the requests that create something, variables in order.
func sent(t *testing.T, tools string, inputs object) string {
	t.Helper()
	stdin, err := json.Marshal(inputs)
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), "node", "scf.js")
	command.Dir = tools
	command.Stdin = bytes.NewReader(stdin)
	stdout, err := command.Output()
	require.NoError(t, err)
	var requests []object
	require.NoError(t, json.Unmarshal(stdout, &requests))
	requests = slices.DeleteFunc(requests, func(r object) bool { return !strings.HasPrefix(r["Action"].(string), "Create") })
	for _, request := range requests {
		if environment, ok := request["Environment"].(object); ok {
			slices.SortFunc(environment["Variables"].([]any), func(a, b any) int {
				return strings.Compare(a.(object)["Key"].(string), b.(object)["Key"].(string))
			})
		}
	}
	created, err := json.Marshal(requests)
	require.NoError(t, err)
	return string(created)
}

// HTTP_AUTH=platform behind an open function URL would let everybody in.
func TestTencentDoorsThatTrustThePlatformAreItsOwn(t *testing.T) {
	for _, function := range functionsOf {
		inputs := component(t, function)
		trusting := at(t, inputs, "environment", "variables").(object)["HTTP_AUTH"] == "platform"
		assert.Equal(t, function != "token", trusting, function)
		for _, event := range at(t, inputs, "events").([]any) {
			if door, ok := event.(object)["http"]; ok {
				assert.Equal(t, trusting, at(t, door, "parameters", "authType") == "CAM", function)
			}
		}
	}
}
