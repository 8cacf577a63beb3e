package deploytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/gobuild"
	"sotercall/internal/dev/loopback"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/need"
)

// insideVariable tells the test's second process where it may work.
const insideVariable = "SOTERCALL_DOCKER_TEST"

// TestFunctionRunsInAContainer starts Docker's engine, and runs the function in a
// container of it with the variables of sam-local.json, in front of a sandbox that
// serves containers.
//
// The engine gets namespaces of its own (network, mounts, processes), which end with
// it, so that nothing of this computer changes. Where it cannot run, the test is
// skipped, in CI too: it wants Debian's docker.io, root, and a kernel that allows it.
func TestFunctionRunsInAContainer(t *testing.T) {
	if folder := os.Getenv(insideVariable); folder != "" {
		insideNamespaces(t, folder)
		return
	}
	need.Time(t)
	for _, program := range []string{"dockerd", "containerd", "docker", "unshare", "ip", "mount", "tar"} {
		_, err := need.Find(program)
		need.Optional(t, err)
	}
	if os.Getuid() != 0 {
		need.Optional(t, errors.New("only root may start Docker's engine"))
	}
	folder := t.TempDir()
	image := filepath.Join(folder, "image")
	require.NoError(t, os.MkdirAll(filepath.Join(image, "var/task"), 0o755))
	require.NoError(t, gobuild.Functions(t.Context(), folder, "verify"))
	require.NoError(t, os.Rename(filepath.Join(folder, "verify"), filepath.Join(image, "var/task/bootstrap")))
	output(t.Context(), t, ".", []string{"CGO_ENABLED=0"}, "go", "build", "-o", filepath.Join(image, "rie"), "../scripts/deploytest/rie")

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	self, err := os.Executable()
	require.NoError(t, err)
	// The first process of the namespace takes all others with it.
	inside := exec.CommandContext(ctx, "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		self, "-test.run=^TestFunctionRunsInAContainer$", "-test.v")
	inside.Dir = "../scripts/deploytest"
	inside.Env = append(os.Environ(), insideVariable+"="+folder, "HOME="+folder)
	said, err := inside.CombinedOutput()
	if bytes.Contains(said, []byte("--- SKIP")) {
		need.Optional(t, fmt.Errorf("no container can be started here\n%s", said))
	}
	require.NoError(t, err, "%s", said)
	assert.Contains(t, string(said), "--- PASS: TestFunctionRunsInAContainer")
}

func insideNamespaces(t *testing.T, folder string) {
	run := func(name string, args ...string) string {
		t.Helper()
		return strings.TrimSpace(output(t.Context(), t, ".", []string{"DOCKER_HOST=unix://" + folder + "/docker.sock"}, name, args...))
	}
	run("ip", "link", "set", "lo", "up")
	startEngine(t, folder)

	containers, err := loopback.FindContainers()
	require.NoError(t, err)
	s, err := sandbox.New(sandbox.Options{Containers: true})
	require.NoError(t, err)
	listener, err := containers.Listen("9000") // the port of sam-local.json
	require.NoError(t, err)
	var guard atomic.Pointer[http.Handler]
	serve := func(handler http.Handler) { guard.Store(&handler) }
	serve(containers.Only(s))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*guard.Load()).ServeHTTP(w, r) }), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()

	run("sh", "-c", "tar -C "+filepath.Join(folder, "image")+" -c . | docker import - verify")
	arguments := []string{"run", "--detach", "--add-host", "host.docker.internal:host-gateway", "--cgroup-parent", cgroup}
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

// cgroup is the parent of the container's; it is removed afterwards.
const cgroup = "/sotercall-docker-test"

// startEngine starts dockerd, whose files are in folder. It keeps a key in
// /etc/docker, whatever it is told: what is written there goes to memory.
func startEngine(t *testing.T, folder string) {
	t.Helper()
	memory := filepath.Join(folder, "memory")
	setup := `set -e
mkdir -p ` + memory + `
mount -t tmpfs tmpfs ` + memory + `
mkdir ` + memory + `/upper ` + memory + `/work
mount -t overlay -o lowerdir=/etc,upperdir=` + memory + `/upper,workdir=` + memory + `/work overlay /etc`
	if said, err := exec.CommandContext(t.Context(), "sh", "-c", setup).CombinedOutput(); err != nil {
		t.Skipf("nothing can be mounted here: %s", said)
	}
	log, err := os.Create(filepath.Join(folder, "dockerd.log"))
	require.NoError(t, err)
	defer log.Close()
	socket := "unix://" + folder + "/docker.sock"
	engine := exec.Command("dockerd", "--host", socket, "--data-root", folder+"/data", "--exec-root", folder+"/exec", "--pidfile", folder+"/pid",
		"--iptables=false", "--ip6tables=false", "--storage-driver", "vfs")
	engine.Stdout, engine.Stderr = log, log
	require.NoError(t, engine.Start())
	ended := make(chan error, 1)
	go func() { ended <- engine.Wait() }()
	t.Cleanup(func() {
		_ = engine.Process.Signal(os.Interrupt)
		<-ended
		groups, _ := filepath.Glob("/sys/fs/cgroup/*" + cgroup)
		for _, group := range append(groups, "/sys/fs/cgroup"+cgroup) {
			_ = os.Remove(group)
		}
	})
	for range 200 {
		if exec.CommandContext(t.Context(), "docker", "--host", socket, "version").Run() == nil {
			return
		}
		select {
		case <-ended:
			ended <- nil
			said, _ := os.ReadFile(log.Name())
			t.Skipf("Docker's engine does not run here: %s", said)
		case <-time.After(100 * time.Millisecond):
		}
	}
	said, _ := os.ReadFile(log.Name())
	t.Skipf("Docker's engine does not start here: %s", said)
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
