package deploytest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/gobuild"
	"sotercall/internal/dev/loopback"
)

// TestFunctionRunsInAContainer runs the function in a container with the variables of
// sam-local.json, in front of a sandbox that serves containers.
func TestFunctionRunsInAContainer(t *testing.T) {
	withEngine(t, func(folder string) {
		image := filepath.Join(folder, "image")
		require.NoError(t, os.MkdirAll(filepath.Join(image, "var/task"), 0o755))
		require.NoError(t, gobuild.Functions(t.Context(), folder, "verify"))
		require.NoError(t, os.Rename(filepath.Join(folder, "verify"), filepath.Join(image, "var/task/bootstrap")))
		output(t.Context(), t, ".", []string{"CGO_ENABLED=0"}, "go", "build", "-o", filepath.Join(image, "rie"), "../scripts/deploytest/rie")
	}, func(folder string) { runContainer(t, folder) })
}

func runContainer(t *testing.T, folder string) {
	run := func(name string, args ...string) string {
		t.Helper()
		return strings.TrimSpace(output(t.Context(), t, ".", nil, name, args...))
	}
	s, _, serve := serveSandbox(t)

	run("sh", "-c", "tar -C "+filepath.Join(folder, "image")+" -c . | docker import - verify")
	arguments := []string{"run", "--detach", "--add-host", "host.docker.internal:host-gateway"}
	for name, value := range at(t, load(t, "sam-local.json"), "VerifyFunction").(object) {
		arguments = append(arguments, "--env", fmt.Sprintf("%s=%s", name, value))
	}
	id := run("docker", append(arguments, "verify", "/rie")...)
	defer run("docker", "rm", "--force", id)
	address := "http://" + run("docker", "inspect", "--format", "{{.NetworkSettings.IPAddress}}", id) + ":8080/2015-03-31/functions/function/invocations"

	event, err := os.ReadFile("events/direct.json")
	require.NoError(t, err)
	var said answer
	require.Eventually(t, func() bool {
		var err error
		said, err = ask(address, event)
		return err == nil
	}, 20*time.Second, 100*time.Millisecond, "the container answers")
	assert.Equal(t, answer{IsOK: true, ErrMsg: "openapi.soter.verifySignature:ok"}, said)

	serve(loopback.Only(s)) // the twin: a sandbox that serves this computer alone
	said, err = ask(address, event)
	require.NoError(t, err)
	assert.False(t, said.IsOK)
	assert.NotZero(t, said.ErrCode)
}

type answer struct {
	IsOK    bool   `json:"isOk"`
	ErrMsg  string `json:"errMsg"`
	ErrCode int    `json:"errCode"`
}

func ask(address string, event []byte) (a answer, err error) {
	resp, err := http.Post(address, "application/json", bytes.NewReader(event))
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	return a, json.Unmarshal(body, &a)
}
