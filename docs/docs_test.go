// Package docs_test keeps the documents true: every command in them is run
// somewhere, and every link leads to something.
package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/need"
)

const root = ".."

// verified is what an event prints whose signature is genuine.
const verified = `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}` + "\n"

// Where a command of a document is run, when it is none of ranHere.
const (
	account  = "needs an account"
	installs = "installs a program"
	cluster  = "needs a cluster; scripts/deploytest holds the file against the schemas of Kubernetes"
	samCLI   = "scripts/deploytest TestSAMLocal"
	tccli    = "scripts/deploytest TestDocumentedTCCLI"
	compose  = "scripts/deploytest TestComposeAcceptsItsFiles"

	composeUp   = "scripts/deploytest TestComposeStartsServiceRedisAndTLS"
	fromRelease = "scripts/deploytest TestReleaseIsDeployedFromItsFiles"

	centralServer = "scripts/interop TestDocumentedCentralServer"

	goModule = "docs TestDocumentedGoModule"

	sandboxDocs = "internal/dev/sandbox TestDocumentedCommandsRun"
)

// ranHere are the commands that this test runs as they stand, in this order, in a
// copy of the project, with what they print.
var ranHere = []struct{ command, prints string }{
	{"go run ./scripts/local sign -openid oUser -challenge hello -device android > event.json", ""},
	{"go run ./scripts/local invoke event.json", verified},
	{"go run ./scripts/local invoke -platform http event.json", verified},
	{"go run ./scripts/local invoke -platform scf deploy/events/direct.json", verified},
}

