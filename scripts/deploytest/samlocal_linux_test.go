package deploytest

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/loopback"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/moto"
	"sotercall/internal/test/need"
)

// directEvent is the event of the documented command.
const directEvent = "deploy/events/direct.json"

// The hosts of the template's variables, which lead to the test.
const (
	secretsHost = "secretsmanager." + region + ".amazonaws.com"
	tableHost   = "dynamodb." + region + ".amazonaws.com"
	weChatHost  = "api.weixin.qq.com"
)

// verified and refused are the responses to a genuine and to a changed event.
var (
	verified = answer{IsOK: true, ErrMsg: "openapi.soter.verifySignature:ok"}
	refused  = answer{IsOK: false, ErrMsg: "openapi.soter.verifySignature:ok"}
)

// TestSAMLocal runs SAM CLI's commands of docs/aws.md in front of a sandbox: with the
// variables of sam-local.json, as documented, and with the template's own variables,
// where the host names of AWS and WeChat lead to moto and the sandbox.
//
// SAM would pull an image of AWS's. It gets one of ours, with what SAM uses of it: the
// Runtime Interface Emulator, SAM's own copy, and the roots that TLS trusts.
func TestSAMLocal(t *testing.T) {
	withEngine(t, func(folder string) {
		need.Program(t, "make")
		need.Python(t, "sam") // installed before there is no network
		root := filepath.Join(folder, "project")
		for _, name := range []string{"deploy", "functions", "internal"} {
			copySource(t, filepath.Join("..", name), filepath.Join(root, name))
		}
		for _, name := range []string{"go.mod", "go.sum"} {
			content, err := os.ReadFile(filepath.Join("..", name))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(root, name), content, 0o600))
		}
	}, func(folder string) {
		c := newSAM(t, folder)
		c.run(c.documented("sam validate"))
		c.run(c.documented("sam build"))
		c.requirePackagedBinaries()
		c.importImage()
		s, containers, _ := serveSandbox(t)

		t.Run("documented", func(t *testing.T) { c.on(t).testDocumented() })
		t.Run("template", func(t *testing.T) { c.on(t).testTemplate(containers) })
		t.Run("every event", func(t *testing.T) {
			need.Long(t)
			c.on(t).testEveryEvent(s)
		})
	})
}

func (c sam) testDocumented() {
	invoke := c.documented("sam local invoke")
	require.Contains(c.t, invoke, directEvent)
	assert.Equal(c.t, verified, c.invoke(invoke))

	api := c.startAPI("3000", c.documented("sam local start-api"))
	assert.Equal(c.t, verified, c.ask(api, c.read(directEvent)))
	assert.Equal(c.t, refused, c.ask(api, c.read(c.changedFile())))
}

// testTemplate is what a deployed stack does: verify reads the AppSecret in Secrets
// Manager, fetches the token under the lease of the table, and asks WeChat behind TLS.
func (c sam) testTemplate(containers loopback.Containers) {
	// Credentials that everybody can read are for this computer alone.
	weChat, err := sandbox.New(sandbox.Options{AppID: "wx00000000000000a1", AppSecret: "the-AppSecret-of-the-SAM-test-00"})
	require.NoError(c.t, err)
	endpoint := moto.Start(c.t)
	c.env = append(c.env, "AWS_ENDPOINT_URL="+endpoint)
	c.run("aws dynamodb create-table --table-name StoreTable --billing-mode PAY_PER_REQUEST" +
		" --attribute-definitions AttributeName=pk,AttributeType=S --key-schema AttributeName=pk,KeyType=HASH")
	serveNames(c.t, containers, c.authority, map[string]string{secretsHost: endpoint, tableHost: endpoint}, weChat)

	options := " AppId=wx00000000000000a1" // completes --parameter-overrides
	for _, host := range []string{secretsHost, tableHost, weChatHost} {
		options += " --add-host " + host + ":host-gateway"
	}
	invoke := "sam local invoke VerifyFunction -e " + directEvent + " --parameter-overrides " + architectureParameter() + options
	unconfigured := c.invoke(invoke)
	assert.False(c.t, unconfigured.IsOK)
	assert.Contains(c.t, unconfigured.ErrMsg, "WECHAT_APPSECRET_ARN: Secrets Manager has no such secret")
	c.run("printf %s the-AppSecret-of-the-SAM-test-00 | aws secretsmanager create-secret --name sotercall/WECHAT_APPSECRET --secret-string file:///dev/stdin")
	assert.Equal(c.t, verified, c.invoke(invoke))
	assert.Contains(c.t, c.run("aws dynamodb scan --table-name StoreTable"), "token")
	assert.Equal(c.t, refused, c.invoke(strings.Replace(invoke, directEvent, c.changedFile(), 1)))
}

// testEveryEvent invokes the function with each file of deploy/events. The responses
// are those that the hosted tests of verify expect.
func (c sam) testEveryEvent(s *sandbox.Sandbox) {
	const bearer = "a-bearer-token-of-the-test"
	variables := load(c.t, "sam-local.json")
	verify := variables["VerifyFunction"].(object)
	verify["HTTP_AUTH"], verify["HTTP_BEARER_TOKENS"] = "bearer", bearer // as in the hosted tests
	weChat := httptest.NewServer(s)
	defer weChat.Close()
	token := hosted.StableToken(c.t, weChat.URL, sandbox.DefaultAppID, sandbox.DefaultAppSecret)
	settings, err := json.Marshal(variables)
	require.NoError(c.t, err)
	c.write("variables.json", settings)
	files, err := filepath.Glob("events/*.json")
	require.NoError(c.t, err)
	require.NotEmpty(c.t, files)
	invoke := strings.Replace(c.documented("sam local invoke"), "deploy/sam-local.json", "variables.json", 1)
	for _, file := range files {
		event := bytes.ReplaceAll(c.read("deploy/"+file), []byte(sandbox.EventToken), []byte(token))
		c.write("event.json", bytes.ReplaceAll(event, []byte("BEARER_TOKEN"), []byte(bearer)))
		said := c.local(strings.Replace(invoke, directEvent, "event.json", 1))
		want, err := os.ReadFile(filepath.Join("../functions/verify/testdata/answers", filepath.Base(file)))
		require.NoError(c.t, err)
		assert.JSONEq(c.t, string(want), said, file)
	}
}

// changedFile is the event with another jsonString than was signed.
func (c sam) changedFile() string {
	const signed, other = `\"counter\":41`, `\"counter\":42`
	event := c.read(directEvent)
	require.Contains(c.t, string(event), signed)
	c.write("changed.json", bytes.Replace(event, []byte(signed), []byte(other), 1))
	return "changed.json"
}
