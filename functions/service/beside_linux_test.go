package main

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/documented"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

// beside lays out what docs/cloud-hosting.md puts into a container: start.sh and soter.
func beside(t *testing.T, soter string) (start string) {
	t.Helper()
	folder := t.TempDir()
	script, err := os.ReadFile("../../deploy/cloud-hosting/start.sh")
	require.NoError(t, err)
	start = filepath.Join(folder, "start.sh")
	require.NoError(t, os.WriteFile(start, script, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "soter"), []byte(soter), 0o755))
	return start
}

// documentedBeside is beside by the commands of the document, with the service as soter.
func documentedBeside(t *testing.T) (start string) {
	t.Helper()
	folder := t.TempDir()
	project, service := filepath.Join(folder, "sotercall"), filepath.Join(folder, "my-service")
	for link, target := range map[string]string{
		filepath.Join(project, "dist/http/service/main"):        hosted.Binary("service"),
		filepath.Join(project, "deploy/cloud-hosting/start.sh"): "../../deploy/cloud-hosting/start.sh",
	} {
		target, err := filepath.Abs(target)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(link), 0o755))
		require.NoError(t, os.Symlink(target, link))
	}
	require.NoError(t, os.Mkdir(service, 0o755))
	for _, line := range documented.Commands(t) {
		command := exec.CommandContext(t.Context(), "sh", "-c", line)
		command.Dir = project
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s\n%s", line, out)
	}
	return filepath.Join(service, "start.sh")
}

// TestOneContainerForTwo follows docs/cloud-hosting.md: the example's backend and
// functions/service in one container, behind WeChat's gateway and the open API service. The
// user pays once, and the header of a user is worth nothing at sotercall.
func TestOneContainerForTwo(t *testing.T) {
	need.Program(t, "node")
	for _, name := range []string{"cloud-hosting.md", "zh-CN/cloud-hosting.md"} {
		document, err := os.ReadFile("../../docs/" + name)
		require.NoError(t, err)
		for _, line := range []string{
			`ENTRYPOINT ["/sotercall/start.sh"]`, `CMD ["node", "server.js"]`,
		} {
			assert.Contains(t, string(document), "\n   "+line+"\n", name)
		}
	}
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	app, err := wechat.App("")
	require.NoError(t, err)
	sidecar := app.OpenAPIService("/cgi-bin/soter/verify_signature")
	openAPI := httptest.NewServer(sidecar)
	t.Cleanup(openAPI.Close)
	port := freePort(t)

	command := exec.Command(documentedBeside(t), "node", "../../examples/backend/server.js")
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "PORT=0", "CLOUD_HOSTING=yes", "SOTER_PORT=" + port,
		"CHALLENGE_SECRET=" + strings.Repeat("c", 32), "WECHAT_API_BASE=" + openAPI.URL,
	}
	log := new(hosted.Log)
	command.Stderr = log
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, log.String())
	sidecar.ContainerStarted()
	require.Eventually(t, func() bool {
		response, err := http.Get("http://127.0.0.1:" + port + "/healthz")
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	}, hosted.Ample, 20*time.Millisecond, "sotercall listens")

	gateway := func(openid string) string {
		through, err := app.CallContainer(strings.TrimSpace(line), openid)
		require.NoError(t, err)
		server := httptest.NewServer(through)
		t.Cleanup(server.Close)
		return server.URL
	}
	post := func(url string, body any, headers http.Header) (answer map[string]any) {
		_, text := hosted.Post(t, url, hosted.JSON(t, body), headers)
		require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
		return answer
	}
	hers, his := gateway(alice), gateway(bob)
	bought := func() any {
		return post(hers+"/order", map[string]any{"item": "longjing", "quantity": 1}, nil)["order"].(map[string]any)["id"]
	}
	order, other := bought(), bought()
	issued := post(hers+"/soter/challenge", map[string]any{"order": order}, nil)
	require.EqualValues(t, 0, issued["errCode"], issued)
	phone, err := wechat.Phone(alice, sandbox.Android)
	require.NoError(t, err)
	signed, err := phone.Sign(issued["challenge"].(string))
	require.NoError(t, err)
	payment := func(order any) map[string]any {
		return map[string]any{"order": order, "jsonString": signed.JSONString, "jsonSignature": signed.JSONSignature}
	}

	assert.Equal(t, false, post(his+"/pay", payment(order), nil)["isOk"], "another user's order")
	assert.Equal(t, true, post(hers+"/pay", payment(order), nil)["isOk"], "genuine")
	assert.Equal(t, false, post(hers+"/pay", payment(other), nil)["isOk"], "used before, and for another order")
	another := post(strings.TrimSpace(line)+"/pay", payment(order), http.Header{"X-WX-OPENID": {alice}, "X-WX-FROM-OPENID": {alice}})
	assert.EqualValues(t, -401, another["errCode"], "a user of another app that shares the environment")

	// Only the service knows the token.
	question := map[string]any{"openid": alice, "jsonString": signed.JSONString, "jsonSignature": signed.JSONSignature}
	refused := post("http://127.0.0.1:"+port+"/openapi/soter/verifySignature", question, http.Header{"X-WX-OPENID": {alice}})
	assert.EqualValues(t, -604101, refused["errCode"], refused)

	// The platform stops the container.
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	_ = command.Wait()
	_, err = net.Dial("tcp", "127.0.0.1:"+port)
	assert.Error(t, err, "sotercall has ended with the service")
}

func TestContainerForTwoEndsWithEither(t *testing.T) {
	const runs = "#!/bin/sh\ntrap 'exit 0' TERM\nwhile :; do sleep 0.1; done\n"
	for name, c := range map[string]struct {
		soter, service string
		status         int
	}{
		"the service ends":                 {runs, "exit 3", 3},
		"the service ends without a fault": {runs, "exit 0", 0},
		"sotercall ends":                   {"#!/bin/sh\nexit 0\n", "trap 'exit 0' TERM; while :; do sleep 0.1; done", 1},
	} {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), beside(t, c.soter), "sh", "-c", c.service)
			out, err := command.CombinedOutput()
			assert.Equal(t, c.status, command.ProcessState.ExitCode(), "%v %s", err, out)
		})
	}
}
