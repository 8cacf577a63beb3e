package deploytest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/gobuild"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/need"
)

// cloudHostingExample has the commands that build it in its first lines.
const cloudHostingExample = "../examples/cloud-hosting/Dockerfile"

// TestExampleOfCloudHosting builds the example as it says, in Docker's engine, and pays an
// order behind stand-ins for WeChat's gateway and for the open API service. Node.js is that
// of this computer, because no image can be pulled here.
func TestExampleOfCloudHosting(t *testing.T) {
	withEngine(t, func(folder string) {
		need.Program(t, "node")
		text, err := os.ReadFile(cloudHostingExample)
		require.NoError(t, err)
		require.NoError(t, gobuild.Functions(t.Context(), folder, "service"))
		ran := 0
		for _, found := range regexp.MustCompile(`(?m)^#   (.+)$`).FindAllStringSubmatch(string(text), -1) {
			command := strings.NewReplacer("dist/http/service/main", filepath.Join(folder, "service"), "../my-service", filepath.Join(folder, "my-service")).Replace(found[1])
			if strings.HasPrefix(command, "mkdir ") || strings.HasPrefix(command, "cp ") {
				output(t.Context(), t, "..", nil, "sh", "-c", command)
				ran++
			}
		}
		require.Equal(t, 3, ran)
	}, func(folder string) { payInCloudHosting(t, folder) })
}

func payInCloudHosting(t *testing.T, folder string) {
	importPrograms(t, folder, "node:24-slim", "node", "sh", "od", "tr", "chmod", "dirname", "sleep")
	docker := func(args ...string) string {
		t.Helper()
		return strings.TrimSpace(output(t.Context(), t, folder, []string{"DOCKER_BUILDKIT=0"}, "docker", args...))
	}
	docker("build", "-t", "my-service", "my-service")
	s, containers, serve := serveSandbox(t)
	app, err := s.App("")
	require.NoError(t, err)
	sidecar := app.OpenAPIService("/cgi-bin/soter/verify_signature")
	serve(containers.Only(sidecar))
	id := docker("run", "--detach", "--add-host", "host.docker.internal:host-gateway",
		"--env", "CHALLENGE_SECRET="+strings.Repeat("c", 32), "--env", "WECHAT_API_BASE=http://host.docker.internal:9000", "my-service")
	defer docker("rm", "--force", id)
	sidecar.ContainerStarted()

	through, err := app.CallContainer("http://"+docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", id)+":80", "oUser")
	require.NoError(t, err)
	gateway := httptest.NewServer(through)
	defer gateway.Close()
	post := func(path string, body object) (response map[string]any, err error) {
		text, err := json.Marshal(body)
		require.NoError(t, err)
		resp, err := http.Post(gateway.URL+path, "application/json", bytes.NewReader(text))
		require.NoError(t, err)
		defer resp.Body.Close()
		said, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return response, json.Unmarshal(said, &response)
	}
	buy := func() any {
		response, err := post("/order", object{"item": "longjing", "quantity": 1})
		require.NoError(t, err)
		return response["order"].(object)["id"]
	}
	var issued object
	require.Eventually(t, func() bool { // both processes have started
		response, err := post("/order", object{"item": "longjing", "quantity": 1})
		if err != nil || response["order"] == nil {
			return false
		}
		issued, err = post("/soter/challenge", object{"order": response["order"].(object)["id"]})
		return err == nil && issued["challenge"] != nil
	}, time.Minute, 200*time.Millisecond, "%s", docker("logs", id))

	order, other := buy(), buy()
	issued, err = post("/soter/challenge", object{"order": order})
	require.NoError(t, err)
	phone, err := s.Phone("oUser", sandbox.Android)
	require.NoError(t, err)
	signed, err := phone.Sign(issued["challenge"].(string))
	require.NoError(t, err)
	for _, c := range []struct {
		order any
		isOK  bool
	}{{order, true}, {other, false}} {
		response, err := post("/pay", object{"order": c.order, "jsonString": signed.JSONString, "jsonSignature": signed.JSONSignature})
		require.NoError(t, err)
		assert.Equal(t, c.isOK, response["isOk"], response)
	}
	docker("stop", "-t", "15", id)
	assert.NotContains(t, docker("logs", id), `"level":"ERROR"`)
}

// The example has the lines of the document, which belong into every service.
func TestExampleOfCloudHostingIsThatOfItsDocument(t *testing.T) {
	example, err := os.ReadFile(cloudHostingExample)
	require.NoError(t, err)
	for _, name := range []string{"cloud-hosting.md", "zh-CN/cloud-hosting.md"} {
		document, err := os.ReadFile("../docs/" + name)
		require.NoError(t, err)
		block := regexp.MustCompile("(?s)```dockerfile\n(.*?) *```").FindSubmatch(document)
		require.NotNil(t, block, name)
		lines := strings.ReplaceAll(string(block[1]), "   ", "")
		assert.Equal(t, 4, strings.Count(lines, "\n"), name)
		assert.True(t, strings.HasSuffix(string(example), "\n"+lines), name)
	}
}
