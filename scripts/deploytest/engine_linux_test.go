package deploytest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/loopback"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/need"
)

// insideVariable tells a test's second process which folder to work in.
const insideVariable = "SOTERCALL_DOCKER_TEST"

// withEngine calls prepare with a folder to fill, and then test with the same folder in
// a second process, where Docker's engine runs and DOCKER_HOST names it.
//
// The second process has its own network, mounts and processes. They end with it and
// nothing of this computer changes. The engine needs Debian's docker.io, root, and a
// kernel that permits namespaces: see [need.Engine].
func withEngine(t *testing.T, prepare, test func(folder string)) {
	t.Helper()
	if folder := os.Getenv(insideVariable); folder != "" {
		output(t.Context(), t, ".", nil, "ip", "link", "set", "lo", "up")
		startEngine(t, folder)
		test(folder)
		return
	}
	need.CI(t)
	for _, program := range []string{"dockerd", "containerd", "docker", "unshare", "ip", "mount", "tar"} {
		_, err := need.Find(program)
		need.Engine(t, err)
	}
	if os.Getuid() != 0 {
		need.Engine(t, errors.New("only root may start Docker's engine"))
	}
	folder := t.TempDir()
	prepare(folder)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	self, err := os.Executable()
	require.NoError(t, err)
	// The first process of the namespace takes all others with it.
	inside := exec.CommandContext(ctx, "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		self, "-test.run=^"+t.Name()+"$", "-test.v")
	inside.Dir = "../scripts/deploytest"
	// Another HOME, because the programs keep files there; what Go and Python have
	// installed stays where it is.
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	inside.Env = append(os.Environ(), insideVariable+"="+folder, "HOME="+folder, "XDG_CACHE_HOME="+cache)
	for _, variable := range []string{"GOCACHE", "GOMODCACHE"} {
		value := strings.TrimSpace(output(ctx, t, ".", nil, "go", "env", variable))
		inside.Env = append(inside.Env, variable+"="+value)
	}
	said, err := inside.CombinedOutput()
	if bytes.Contains(said, []byte("--- SKIP: "+t.Name()+" ")) {
		need.Engine(t, fmt.Errorf("no container can be started here\n%s", said))
	}
	require.NoError(t, err, "%s", said)
	assert.Contains(t, string(said), "--- PASS: "+t.Name())
}

// serveSandbox serves a sandbox to containers, on the port of sam-local.json. serve
// changes the handler.
func serveSandbox(t *testing.T) (s *sandbox.Sandbox, containers loopback.Containers, serve func(http.Handler)) {
	t.Helper()
	containers, err := loopback.FindContainers()
	require.NoError(t, err)
	s, err = sandbox.New(sandbox.Options{Containers: true})
	require.NoError(t, err)
	var current atomic.Pointer[http.Handler]
	serve = func(handler http.Handler) { current.Store(&handler) }
	serve(containers.Only(s))
	listenForContainers(t, containers, "9000", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*current.Load()).ServeHTTP(w, r)
	}), nil)
	return s, containers, serve
}

// listenForContainers serves handler where containers reach this computer, until the
// test ends; behind TLS with a configuration.
func listenForContainers(t *testing.T, containers loopback.Containers, port string, handler http.Handler, config *tls.Config) {
	t.Helper()
	listener, err := containers.Listen(port)
	require.NoError(t, err)
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
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
	engine := exec.Command("dockerd", "--host", socket, "--cgroup-parent", cgroup, "--data-root", folder+"/data", "--exec-root", folder+"/exec", "--pidfile", folder+"/pid",
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
	t.Setenv("DOCKER_HOST", socket)
	for range 200 {
		if exec.CommandContext(t.Context(), "docker", "version").Run() == nil {
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
