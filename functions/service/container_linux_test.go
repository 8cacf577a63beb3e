package main

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

// image is what deploy/container/Dockerfile says of the image it makes.
type image struct {
	program    string   // of the entry point
	roots      string   // file with the certificates of authorities
	uid, gid   int      // whom it runs as
	variables  []string // NAME=value
	fromBefore int      // files that are copied out of the build
}

// dockerfile reads the stage after FROM scratch.
func dockerfile(t *testing.T) (i image) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/container/Dockerfile")
	require.NoError(t, err)
	_, stage, found := strings.Cut(string(text), "\nFROM scratch\n")
	require.True(t, found, "the image holds nothing but what is copied into it")
	for line := range strings.Lines(stage) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case words[0] == "COPY":
			require.Equal(t, "--from=build", words[1])
			i.fromBefore++
			if strings.HasSuffix(words[3], ".crt") {
				i.roots = words[3]
			}
		case words[0] == "USER":
			uid, gid, _ := strings.Cut(words[1], ":")
			i.uid, err = strconv.Atoi(uid)
			require.NoError(t, err, "a number: the image has no list of users")
			i.gid, err = strconv.Atoi(gid)
			require.NoError(t, err)
		case words[0] == "ENV":
			i.variables = append(i.variables, words[1])
		case words[0] == "ENTRYPOINT":
			i.program = strings.Trim(strings.Join(words[1:], " "), `[]"`)
		}
	}
	require.Equal(t, 2, i.fromBefore, "the program and the certificates")
	require.NotZero(t, i.uid, "not root")
	require.NotZero(t, i.gid)
	return i
}

// upstream is the sandbox behind TLS; the second result is its authority, in PEM.
func upstream(t *testing.T) (hosted.Sandbox, []byte) {
	t.Helper()
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	server := httptest.NewUnstartedServer(wechat)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that are meant to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	wechat.URL = server.URL
	return wechat, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// container is a service that runs from an image.
type container struct {
	url  string
	root string // its file system, while files can be put there
	pid  int
	log  *hosted.Log
	stop func() error // tells it to stop; the error says that it did not end well
}

// inEmptyRoot starts the service as the image does, without a container engine: in
// a folder that holds what the image holds, and under the image's user. Others may
// not write there.
func inEmptyRoot(t *testing.T, roots []byte, variables map[string]string) container {
	t.Helper()
	return inEmptyRootWith(t, roots, variables, func(string) {})
}

// inEmptyRootWith does the same, with what mount puts below the root before the start.
func inEmptyRootWith(t *testing.T, roots []byte, variables map[string]string, mount func(root string)) container {
	t.Helper()
	if os.Geteuid() != 0 {
		need.Met(t, errors.New("chroot needs root"))
	}
	i, root := dockerfile(t), filepath.Join(t.TempDir(), "root")
	program, err := os.ReadFile(hosted.Binary("service"))
	require.NoError(t, err)
	put(t, root, i.program, program, 0o755)
	put(t, root, i.roots, roots, 0o644)
	mount(root)
	c := container{root: root, log: new(hosted.Log)}
	command := exec.Command(i.program)
	command.Dir = "/"
	command.Env = append(i.variables, "HOST=127.0.0.1", "PORT="+freePort(t))
	for name, value := range variables {
		command.Env = append(command.Env, name+"="+value)
	}
	command.Stdout, command.Stderr = c.log, c.log
	command.SysProcAttr = &syscall.SysProcAttr{
		Chroot: root, Credential: &syscall.Credential{Uid: uint32(i.uid), Gid: uint32(i.gid)},
	}
	require.NoError(t, command.Start())
	c.pid = command.Process.Pid
	c.url = "http://127.0.0.1:" + strings.TrimPrefix(command.Env[len(i.variables)+1], "PORT=")
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	c.stop = func() error {
		require.NoError(t, command.Process.Signal(syscall.SIGTERM))
		return <-ended
	}
	t.Cleanup(func() { _ = command.Process.Kill() })
	c.wait(t)
	return c
}

// put makes a file, and its folder, below root.
func put(t *testing.T, root, name string, content []byte, mode os.FileMode) {
	t.Helper()
	file := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, content, mode))
}

func freePort(t *testing.T) string { return strconv.Itoa(need.Port(t)) }

