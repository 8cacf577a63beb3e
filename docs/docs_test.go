// Package docs_test keeps the documents true: every command in them is run
// somewhere, and every link leads to something.
package docs_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/documented"
	"sotercall/internal/test/need"
)

const root = ".."

// verified is what an event prints whose signature is genuine.
const verified = `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}` + "\n"

// Why nothing can run a command.
const (
	account  = "needs an account"
	installs = "installs a program"
	cluster  = "needs a cluster; scripts/deploytest holds the file against the schemas of Kubernetes"
)

// ranHere are the commands that this test runs as they stand, in this order, in a
// copy of the project, with what they print.
var ranHere = []struct{ command, prints string }{
	{"go run ./scripts/local sign -openid oUser -challenge hello -device android > event.json", ""},
	{"go run ./scripts/local invoke event.json", verified},
	{"go run ./scripts/local invoke -platform http event.json", verified},
	{"go run ./scripts/local invoke -platform scf deploy/events/direct.json", verified},
}

// otherwise are the commands that no test reads in a document. Some cannot run here: they
// need an account or a cluster, install a program, or run this test itself. The others run
// until they are stopped, take minutes, or need values of the user. Their tests run the same
// code in their own process or with other arguments, and are named here.
var otherwise = map[string]string{
	"go run ./scripts/local demo":               "scripts/local/command TestDemo",
	"go run ./scripts/local":                    "scripts/local/command TestServe",
	"go run ./scripts/local help":               "scripts/local/command TestHelpShowsAllCommands",
	"go run ./scripts/local explain event.json": "scripts/local/command TestExplainSaysWhatThePhoneSays",
	"go run ./scripts/local -containers &":      "scripts/local/command TestContainersAreServedIfWanted",

	"go run ./scripts/local demo -lang zh":               "scripts/local/command TestDemoInChinese",
	"go run ./scripts/local -lang zh":                    "scripts/local/command TestServeInChinese",
	"go run ./scripts/local help -lang zh":               "scripts/local/command TestHelpInChinese",
	"go run ./scripts/local explain event.json -lang zh": "scripts/local/command TestExplainInChinese",

	"go run ./scripts/package":                   "scripts/package TestTheSameSourceGivesTheSameBytesInAnyFolder",
	"go run ./scripts/bench":                     "scripts/bench TestEveryFigureIsMeasured",
	"go run ./scripts/soak":                      "scripts/soak TestSoak",
	"go run ./scripts/release":                   "scripts/deploytest TestReleaseIsDeployedFromItsFiles",
	"go run ./scripts/release image -arch amd64": "functions/service TestImage",
	"docker load -i image-amd64.tar.gz":          "functions/service TestImage",
	"curl -s http://127.0.0.1:8080/healthz":      "functions/service TestImage",
	"docker compose up -d":                       "scripts/deploytest TestComposeStartsServiceRedisAndTLS",
	"export ARCHITECTURE=x86_64":                 "scripts/deploytest TestSAMLocal",
	"cd deploy":                                  "scripts/deploytest TestServerlessInvokeLocal",
	"./scripts/test":                             "what runs this test",
	"go test -short ./...":                       "a part of what runs this test",
	"CI=1 go test ./scripts/interop":             "a part of what runs this test",
	"docker compose -f deploy/container/compose.service.yaml up -d --build": "scripts/deploytest TestComposeStartsServiceRedisAndTLS",
	"docker compose -f deploy/container/compose.yaml up -d --build":         "scripts/deploytest TestComposeAcceptsItsFiles",
	"sudo chown 65532 apps.json && sudo chmod 400 apps.json":                "functions/service TestDocumentOfTheAppsIsMounted",
	`node -e 'require("./index.js").main({}, {}).then(console.log)'`:        "scripts/interop TestDocumentedExampleRunsAgainstTheSandbox",

	"cd deploy && cp .env.example .env": "scripts/deploytest TestDocumentedTCCLI",

	"kubectl create secret generic sotercall --from-env-file=.env": cluster,
	"kubectl rollout restart deployment/sotercall":                 cluster,
	"kubectl apply -f deploy/kubernetes/service.yaml":              cluster,

	"brew install awscli aws-sam-cli":                              installs,
	"sudo apt-get install awscli make && pipx install aws-sam-cli": installs,
	"npm install --global osls":                                    installs,

	"sam deploy --guided --stack-name sotercall": account,
	"sam deploy --stack-name sotercall --resolve-s3 --capabilities CAPABILITY_IAM --parameter-overrides AppId=wx… Challenges=yes TokenClients=yes": account,
	"sam delete --stack-name sotercall":                   account,
	"osls deploy -c serverless.aws.yml --param appId=wx…": account,
	"(cd token && scf deploy)":                            account,
	"scf deploy":                                          account,
	"export TENCENTCLOUD_SECRET_ID=… TENCENTCLOUD_SECRET_KEY=… TENCENTCLOUD_REGION=ap-guangzhou": account,
}

