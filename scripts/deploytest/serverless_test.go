package deploytest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/documented"
	"sotercall/internal/test/need"
)

// tools is where the Node tools are installed, seen from the folder deploy.
const tools = "../scripts/deploytest"

const configuration = "--config=serverless.aws.yml"

// osls runs the Serverless Framework's fork as the README says, without an
// account.
func osls(t *testing.T, args ...string) string {
	t.Helper()
	said, err := runOsls(t, args...)
	require.NoError(t, err, "osls %v\n%s", args, said)
	return said
}

// runOsls returns what osls has printed, and on failure what it has said of it.
func runOsls(t *testing.T, args ...string) (string, error) {
	t.Helper()
	need.CI(t)
	program := filepath.Join(need.NodeModules(t, tools), "node_modules", ".bin", "osls")
	command := exec.CommandContext(t.Context(), program, args...)
	command.Env = append(os.Environ(),
		"HOME="+t.TempDir(), "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_EC2_METADATA_DISABLED=true",
		"GOPATH="+goEnv(t, "GOPATH"), "GOCACHE="+goEnv(t, "GOCACHE"), "GOENV="+goEnv(t, "GOENV"))
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return stdout.String() + stderr.String(), err
	}
	return stdout.String(), nil
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(output(t.Context(), t, ".", nil, "go", "env", name))
}

// serverless 3 and osls leave a folder to Tencent's tools whose serverless.yml, or
// that of a folder below, has a line that begins with component: or has a
// component in it further in (lib/cli/triage.js).
func TestServerlessTakesTheFolderForItsOwn(t *testing.T) {
	instances, err := filepath.Glob("*/serverless.yml")
	require.NoError(t, err)
	require.Len(t, instances, 3)
	for _, file := range append(instances, "serverless.yml") {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.NotRegexp(t, `(?m)^\s*component\s*:`, string(content), file)
	}
	for _, file := range instances {
		assert.Equal(t, "scf", load(t, file)["component"], "the twin: Tencent's tools read YAML")
	}
}

func TestServerlessPrint(t *testing.T) {
	printed := osls(t, "print", configuration, "--param", "appId=wx0123456789abcdef", "--param", "redis=yes")
	assert.Contains(t, printed, "WECHAT_APPID: wx0123456789abcdef\n")
	assert.Regexp(t, `REDIS_URL_ARN:\s+Fn::Sub: >-\s+arn:\$\{AWS::Partition\}:secretsmanager:\$\{AWS::Region\}:\$\{AWS::AccountId\}:secret:sotercall/REDIS_URL\n`, printed)
	assert.Contains(t, printed, "DYNAMODB_TABLE: ''\n")
	assert.Contains(t, printed, "CHALLENGE_SECRET: ''\n")
	assert.NotRegexp(t, `\$\{(param|self|env|opt):`, printed)
	assert.Regexp(t, `DYNAMODB_TABLE:\s+Ref: StoreTable\n`, osls(t, "print", configuration, "--param", "appId=wx0123456789abcdef"), "the twin")
}

// documentedOsls returns the arguments of the one command that the test runs, with an AppID.
func documentedOsls(t *testing.T) []string {
	t.Helper()
	commands := documented.Commands(t)
	require.Len(t, commands, 1)
	return strings.Fields(strings.Replace(commands[0], "wx…", "wx0123456789abcdef", 1))[1:]
}

func TestServerlessPackage(t *testing.T) {
	folder := t.TempDir()
	osls(t, append(documentedOsls(t), "--package", folder)...)
	content, err := os.ReadFile(filepath.Join(folder, "cloudformation-template-update-stack.json"))
	require.NoError(t, err)
	var stack object
	require.NoError(t, json.Unmarshal(content, &stack))

	for id, function := range resources(t, stack, "AWS::Lambda::Function") {
		assert.Equal(t, "provided.al2023", function["Runtime"], id)
		assert.Equal(t, []any{"arm64"}, function["Architectures"], id)
		assert.Equal(t, "bootstrap", function["Handler"], id)
	}
	found := map[string]route{}
	for _, properties := range resources(t, stack, "AWS::ApiGatewayV2::Route") {
		authorization, ok := properties["AuthorizationType"].(string)
		if !ok {
			authorization = "NONE"
		}
		target := fmt.Sprint(properties["Target"])
		for _, name := range functionsOf {
			if strings.Contains(strings.ToLower(target), "integration"+name) {
				found[properties["RouteKey"].(string)] = route{authorization, name}
			}
		}
	}
	assert.Equal(t, doors, found)
	for _, integration := range resources(t, stack, "AWS::ApiGatewayV2::Integration") {
		assert.Equal(t, "2.0", integration["PayloadFormatVersion"])
	}
	for _, function := range functionsOf {
		packed, err := zip.OpenReader(filepath.Join("..", "dist", "lambda", function+".zip"))
		require.NoError(t, err)
		assert.Equal(t, "bootstrap", packed.File[0].Name)
		require.NoError(t, packed.Close())
	}
}

func TestServerlessPackagesNothingWithoutAnAppID(t *testing.T) {
	for _, args := range [][]string{nil, {"--param", "appId=wx…"}} {
		said, err := runOsls(t, append([]string{"package", configuration, "--package", t.TempDir()}, args...)...)
		assert.Error(t, err, "%v: %s", args, said)
		assert.Contains(t, said, "the AppID of the Mini Program is missing: --param appId=wx...", args)
	}
}

func TestServerlessInvokeLocal(t *testing.T) {
	const verified = `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}` + "\n"
	assert.Equal(t, verified, osls(t, documentedOsls(t)...))
	assert.Contains(t, osls(t, "invoke", "local", configuration, "-f", "verify", "-d", `{"openid":"x"}`), "parameter.jsonString is missing")
}