// wait waits until it answers.
func (c container) wait(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/healthz", nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		if err == nil {
			resp.Body.Close()
			return
		}
		require.NoError(t, ctx.Err(), "%v\n%s", err, c.log)
		time.Sleep(5 * time.Millisecond)
	}
}

// verify asks about the sample as a backend.
func (c container) verify(t *testing.T) string {
	t.Helper()
	_, answer := hosted.Post(t, c.url+"/", hosted.JSON(t, hosted.Sample(t)), http.Header{"Authorization": {"Bearer " + bearer}})
	return answer
}

// The image needs nothing but the program and the certificates, nor root, nor a file
// that it could write.
func TestInAnEmptyRoot(t *testing.T) {
	t.Parallel()
	wechat, authority := upstream(t)
	variables := hosted.With(wechat.Variables(), map[string]string{"HTTP_BEARER_TOKENS": bearer})
	c := inEmptyRoot(t, authority, variables)
	assert.Equal(t, hosted.Verified, c.verify(t))
	status, err := os.ReadFile("/proc/" + strconv.Itoa(c.pid) + "/status")
	require.NoError(t, err)
	i := dockerfile(t)
	assert.Regexp(t, `(?m)^Uid:(\s+`+strconv.Itoa(i.uid)+`){4}$`, string(status))
	assert.Regexp(t, `(?m)^Gid:(\s+`+strconv.Itoa(i.gid)+`){4}$`, string(status))
	require.NoError(t, c.stop(), "SIGTERM ends it with status 0")
	assert.Equal(t, i.fromBefore, filesBelow(t, c.root), "it leaves nothing behind")

	unsigned := inEmptyRoot(t, nil, variables)
	answer := unsigned.verify(t)
	assert.Contains(t, answer, `"errCode":-604103`, "the twin: that file is where authorities come from")
	// A log line may come a moment after its answer.
	assert.Eventually(t, func() bool { return strings.Contains(unsigned.log.String(), "certificate") }, time.Minute, 5*time.Millisecond)
}

func filesBelow(t *testing.T, root string) (n int) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(_ string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			n++
		}
		return err
	}))
	return n
}

// ACCESS_TOKEN_MODE=cloudbase takes the token from the file that Cloud Hosting
// mounts, and the next one when that has replaced it.
func TestTheTokenFileOfCloudHosting(t *testing.T) {
	t.Parallel()
	wechat, authority := upstream(t)
	const path = "/cgi-bin/soter/verify_signature"
	c := inEmptyRoot(t, authority, map[string]string{
		"HTTP_AUTH": "wechat", "HTTP_BEARER_TOKENS": bearer, "ACCESS_TOKEN_MODE": "cloudbase", "WECHAT_API_BASE": wechat.URL,
	})
	assert.Contains(t, c.verify(t), `"errCode":-604103`, "there is no file yet")
	assert.Zero(t, wechat.Requests(path))

	put(t, c.root, accesstoken.CloudBaseFile, []byte(wechat.CloudbaseAccessToken()), 0o644)
	assert.Equal(t, hosted.Verified, c.verify(t))
	asked, _ := wechat.LastRequest(path)
	assert.True(t, strings.HasPrefix(asked.RawQuery, "cloudbase_access_token="), asked.RawQuery)

	// A page asks through callContainer; the container's token is its as well.
	app, err := wechat.App("")
	require.NoError(t, err)
	sample := hosted.Sample(t)
	door, err := app.CallContainer(c.url, sample.OpenID)
	require.NoError(t, err)
	gateway := httptest.NewServer(door)
	defer gateway.Close()
	_, answer := hosted.Post(t, gateway.URL+"/", hosted.JSON(t, sample), nil)
	assert.Equal(t, hosted.Verified, answer)

	put(t, c.root, accesstoken.CloudBaseFile, []byte("a-token-that-has-expired-meanwhile"), 0o644)
	assert.Contains(t, c.verify(t), `"errCode":40001`)
	put(t, c.root, accesstoken.CloudBaseFile, []byte(wechat.CloudbaseAccessToken()), 0o644)
	assert.Equal(t, hosted.Verified, c.verify(t))
	assert.Zero(t, wechat.Requests("/cgi-bin/stable_token"), "nobody fetches one")
	require.NoError(t, c.stop())
	assert.Empty(t, hosted.Leak(c.log.String(), wechat.CloudbaseAccessToken()))
	assert.Empty(t, hosted.Leak(c.log.String(), "a-token-that-has-expired-meanwhile"))
	assert.Equal(t, 5, strings.Count(c.log.String(), `"msg":"invocation"`), "each call has its line")
}