// documents are the names of all documents, from the root of the project.
func documents(t *testing.T) []string {
	t.Helper()
	var names []string
	for name := range files(t) {
		if strings.HasSuffix(name, ".md") {
			names = append(names, name)
		}
	}
	require.Contains(t, names, "README.md")
	require.Contains(t, names, "docs/call.md")
	return names
}

// TestCommandsAreRun: each command is read and run by a test, or otherwise says why not.
func TestCommandsAreRun(t *testing.T) {
	said := map[string]bool{}
	for _, name := range documents(t) {
		for _, command := range documented.In(t, name) {
			said[command] = true
		}
	}
	read := map[string]bool{}
	for _, c := range ranHere {
		read[c.command] = true
	}
	for _, script := range documented.Scripts {
		requireTest(t, script.Test)
		for _, command := range script.Commands(t) {
			read[command] = true
		}
	}
	for command, where := range otherwise {
		assert.False(t, read[command], "a test reads %q", command)
		if strings.Contains(where, " Test") {
			requireTest(t, where)
		}
	}
	for command := range said {
		assert.True(t, read[command] || otherwise[command] != "", "nothing runs %q", command)
	}
	for _, command := range slices.Concat(slices.Collect(maps.Keys(read)), slices.Collect(maps.Keys(otherwise))) {
		assert.True(t, said[command], "no document says %q any more", command)
	}
}

func TestCommandsPrintWhatTheyShould(t *testing.T) {
	need.Time(t)
	folder := copyOfTree(t)
	for _, c := range ranHere {
		command := exec.CommandContext(t.Context(), "sh", "-c", c.command)
		command.Dir = folder
		printed, err := command.Output()
		require.NoError(t, err, c.command)
		assert.Equal(t, c.prints, string(printed), c.command)
	}
}

// requireTest requires a test, which is named by its folder and its name.
func requireTest(t *testing.T, where string) {
	t.Helper()
	folder, test, _ := strings.Cut(where, " ")
	sources, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	require.NoError(t, err)
	found := slices.ContainsFunc(sources, func(source string) bool {
		text, err := os.ReadFile(source)
		return err == nil && strings.Contains(string(text), "\nfunc "+test+"(t *testing.T)")
	})
	assert.True(t, found, "there is no test %s", where)
}

func TestReadmeIsShort(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	assert.LessOrEqual(t, strings.Count(string(text), "\n"), 150)
}

// files are those that git has, or would take, of this project.
func files(t *testing.T) map[string]bool {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Skip("this is no git checkout")
	}
	names := map[string]bool{}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if _, err := os.Stat(filepath.Join(root, name)); err == nil { // else deleted, and not yet committed
			names[name] = true
		}
	}
	return names
}

// copyOfTree is a folder with the files of this project: what a command leaves
// behind is gone with it.
func copyOfTree(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name := range files(t) {
		data, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		target := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o755))
		require.NoError(t, os.WriteFile(target, data, 0o644))
	}
	return folder
}
