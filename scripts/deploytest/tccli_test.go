package deploytest

import (
	"encoding/base64"
	"maps"
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

	"sotercall/internal/dev/emulator"
	"sotercall/internal/test/documented"
	"sotercall/internal/test/need"
	"sotercall/internal/test/tlstest"
)

// tccliWorld is where commands of docs/scf.md run: a copy of deploy, and a stand-in for
// Tencent's API.
type tccliWorld struct {
	*tencentCloud
	deploy      string
	environment []string
}

func newTCCLIWorld(t *testing.T) *tccliWorld {
	t.Helper()
	w := &tccliWorld{
		tencentCloud: &tencentCloud{t: t, api: loadTencentAPI(t), key: emulator.TC3Key{SecretID: "AKIDofthetest", SecretKey: "the-secret-key-of-the-test"}},
		deploy:       filepath.Join(t.TempDir(), "deploy"),
	}
	require.NoError(t, os.CopyFS(filepath.Join(w.deploy, "scf"), os.DirFS(filepath.Join(folder, "scf"))))
	example, err := os.ReadFile(filepath.Join(folder, ".env.example"))
	require.NoError(t, err)
	filledIn := regexp.MustCompile(`(?m)^(\w+)=$`).ReplaceAllString(string(example), "$1='the value of $1'")
	require.NoError(t, os.WriteFile(filepath.Join(w.deploy, ".env.example"), []byte(filledIn), 0o600))
	zips := filepath.Join(w.deploy, "../dist/scf")
	require.NoError(t, os.MkdirAll(zips, 0o755))
	for _, function := range functionsOf {
		require.NoError(t, os.WriteFile(filepath.Join(zips, function+".zip"), []byte("the zip of "+function), 0o600))
	}

	server := tlstest.Own().Serve(w.tencentCloud, tlstest.Common...)
	t.Cleanup(server.Close)
	// tccli trusts the authorities of Python's certifi, and no other; the interpreter is
	// told of another, as Linux distributions do. tccli itself stays as it is.
	home, python := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(python, "authority.pem"), tlstest.Own().PEM, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(python, "sitecustomize.py"),
		[]byte("import certifi\ncertifi.where = lambda: __file__.replace('sitecustomize.py', 'authority.pem')\n"), 0o600))
	w.environment = append(os.Environ(), "HOME="+home, "PYTHONPATH="+python,
		"PATH="+filepath.Dir(need.Python(t, "tccli"))+string(filepath.ListSeparator)+os.Getenv("PATH"),
		"TENCENTCLOUD_SECRET_ID="+w.key.SecretID, "TENCENTCLOUD_SECRET_KEY="+w.key.SecretKey, "TENCENTCLOUD_REGION=ap-guangzhou")
	w.run(t, "tccli configure set scf.endpoint "+strings.TrimPrefix(server.URL, "https://"))
	return w
}

func (w *tccliWorld) try(t *testing.T, script string) (said string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sh", "-e", "-c", script)
	command.Dir = w.deploy
	command.Env = w.environment
	out, err := command.CombinedOutput()
	return string(out), err
}

func (w *tccliWorld) run(t *testing.T, script string) {
	t.Helper()
	said, err := w.try(t, script)
	require.NoError(t, err, "%s\n%s", script, said)
	require.NotContains(t, said, "TencentCloudSDKException")
}

// documentedTCCLI returns the commands of docs/scf.md for tccli, those that deploy and those
// that update. The test has zips, an account, and the variables of .env itself.
func documentedTCCLI(t *testing.T) (deploy, update string) {
	t.Helper()
	const variables, updates = "set -a && . ./.env && set +a", "python3 scf/call.py scf/verify/UpdateFunctionCode.json"
	script := strings.Join(documented.Commands(t), "\n")
	deploy, update, found := strings.Cut(script, updates)
	require.True(t, found)
	return "cp .env.example .env\n" + deploy, variables + "\n" + updates + update
}

