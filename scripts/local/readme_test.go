package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Where the README's commands are run. What stands under "here" is run by this
// test as it stands; a command that is not in the list fails it.
var readmeCommands = map[string]string{
	"go run ./scripts/local demo": "TestDemo",
	"./scripts/test":              "is what runs this test",
	"go run ./scripts/local":      "TestServe",
	"go run ./scripts/local sign -openid oUser -challenge hello -device android > event.json": "here",
	"go run ./scripts/local invoke -platform lambda -e event.json":                            "here",
	"go run ./scripts/local invoke -platform scf -e deploy/events/direct.json":                "here",

	`export TCB_CONTEXT_CNFG='{"URL":"http://127.0.0.1:9000/admin"}' TENCENTCLOUD_SECRETID=any TENCENTCLOUD_SECRETKEY=any`: "scripts/interop",
	`node -e 'require("./index.js").main({}, {}).then(console.log)'`:                                                       "scripts/interop",

	"go run ./scripts/package": "scripts/package",
	"cd deploy":                "deploy",
	"osls invoke local -c serverless.aws.yml -f verify -p events/direct.json": "deploy",
	"osls package -c serverless.aws.yml":                                      "deploy",
	"go run ./scripts/bench":                                                  "scripts/bench",
	"go run ./scripts/bench -soak 60s":                                        "scripts/bench",

	`cat > secret.json <<< '{"WECHAT_APPSECRET":"…","TOKEN_CLIENT_SECRETS":"…","VERIFY_CLIENT_SECRET":"…"}'`: "needs an account",
	"aws secretsmanager create-secret --name sotercall --secret-string file://secret.json && rm secret.json": "needs an account",
	"sam deploy --guided": "needs an account",
	"osls deploy -c serverless.aws.yml --param appId=wx…":                                                         "needs an account",
	"cd deploy && cp .env.example .env    # and fill it in; git ignores it":                                       "needs an account",
	"(cd token && scf deploy)                     # the URL of its function goes into .env as WECHAT_TOKEN_BASE":  "needs an account",
	"scf deploy                                   # verify and challenge as well":                                 "needs an account",
	"sam build -t deploy/template.yaml":                                                                           "needs the SAM CLI; deploy runs what it would run",
	"go run ./scripts/local &":                                                                                    "needs the SAM CLI",
	"sam validate --lint -t deploy/template.yaml":                                                                 "needs the SAM CLI; deploy runs cfn-lint",
	"sam local invoke VerifyFunction -e deploy/events/direct.json -n deploy/sam-local.json --docker-network host": "needs the SAM CLI",
	"sam local start-api -n deploy/sam-local.json --docker-network host":                                          "needs the SAM CLI",
}

func TestReadmeCommands(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	var here []string
	seen := map[string]bool{}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(readme, -1) {
		for line := range strings.Lines(string(block[1])) {
			line = strings.TrimSpace(line)
			where, known := readmeCommands[line]
			assert.True(t, known, "nothing runs %q", line)
			seen[line] = true
			if where == "here" {
				here = append(here, line)
			}
		}
	}
	for line := range readmeCommands {
		assert.True(t, seen[line], "the README does not say %q any more", line)
	}

	root := copyOfTree(t)
	var answers []string
	for _, line := range here {
		command := exec.CommandContext(t.Context(), "sh", "-c", line)
		command.Dir = root
		answer, err := command.Output()
		require.NoError(t, err, line)
		answers = append(answers, string(answer))
	}
	assert.Equal(t, []string{"", verified + "\n", verified + "\n"}, answers)
}

// copyOfTree is a folder with the files that git has, or would take, of this
// project: what a command leaves behind is gone with it.
func copyOfTree(t *testing.T) string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = "../.."
	files, err := list.Output()
	if err != nil {
		t.Skip("this is no git checkout")
	}
	root := t.TempDir()
	for name := range strings.SplitSeq(strings.TrimSuffix(string(files), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join("../..", name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		require.NoError(t, err)
		target := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o755))
		require.NoError(t, os.WriteFile(target, data, 0o644))
	}
	return root
}