// scf_bootstrap starts an HTTP function of CloudBase on port 9000, whatever the
// platform sets for other kinds of functions, and is the server from then on. It has
// a network of its own here, where nobody else has that port.
func TestHTTPFunctionOfCloudBase(t *testing.T) {
	t.Parallel()
	need.Program(t, "bash")
	if os.Geteuid() != 0 {
		need.Met(t, errors.New("a network of its own needs root"))
	}
	folder := t.TempDir()
	for name, from := range map[string]string{"main": hosted.Binary("service"), "scf_bootstrap": "../../deploy/cloudbase/scf_bootstrap"} {
		content, err := os.ReadFile(from)
		require.NoError(t, err)
		put(t, folder, name, content, 0o755)
	}
	log := new(hosted.Log)
	command := exec.Command(filepath.Join(folder, "scf_bootstrap"))
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "_LAMBDA_SERVER_PORT=28902", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:28903", "HTTP_BEARER_TOKENS=" + bearer}
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill() })
	// /proc shows the sockets of the network that the process is in; 0A is LISTEN.
	listens := regexp.MustCompile(`(?m)^ *\d+: 0+:([0-9A-F]{4}) 0+:0000 0A `)
	var ports [][]string
	for begin := time.Now(); len(ports) == 0; time.Sleep(5 * time.Millisecond) {
		require.Less(t, time.Since(begin), 20*time.Second, log)
		sockets, err := os.ReadFile("/proc/" + strconv.Itoa(command.Process.Pid) + "/net/tcp6")
		require.NoError(t, err)
		ports = listens.FindAllStringSubmatch(string(sockets), -1)
	}
	require.Len(t, ports, 1)
	assert.Equal(t, strconv.FormatInt(9000, 16), ports[0][1], "on all interfaces")
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	assert.NoError(t, command.Wait(), "SIGTERM reaches the server: %s", log)
}

const clientSecret = "a-client-secret-of-the-service-test"

// appsDocument lists the sandbox's app and one client.
func appsDocument(t *testing.T) []byte {
	t.Helper()
	return hosted.JSON(t, map[string]any{
		"apps":    map[string]any{sandbox.DefaultAppID: map[string]any{"secret": sandbox.DefaultAppSecret}},
		"clients": map[string]any{"shop": map[string]any{"secrets": []string{clientSecret}, "apps": []string{"*"}}},
	})
}

// stableToken fetches a token as a client of the token server does.
func (c container) stableToken(t *testing.T) string {
	t.Helper()
	_, answer := hosted.Post(t, c.url+"/cgi-bin/stable_token", hosted.JSON(t, map[string]any{
		"grant_type": "client_credential", "appid": sandbox.DefaultAppID, "secret": clientSecret,
	}), nil)
	return answer
}

// The image's user must be able to read the document that is mounted into it, as
// docs/central-token-server.md says: a file of root alone is not enough.
func TestDocumentOfTheAppsIsMounted(t *testing.T) {
	t.Parallel()
	wechat, authority := upstream(t)
	variables := map[string]string{"WECHAT_APPS_FILE": "/apps.json", "WECHAT_API_BASE": wechat.URL}
	for owner, readable := range map[int]bool{0: false, dockerfile(t).uid: true} {
		c := inEmptyRootWith(t, authority, variables, func(root string) {
			put(t, root, "apps.json", appsDocument(t), 0o400)
			require.NoError(t, os.Chown(filepath.Join(root, "apps.json"), owner, -1))
		})
		resp, err := http.Get(c.url + "/healthz")
		require.NoError(t, err)
		health, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		if readable {
			assert.Equal(t, http.StatusOK, resp.StatusCode, string(health))
			assert.Contains(t, c.stableToken(t), `"access_token":"`)
			continue
		}
		assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
		assert.Contains(t, string(health), "WECHAT_APPS_FILE names a file that cannot be read")
		assert.NotContains(t, c.stableToken(t), "access_token\":")
	}
}