// TestDocumentedTCCLI runs the commands of docs/scf.md with Tencent's own tccli, and
// compares what it sends with what the Serverless Cloud Framework is told.
func TestDocumentedTCCLI(t *testing.T) {
	t.Parallel() // other people's programs take seconds to start
	w := newTCCLIWorld(t)
	deploy, update := documentedTCCLI(t)
	w.run(t, deploy)
	want := []tencentCall{}
	for _, function := range []string{"token", "verify", "challenge"} {
		inputs := component(t, function)
		name := inputs["name"].(string)
		create := configurationOf(inputs)
		maps.Copy(create, object{"Type": "Event", "Runtime": inputs["runtime"], "Handler": inputs["handler"], "Code": codeOf(function)})
		want = append(want, tencentCall{"CreateFunction", create}, tencentCall{"GetFunction", object{"FunctionName": name}})
		for _, event := range inputs["events"].([]any) {
			want = append(want, tencentCall{"CreateTrigger", triggerOf(t, name, event.(object))})
		}
	}
	assertCalls(t, want, w.taken())

	w.run(t, update)
	inputs := component(t, "verify")
	assertCalls(t, []tencentCall{
		{"UpdateFunctionCode", object{"FunctionName": inputs["name"], "Namespace": "default", "Handler": "main", "Code": codeOf("verify")}},
		{"GetFunction", object{"FunctionName": inputs["name"]}},
		{"UpdateFunctionConfiguration", configurationOf(inputs)},
	}, w.taken())
}

// assertCalls compares calls, with the variables of functions in order.
func assertCalls(t *testing.T, want, calls []tencentCall) {
	t.Helper()
	texts := func(calls []tencentCall) (all []string) {
		for _, call := range calls {
			if environment, ok := call.request["Environment"].(object); ok {
				slices.SortFunc(environment["Variables"].([]any), func(a, b any) int {
					return strings.Compare(a.(object)["Key"].(string), b.(object)["Key"].(string))
				})
			}
			text, err := json.Marshal(call.request, json.Deterministic(true))
			require.NoError(t, err)
			all = append(all, call.action+" "+string(text))
		}
		return all
	}
	assert.Equal(t, texts(want), texts(calls))
}

func codeOf(function string) object {
	return object{"ZipFile": base64.StdEncoding.EncodeToString([]byte("the zip of " + function))}
}

// configurationOf returns what UpdateFunctionConfiguration sends for a component.
func configurationOf(inputs object) object {
	var variables []any
	for name, value := range inputs["environment"].(object)["variables"].(object) {
		variables = append(variables, object{"Key": name, "Value": value})
	}
	status := map[any]string{true: "ENABLE", false: "DISABLE"}
	return object{
		"FunctionName": inputs["name"], "Namespace": "default", "Description": inputs["description"],
		"MemorySize": inputs["memorySize"], "Timeout": inputs["timeout"], "InitTimeout": inputs["initTimeout"],
		"PublicNetConfig": object{"PublicNetStatus": status[inputs["publicAccess"]], "EipConfig": object{"EipStatus": "DISABLE"}},
		"Environment":     object{"Variables": variables},
	}
}

func triggerOf(t *testing.T, function string, event object) object {
	t.Helper()
	for kind, value := range event {
		parameters := value.(object)["parameters"].(object)
		description := parameters["cronExpression"]
		if kind == "http" {
			text, err := json.Marshal(object{"AuthType": parameters["authType"], "NetConfig": object{"EnableIntranet": true, "EnableExtranet": true}}, json.Deterministic(true))
			require.NoError(t, err)
			description = strings.Replace(string(text), `"EnableExtranet":true,"EnableIntranet":true`, `"EnableIntranet":true,"EnableExtranet":true`, 1)
		}
		return object{"FunctionName": function, "Namespace": "default", "Type": kind, "TriggerName": parameters["name"],
			"Qualifier": parameters["qualifier"], "Enable": "OPEN", "TriggerDesc": description}
	}
	return nil
}

// TestTCCLIIsRefused is the twin: what Tencent would refuse, the stand-in refuses, and
// what is missing is not sent.
func TestTCCLIIsRefused(t *testing.T) {
	w := newTCCLIWorld(t)
	const create = "python3 scf/call.py scf/verify/CreateFunction.json"
	said, err := w.try(t, create)
	assert.Error(t, err)
	assert.Contains(t, said, "CHALLENGE_SECRET is not set")
	said, err = w.try(t, "set -a && . ./.env.example && TENCENTCLOUD_SECRET_KEY=another && set +a\n"+create)
	assert.Error(t, err)
	assert.Contains(t, said, "AuthFailure.SignatureFailure")
	assert.Empty(t, w.taken())
}