// ranElsewhere are all other commands: the folder and the test that runs each, or
// why nothing can.
var ranElsewhere = map[string]string{
	"go run ./scripts/local demo": "scripts/local/command TestDemo",
	"go run ./scripts/local":      "scripts/local/command TestServe",
	"go run ./scripts/local help": "scripts/local/command TestHelpShowsAllCommands",
	"go run ./scripts/package":    "scripts/package TestTheSameSourceGivesTheSameBytesInAnyFolder",
	"go run ./scripts/bench":      "scripts/bench TestEveryFigureIsMeasured",
	"go run ./scripts/soak":       "scripts/soak TestSoak",
	"./scripts/test":              "what runs this test",
	"go test -short ./...":        "a part of what runs this test",

	"go run ./scripts/local explain event.json": "scripts/local/command TestExplainSaysWhatThePhoneSays",

	`export TCB_CONTEXT_CNFG='{"URL":"http://127.0.0.1:9000/admin"}' SCF_NAMESPACE=local TENCENTCLOUD_SECRETID=any TENCENTCLOUD_SECRETKEY=any WX_CONTEXT_KEYS=WX_API_TOKEN WX_API_TOKEN=ticket-of-the-emulator`: "scripts/interop TestDocumentedVariables",
	`node -e 'require("./index.js").main({}, {}).then(console.log)'`: "scripts/interop TestDocumentedExampleRunsAgainstTheSandbox",
	"PORT=8080 HOST=127.0.0.1 WECHAT_APPS_FILE=deploy/apps.example.json HTTP_BEARER_TOKENS=operator-of-a-sandbox WECHAT_API_BASE=http://127.0.0.1:9000 go run ./functions/token &": centralServer,
	`curl -s http://127.0.0.1:8080/cgi-bin/stable_token -d '{"grant_type":"client_credential","appid":"wx5a4db0c55a4db0c5","secret":"shop-client-of-a-sandbox-is-no-secret"}'`:     centralServer,
	`curl -s -X POST http://127.0.0.1:8080/openapi/auth/getTokenStatus -H 'Authorization: Bearer operator-of-a-sandbox'`:                                                           centralServer,

	"go test ./scripts/interop": "scripts/interop TestDocumentedExampleRunsAgainstTheSandbox",

	`curl -s http://127.0.0.1:9000/sandbox/phone/sign -d '{"openid":"oUser","challenge":"hello","device":"android"}'`:                         sandboxDocs,
	`curl -s http://127.0.0.1:9000/sandbox/faults -d '{"kind":"errcode","errcode":45009,"path":"/cgi-bin/soter/verify_signature","times":1}'`: sandboxDocs,
	`curl -s http://127.0.0.1:9000/sandbox/faults -d '[{"kind":"delay","delay_ms":2000,"times":3},{"kind":"reset","times":1}]'`:               sandboxDocs,
	"curl -s http://127.0.0.1:9000/sandbox/faults":           sandboxDocs,
	"curl -s -X DELETE http://127.0.0.1:9000/sandbox/faults": sandboxDocs,

	"go run ./scripts/local &":             centralServer,
	"go run ./scripts/local -challenges &": "scripts/exampletest TestOnALaptop",
	"SOTER_URL=http://127.0.0.1:9000/functions SANDBOX_OPENID=oLocal-User_0000000000000001 node examples/backend/server.js": "scripts/exampletest TestOnALaptop",
	"sh verify.sh question.json":                   "scripts/exampletest TestClients",
	"node verify.mjs question.json":                "scripts/exampletest TestClients",
	"python3 verify.py question.json":              "scripts/exampletest TestClients",
	"java Verify.java question.json":               "scripts/exampletest TestClients",
	"go build verify.go && ./verify question.json": "scripts/exampletest TestClients",

	"mkdir shop && cd shop":        goModule,
	"go mod init example.com/shop": goModule,
	"go mod edit -require=sotercall@v0.0.0 -replace=sotercall=../sotercall": goModule,
	"cp ../sotercall/examples/goservice/*.go .":                             goModule,
	"go mod tidy":    goModule,
	"go test ./...":  goModule,
	"go mod vendor":  goModule,
	"go build ./...": goModule,

	"cd deploy": "scripts/deploytest TestServerlessInvokeLocal",
	"osls invoke local -c serverless.aws.yml -f verify -p events/direct.json": "scripts/deploytest TestServerlessInvokeLocal",
	"osls package -c serverless.aws.yml --param appId=wx…":                    "scripts/deploytest TestServerlessPackage",

	"docker build -f deploy/container/Dockerfile -t sotercall .":                                                                 "functions/service TestImage",
	"docker run -d -p 127.0.0.1:8080:8080 --read-only --cap-drop ALL --security-opt no-new-privileges --env-file .env sotercall": "functions/service TestImage",
	"curl -s http://127.0.0.1:8080/healthz":                                                                                      "functions/service TestImage",
	"cp dist/http/service/main ../my-service/soter":                                                                              "functions/service TestOneContainerForTwo",
	"cp deploy/cloud-hosting/start.sh ../my-service/":                                                                            "functions/service TestOneContainerForTwo",
	"cp deploy/container/Dockerfile deploy/container/container.config.json .":                                                    "scripts/deploytest TestCloudHostingConfig",
	"sudo chown 65532 apps.json && sudo chmod 400 apps.json":                                                                     "functions/service TestDocumentOfTheAppsIsMounted",
	`docker run -d -p 127.0.0.1:8080:8080 --read-only --cap-drop ALL --security-opt no-new-privileges -v "$PWD/apps.json:/apps.json:ro" -e WECHAT_APPS_FILE=/apps.json sotercall`: "functions/service TestImage",
	"go run ./scripts/release":                                              fromRelease,
	"go run ./scripts/release image -arch amd64":                            "functions/service TestImage",
	"sha256sum -c --ignore-missing SHA256SUMS":                              fromRelease,
	"sam validate --lint -t template-arm64.yaml":                            fromRelease,
	"sam deploy -t template-arm64.yaml --guided --stack-name sotercall":     fromRelease,
	"docker load -i image-amd64.tar.gz":                                     "functions/service TestImage",
	"docker compose up -d":                                                  composeUp,
	"docker compose -f deploy/container/compose.service.yaml up -d --build": composeUp,
	"unzip -p http-service.zip main > ../my-service/soter":                  fromRelease,
	"cp start.sh ../my-service/":                                            fromRelease,
	"docker compose -f deploy/container/compose.yaml up -d --build":         compose,
	"export OPENID='the openid' CPU_ID='the cpu_id'":                        "docs TestOneUserIsDeleted",
	`export DEVICE="$(printf %s "$CPU_ID" | openssl dgst -sha256 -binary | openssl base64 -A | tr '+/' '-_' | tr -d =)"`:                   "docs TestOneUserIsDeleted",
	`export CLI_URL="$(printf %s "$REDIS_URL" | sed 's#//:#//default:#; s#?.*##')"`:                                                        "docs TestOneUserIsDeleted",
	`redis-cli -e -u "$CLI_URL" DEL "sotercall:counter:$DEVICE"`:                                                                           "docs TestOneUserIsDeleted",
	`redis-cli -e -u "$CLI_URL" DEL "sotercall:authkeys:{$OPENID}"`:                                                                        "docs TestOneUserIsDeleted",
	`aws dynamodb delete-item --region "$AWS_REGION" --table-name "$DYNAMODB_TABLE" --key '{"pk":{"S":"sotercall:counter:'"$DEVICE"'"}}'`:  "docs TestOneUserIsDeleted",
	`aws dynamodb delete-item --region "$AWS_REGION" --table-name "$DYNAMODB_TABLE" --key '{"pk":{"S":"sotercall:authkeys:'"$OPENID"'"}}'`: "docs TestOneUserIsDeleted",
	"kubectl create secret generic sotercall --from-env-file=.env":                                                                         cluster,
	"kubectl rollout restart deployment/sotercall":                                                                                         cluster,
	"kubectl apply -f deploy/kubernetes/service.yaml":                                                                                      cluster,

	"cd deploy/cloudbase && cp .env.example .env": "scripts/deploytest TestWhatCloudBaseWouldBeSent",
	"tcb login":               "scripts/deploytest TestWhatCloudBaseWouldBeSent",
	"tcb fn deploy verify":    "scripts/deploytest TestWhatCloudBaseWouldBeSent",
	"tcb fn deploy challenge": "scripts/deploytest TestWhatCloudBaseWouldBeSent",
	"tcb fn deploy service":   "scripts/deploytest TestWhatCloudBaseWouldBeSent",

	`export $(aws cloudformation describe-stacks --stack-name sotercall --query "Stacks[0].Outputs[].join('=', [OutputKey, OutputValue])" --output text)`:                                                        "scripts/deploytest TestOutputsAreExported",
	`eval "$(aws configure export-credentials --format env)" && export AWS_REGION="$(aws configure get region)"`:                                                                                                 "scripts/deploytest TestCredentialsAreExported",
	`aws lambda invoke --function-name "$VerifyFunctionName" --payload fileb://deploy/events/direct.json answer.json`:                                                                                            "scripts/deploytest TestFirstCall",
	`curl -s --aws-sigv4 "aws:amz:$AWS_REGION:execute-api" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -H "x-amz-security-token: $AWS_SESSION_TOKEN" -d @deploy/events/direct.json "$VerifySignatureUrl"`: "scripts/deploytest TestFirstCall",
	`curl -s "$WeChatBaseUrl/cgi-bin/stable_token" -d '{"grant_type":"client_credential","appid":"wx…","secret":"one of TOKEN_CLIENT_SECRETS"}'`:                                                                 "scripts/deploytest TestFirstCall",
	"go run ./scripts/local -containers &": "scripts/local/command TestContainersAreServedIfWanted",
	"export ARCHITECTURE=x86_64":           "scripts/deploytest TestSAMBuild",

	"brew install awscli aws-sam-cli":                              installs,
	"sudo apt-get install awscli make && pipx install aws-sam-cli": installs,
	"npm install --global osls":                                    installs,

	"aws secretsmanager create-secret --name sotercall/WECHAT_APPSECRET --secret-string file:///dev/stdin":                            account,
	"openssl rand -hex 32 | aws secretsmanager create-secret --name sotercall/CHALLENGE_SECRET --secret-string file:///dev/stdin":     account,
	"openssl rand -hex 32 | aws secretsmanager create-secret --name sotercall/TOKEN_CLIENT_SECRETS --secret-string file:///dev/stdin": account,
	"sam deploy --guided --stack-name sotercall": account,
	"sam deploy --stack-name sotercall --resolve-s3 --capabilities CAPABILITY_IAM --parameter-overrides AppId=wx… Challenges=yes TokenClients=yes": account,
	"sam delete --stack-name sotercall":                                                                                                  account,
	`aws dynamodb delete-table --table-name "$TableName"`:                                                                                account,
	"aws secretsmanager delete-secret --secret-id sotercall/WECHAT_APPSECRET":                                                            account,
	"sam build -t deploy/template.yaml --parameter-overrides Architecture=x86_64":                                                        samCLI,
	"sam local invoke VerifyFunction -e deploy/events/direct.json -n deploy/sam-local.json --add-host host.docker.internal:host-gateway": samCLI,
	"sam local invoke VerifyFunction --parameter-overrides Architecture=x86_64 -e deploy/events/direct.json -n deploy/sam-local.json --add-host host.docker.internal:host-gateway": samCLI,
	"sam local start-api -n deploy/sam-local.json --add-host host.docker.internal:host-gateway":                                                                                    samCLI,
	"osls deploy -c serverless.aws.yml --param appId=wx…":                                                                                                                          account,
	"cd deploy && cp .env.example .env":    account,
	"(cd token && scf deploy)":             account,
	"scf deploy":                           account,
	"for function in verify challenge; do": tccli,
	"done":                                 tccli,
	"python3 scf/call.py scf/$function/CreateFunction.json":                                                    tccli,
	"python3 scf/call.py scf/$function/CreateTrigger.url.json":                                                 tccli,
	"python3 scf/call.py scf/token/CreateFunction.json":                                                        tccli,
	"python3 scf/call.py scf/token/CreateTrigger.timer.json":                                                   tccli,
	"python3 scf/call.py scf/token/CreateTrigger.url.json":                                                     tccli,
	"python3 scf/call.py scf/verify/UpdateFunctionCode.json":                                                   tccli,
	"python3 scf/call.py scf/verify/UpdateFunctionConfiguration.json":                                          tccli,
	"set -a && . ./.env && set +a":                                                                             tccli,
	`tccli scf GetFunction --FunctionName sotercall-prod-$function --waiter "{'expr':'Status','to':'Active'}"`: tccli,
	`tccli scf GetFunction --FunctionName sotercall-prod-token --waiter "{'expr':'Status','to':'Active'}"`:     tccli,
	`tccli scf GetFunction --FunctionName sotercall-prod-verify --waiter "{'expr':'Status','to':'Active'}"`:    tccli,
	"export TENCENTCLOUD_SECRET_ID=… TENCENTCLOUD_SECRET_KEY=… TENCENTCLOUD_REGION=ap-guangzhou":               account,
	"sam build -t deploy/template.yaml":                                                                        samCLI,
	"sam validate --lint -t deploy/template.yaml":                                                              samCLI,
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

func TestCommandsAreRun(t *testing.T) {
	said := map[string]bool{}
	for _, name := range documents(t) {
		for _, command := range commands(t, name) {
			said[command] = true
		}
	}
	known := map[string]bool{}
	for _, c := range ranHere {
		known[c.command] = true
	}
	for command, where := range ranElsewhere {
		known[command] = true
		if folder, test, found := strings.Cut(where, " Test"); found {
			assert.True(t, hasTest(t, folder, "Test"+test), "%s: there is no test %s", command, where)
		}
	}
	for command := range said {
		assert.True(t, known[command], "nothing runs %q", command)
	}
	for command := range known {
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

// commands are the lines of a document's shell blocks, without comments.
func commands(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	var lines []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(text, -1) {
		for line := range strings.Lines(hashComment.ReplaceAllString(string(block[1]), "")) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func hasTest(t *testing.T, folder, test string) bool {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	require.NoError(t, err)
	for _, source := range sources {
		text, err := os.ReadFile(source)
		require.NoError(t, err)
		if strings.Contains(string(text), "\nfunc "+test+"(t *testing.T)") {
			return true
		}
	}
	return false
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
