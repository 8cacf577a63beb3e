package deploytest

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/gobuild"
	"sotercall/internal/dev/loopback"
	"sotercall/internal/test/documented"
	"sotercall/internal/test/moto"
	"sotercall/internal/test/need"
	"sotercall/internal/test/tlstest"
)

// region is what AWS::Region is for SAM, whatever AWS_REGION says.
const region = "us-east-1"

// sam runs commands of SAM CLI in a copy of the project.
type sam struct {
	t         *testing.T
	root      string // of the copy
	env       []string
	python    string // the program, with SAM's packages
	authority tlstest.Authority
}

func newSAM(t *testing.T, folder string) sam {
	t.Helper()
	python := need.Python(t, "python")
	return sam{
		t: t, root: filepath.Join(folder, "project"), python: python, authority: tlstest.New(secretsHost, tableHost, weChatHost),
		env: []string{
			"PATH=" + filepath.Dir(python) + ":" + os.Getenv("PATH"), "SAM_CLI_TELEMETRY=0",
			"PYTHONDONTWRITEBYTECODE=", // compiled at each start, the programs take seconds more
			"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region, "AWS_ACCESS_KEY_ID=" + moto.AccessKey, "AWS_SECRET_ACCESS_KEY=" + moto.SecretKey,
			"AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "ARCHITECTURE=" + architecture(),
		},
	}
}

// on is c for another test.
func (c sam) on(t *testing.T) sam {
	c.t, c.env = t, append([]string(nil), c.env...)
	return c
}

// architecture is Lambda's name for the processor of this computer, which runs no other.
func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

func architectureParameter() string { return "Architecture=" + architecture() }

// documented returns the command of docs/aws.md that begins with a text, for this
// computer's processor: the document has the template's default first.
func (c sam) documented(begins string) string {
	c.t.Helper()
	var first, here string
	for _, line := range documented.Commands(c.t) {
		switch {
		case !strings.HasPrefix(line, begins+" "):
		case strings.Contains(line, architectureParameter()):
			here = line
		case first == "":
			first = line
		}
	}
	require.NotEmpty(c.t, first, begins)
	switch {
	case architecture() == "arm64" || begins == "sam validate":
		return first
	case here != "":
		return here
	}
	return first + " --parameter-overrides " + architectureParameter()
}

// run runs a command with the shell and returns what it prints.
func (c sam) run(command string) string {
	c.t.Helper()
	shell := exec.CommandContext(c.t.Context(), "sh", "-c", command)
	shell.Dir, shell.Env = c.root, append(os.Environ(), c.env...)
	var stdout, stderr bytes.Buffer
	shell.Stdout, shell.Stderr = &stdout, &stderr
	begin := time.Now()
	err := shell.Run()
	took := time.Since(begin)
	c.t.Cleanup(func() {
		if c.t.Failed() {
			c.t.Logf("%.1f s: %s\n%s%s", took.Seconds(), command, &stdout, &stderr)
		}
	})
	require.NoError(c.t, err)
	return stdout.String()
}

// local runs a command that starts a container.
func (c sam) local(command string) string {
	c.t.Helper()
	return c.run(command + " --skip-pull-image")
}

func (c sam) invoke(command string) (a answer) {
	c.t.Helper()
	said := c.local(command)
	require.NoError(c.t, json.Unmarshal([]byte(said), &a), said)
	return a
}

// startAPI runs a command that serves the API on a port until the test ends. It returns
// the URL of verifySignature.
func (c sam) startAPI(port, command string) string {
	c.t.Helper()
	var log bytes.Buffer
	server := exec.Command("sh", "-c", "exec "+command+" --skip-pull-image --port "+port)
	server.Dir, server.Env = c.root, append(os.Environ(), c.env...)
	server.Stdout, server.Stderr = &log, &log
	require.NoError(c.t, server.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Wait()
	}()
	c.t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		<-ended
		if c.t.Failed() {
			c.t.Log(&log)
		}
	})
	address := "http://127.0.0.1:" + port
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) { // another process has nothing to wait on
		resp, err := http.Get(address)
		if err == nil {
			resp.Body.Close()
			return address + "/openapi/soter/verifySignature"
		}
		require.True(c.t, time.Now().Before(deadline), "%v", err)
		select {
		case <-ended:
			require.Fail(c.t, "SAM ended", "%s", &log)
		default:
		}
	}
}

func (c sam) ask(address string, event []byte) answer {
	c.t.Helper()
	a, err := ask(address, event)
	require.NoError(c.t, err)
	return a
}

func (c sam) read(file string) []byte {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.root, file))
	require.NoError(c.t, err)
	return content
}

func (c sam) write(file string, content []byte) {
	c.t.Helper()
	require.NoError(c.t, os.WriteFile(filepath.Join(c.root, file), content, 0o600))
}

// requirePackagedBinaries requires that `sam build` makes the bytes of scripts/package.
func (c sam) requirePackagedBinaries() {
	c.t.Helper()
	packed := c.t.TempDir()
	require.NoError(c.t, gobuild.Functions(c.t.Context(), packed, slices.Collect(maps.Values(functionsOf))...))
	for id, function := range functionsOf {
		want, err := os.ReadFile(filepath.Join(packed, function))
		require.NoError(c.t, err)
		assert.True(c.t, bytes.Equal(want, c.read(".aws-sam/build/"+id+"/bootstrap")), "%s differs from scripts/package's", id)
	}
}

// imageQuery prints the name of the image that SAM looks for, and the emulator that it
// would put there.
const imageQuery = `
import sys
from unittest.mock import MagicMock
from samcli.local.docker.lambda_image import LambdaImage
from samcli.local.docker.utils import get_rapid_name
image = LambdaImage(None, True, False, docker_client=MagicMock())
print(image.build("provided.al2023", "Zip", None, [], sys.argv[1]))
print(LambdaImage._RAPID_SOURCE_PATH / get_rapid_name(sys.argv[1]))
`

func (c sam) importImage() {
	c.t.Helper()
	said := output(c.t.Context(), c.t, c.root, c.env, c.python, "-c", imageQuery, architecture())
	name, emulator, ok := strings.Cut(strings.TrimSpace(said), "\n")
	require.True(c.t, ok, said)
	image := filepath.Join(filepath.Dir(c.root), "sam-image")
	for _, folder := range []string{"etc/ssl/certs", "tmp", "var/rapid", "var/task"} {
		require.NoError(c.t, os.MkdirAll(filepath.Join(image, folder), 0o755))
	}
	require.NoError(c.t, os.WriteFile(filepath.Join(image, "etc/ssl/certs/ca-certificates.crt"), c.authority.PEM, 0o600))
	c.run("install -m 755 '" + emulator + "' " + image + "/var/rapid/aws-lambda-rie && tar -C " + image + " -c . | docker import - " + name)
}

// serveNames serves, behind TLS where containers reach this computer, each host of
// backends, and WeChat under every other name.
func serveNames(t *testing.T, containers loopback.Containers, authority tlstest.Authority, backends map[string]string, weChat http.Handler) {
	t.Helper()
	proxies := map[string]http.Handler{}
	for host, backend := range backends {
		address, err := url.Parse(backend)
		require.NoError(t, err)
		proxies[host] = httputil.NewSingleHostReverseProxy(address)
	}
	listenForContainers(t, containers, "443", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if proxy, ok := proxies[r.Host]; ok {
			proxy.ServeHTTP(w, r)
			return
		}
		weChat.ServeHTTP(w, r)
	}), authority.Config("http/1.1"))
}
