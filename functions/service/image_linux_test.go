package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/dev/gobuild"
	"sotercall/internal/test/documented"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
	"sotercall/internal/version"
)

// engine runs docker's commands.
type engine struct{ host []string }

// startEngine finds a container engine: one that runs, or docker's own daemon,
// which it starts for this test, without any network. Where there is none the test
// is skipped, in CI too, unless [need.Engine] requires one: it may run in a container itself, where none can be
// started, and TestInAnEmptyRoot stands in for it.
func startEngine(t *testing.T) engine {
	t.Helper()
	need.CI(t)
	_, err := need.Find("docker")
	need.Engine(t, err)
	running := engine{os.Environ()}
	if _, err := running.run(t.Context(), "version"); err == nil {
		return running
	}
	daemon, err := exec.LookPath("dockerd")
	if err != nil || os.Geteuid() != 0 {
		need.Engine(t, errors.New("no container engine runs, and none can be started: that needs dockerd, and root"))
	}
	folder, err := os.MkdirTemp("", "engine-") // not TempDir: the path of a socket is short
	require.NoError(t, err)
	socket := "unix://" + filepath.Join(folder, "socket")
	command := exec.Command(daemon, "--host", socket, "--data-root", filepath.Join(folder, "data"),
		"--exec-root", filepath.Join(folder, "exec"), "--pidfile", filepath.Join(folder, "pid"),
		"--bridge", "none", "--iptables=false", "--ip6tables=false")
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread() // the daemon ends with the thread that has started it
		defer close(ended)
		started <- command.Start()
		_ = command.Wait()
	}()
	require.NoError(t, <-started)
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		<-ended
		_ = syscall.Unmount(filepath.Join(folder, "exec", "netns", "default"), syscall.MNT_DETACH) // which it leaves
		assert.NoError(t, os.RemoveAll(folder))
	})
	own := engine{append(os.Environ(), "DOCKER_HOST="+socket)}
	for begin := time.Now(); time.Since(begin) < 30*time.Second; time.Sleep(100 * time.Millisecond) {
		if _, err := own.run(t.Context(), "version"); err == nil {
			return own
		}
		select {
		case <-ended:
			need.Engine(t, fmt.Errorf("dockerd does not start here\n%s", last(said.String())))
		default:
		}
	}
	need.Engine(t, errors.New("dockerd does not answer"))
	return engine{}
}

func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func (e engine) run(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "docker", args...)
	command.Dir = filepath.Join("..", "..")
	command.Env = append(e.host, "DOCKER_BUILDKIT=0") // which every engine has
	out, err := command.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (e engine) must(t *testing.T, args ...string) string {
	t.Helper()
	said, err := e.run(context.WithoutCancel(t.Context()), args...)
	require.NoError(t, err, "docker %s\n%s", strings.Join(args, " "), said)
	return said
}

// goImage makes an image that stands in the place of golang: Go as it is installed
// here, the modules that it has, a shell, our own authority, and what is compiled of
// the service already: in there it is linked, and not compiled once more.
func (e engine) goImage(t *testing.T, name string, authority []byte) {
	t.Helper()
	shell, err := need.Find("busybox") // the shell of the image that builds
	need.Engine(t, err)
	parsed, err := elf.Open(shell)
	require.NoError(t, err)
	defer parsed.Close()
	if parsed.Section(".interp") != nil {
		need.Engine(t, errors.New("busybox-static is not installed: busybox is linked dynamically"))
	}
	content, err := os.ReadFile(shell)
	require.NoError(t, err)
	base := t.TempDir()
	put(t, base, "bin/sh", content, 0o755)
	put(t, base, dockerfile(t).roots, authority, 0o644)
	require.NoError(t, os.Mkdir(filepath.Join(base, "tmp"), 0o755))
	compiled(t, filepath.Join(base, "cache"))
	at := goEnv(t)
	pack := exec.CommandContext(t.Context(), "tar", "c", "--transform", "s,^\\./,,",
		"-C", base, ".", "--exclude", "./test", "--exclude", "./doc", "--exclude", "./api",
		"--transform", "s,^go-root,usr/local/go,", "--transform", "s,^modules,proxy,",
		"-C", linked(t, "go-root", at("GOROOT")), "go-root/bin", "go-root/src", "go-root/pkg", "go-root/go.env", "go-root/VERSION",
		"-C", linked(t, "modules", filepath.Join(at("GOMODCACHE"), "cache", "download")), "modules/.")
	importing := exec.CommandContext(t.Context(), "docker", "import",
		"--change", "ENV PATH=/usr/local/go/bin:/bin HOME=/tmp GOCACHE=/cache GOFLAGS=-v GOPROXY=file:///proxy GOTOOLCHAIN=local", "-", name)
	importing.Env = e.host
	importing.Stdin, err = pack.StdoutPipe()
	require.NoError(t, err)
	var packing bytes.Buffer
	pack.Stderr = &packing
	require.NoError(t, pack.Start())
	said, err := importing.CombinedOutput()
	require.NoError(t, err, string(said))
	require.NoError(t, pack.Wait(), packing.String())
}

// goEnv returns a function that returns a variable of the go command.
func goEnv(t *testing.T) func(variable string) string {
	return func(variable string) string {
		out, err := exec.CommandContext(t.Context(), "go", "env", variable).Output()
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
}

// compiled fills a folder with the part of Go's cache that holds the packages of the
// service. The cache has two files for each: NN-d is what was compiled, NN-a names that
// one by its hash. With -trimpath, neither depends on the folder of the source.
func compiled(t *testing.T, folder string) {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", append([]string{"list", "-deps", "-export", "-f", "{{.Export}}"},
		append(gobuild.Target{}.Packages(), "./functions/service")...)...)
	list.Dir, list.Env = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0")
	said, err := list.Output()
	require.NoError(t, err)
	exports := map[string]bool{}
	for file := range strings.FieldsSeq(string(said)) {
		exports[strings.TrimSuffix(filepath.Base(file), "-d")] = true
	}
	require.NotEmpty(t, exports)
	cache := goEnv(t)("GOCACHE")
	actions, err := filepath.Glob(filepath.Join(cache, "??", "*-a"))
	require.NoError(t, err)
	copied := 0
	for _, action := range actions {
		content, err := os.ReadFile(action)
		if err != nil {
			continue // others trim the cache
		}
		words := strings.Fields(string(content)) // v1, its own hash, the hash of what it names, ...
		if len(words) < 3 || !exports[words[2]] {
			continue
		}
		output := filepath.Join(words[2][:2], words[2]+"-d")
		archive, err := os.ReadFile(filepath.Join(cache, output))
		require.NoError(t, err)
		put(t, folder, filepath.Join(filepath.Base(filepath.Dir(action)), filepath.Base(action)), content, 0o644)
		put(t, folder, output, archive, 0o644)
		copied++
	}
	t.Logf("%d packages, %d actions", len(exports), copied)
}

// linked is a folder in which target has a name of our choice.
func linked(t *testing.T, name, target string) string {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.Symlink(target, filepath.Join(folder, name)))
	return folder
}

// dockerCommand is the first documented command with a verb and a word, without docker, and
// with other words in the place of some.
func dockerCommand(t *testing.T, verb, word string, others map[string][]string) []string {
	t.Helper()
	for _, line := range documented.Commands(t) {
		words := strings.Fields(line)
		if words[1] != verb || !slices.Contains(words, word) {
			continue
		}
		args := []string{verb}
		for _, word := range words[2:] {
			other, ok := others[word]
			if !ok {
				other = []string{word}
			}
			delete(others, word)
			args = append(args, other...)
		}
		require.Empty(t, others, line)
		return args
	}
	require.Fail(t, "no command", verb)
	return nil
}

// The image is built and run as docs/containers.md says, on this machine's own
// network, where the sandbox is.
func TestImage(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	wechat, authority := upstream(t)
	const goImage, image = "sotercall-go:test", "sotercall:test"
	e.goImage(t, goImage, authority)
	t.Cleanup(func() { e.must(t, "rmi", "-f", goImage) })
	said := e.must(t, dockerCommand(t, "build", "sotercall", map[string][]string{
		"-f": {"--network", "none", "--build-arg", "GO_IMAGE=" + goImage, "-f"}, "sotercall": {image},
	})...)
	t.Logf("compiled in the container: %q", regexp.MustCompile(`(?m)^[\w.-]+(/[\w.-]+)*$`).FindAllString(said, -1))
	t.Cleanup(func() { e.must(t, "rmi", "-f", image) })
	assert.Equal(t, "65532:65532 [/function]", e.must(t, "inspect", "-f", "{{.Config.User}} {{.Config.Entrypoint}}", image))

	folder, port := t.TempDir(), freePort(t)
	token, variables := filepath.Join(folder, "token"), filepath.Join(folder, "env")
	require.NoError(t, os.WriteFile(token, []byte(wechat.CloudbaseAccessToken()), 0o644))
	require.NoError(t, os.WriteFile(variables, []byte("HOST=127.0.0.1\nPORT="+port+"\nHTTP_BEARER_TOKENS="+bearer+
		"\nACCESS_TOKEN_MODE=cloudbase\nWECHAT_API_BASE="+wechat.URL+"\n"), 0o600))
	id := e.must(t, dockerCommand(t, "run", "--env-file", map[string][]string{
		"-p": {"--network"}, "127.0.0.1:8080:8080": {"host", "-v", token + ":" + accesstoken.CloudBaseFile + ":ro"},
		".env": {variables}, "sotercall": {image},
	})...)
	t.Cleanup(func() { e.must(t, "rm", "-f", id) })
	c := container{url: "http://127.0.0.1:" + port, log: new(hosted.Log)}
	c.wait(t)
	assert.Equal(t, hosted.Verified, c.verify(t))
	assert.Equal(t, `["CMD","/function","-health"]`, e.must(t, "inspect", "-f", "{{json .Config.Healthcheck.Test}}", image))
	assert.Equal(t, "ok", e.must(t, "exec", id, "/function", "-health"))
	e.must(t, "stop", "-t", "15", id)
	assert.Equal(t, "exited 0", e.must(t, "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", id))
	assert.Contains(t, e.must(t, "logs", id), `"platform":"http"`)

	document := filepath.Join(folder, "apps.json")
	require.NoError(t, os.WriteFile(document, appsDocument(t), 0o400))
	require.NoError(t, os.Chown(document, 65532, -1))
	c.url = "http://127.0.0.1:" + freePort(t)
	id = e.must(t, dockerCommand(t, "run", "WECHAT_APPS_FILE=/apps.json", map[string][]string{
		"-p": {"--network"}, "127.0.0.1:8080:8080": {"host", "-e", "HOST=127.0.0.1", "-e", "PORT=" + strings.TrimPrefix(c.url, "http://127.0.0.1:")},
		"-e":                             {"-e", "WECHAT_API_BASE=" + wechat.URL, "-e"},
		`"$PWD/apps.json:/apps.json:ro"`: {document + ":/apps.json:ro"}, "sotercall": {image},
	})...)
	t.Cleanup(func() { e.must(t, "rm", "-f", id) })
	c.wait(t)
	assert.Contains(t, c.stableToken(t), `"access_token":"`)

	e.must(t, "cp", id+":"+dockerfile(t).program, filepath.Join(folder, "of-the-image"))
	require.NoError(t, gobuild.Functions(t.Context(), folder, "service"))
	assert.Equal(t, digest(t, filepath.Join(folder, "service")), digest(t, filepath.Join(folder, "of-the-image")),
		"the bytes are those of scripts/package")
	e.requireReleasedImage(t, goImage)
}

// requireReleasedImage makes the image of a release, and runs what `docker load` reads from
// its file.
func (e engine) requireReleasedImage(t *testing.T, goImage string) {
	t.Helper()
	const image = "sotercall:" + version.Number
	out := t.TempDir()
	make := exec.CommandContext(t.Context(), "go", "run", "./scripts/release", "image", "-arch", runtime.GOARCH, "-out", out,
		"--", "--network", "none", "--build-arg", "GO_IMAGE="+goImage)
	make.Dir = filepath.Join("..", "..")
	make.Env = append(e.host, "DOCKER_BUILDKIT=0")
	said, err := make.CombinedOutput()
	require.NoError(t, err, "%s", said)
	file := filepath.Join(out, "assets", "image-"+runtime.GOARCH+".tar.gz")
	sums, err := os.ReadFile(filepath.Join(out, "assets", "SHA256SUMS"))
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("%x  %s\n", digest(t, file), filepath.Base(file)), string(sums))

	e.must(t, "rmi", "-f", image)
	assert.Contains(t, e.must(t, "load", "-i", file), image)
	t.Cleanup(func() { e.must(t, "rmi", "-f", image) })
	assert.Equal(t, "linux/"+runtime.GOARCH, e.must(t, "inspect", "-f", "{{.Os}}/{{.Architecture}}", image))
	c := container{url: "http://127.0.0.1:" + freePort(t), log: new(hosted.Log)}
	id := e.must(t, "run", "-d", "--read-only", "--cap-drop", "ALL", "--network", "host", "-e", "HOST=127.0.0.1",
		"-e", "PORT="+strings.TrimPrefix(c.url, "http://127.0.0.1:"), "-e", "ACCESS_TOKEN_MODE=none", "-e", "HTTP_BEARER_TOKENS="+bearer, image)
	t.Cleanup(func() { e.must(t, "rm", "-f", id) })
	c.wait(t)
	assert.Equal(t, "ok", e.must(t, "exec", id, "/function", "-health"))
	printed := e.must(t, "run", "--rm", "--network", "none", image, "-version")
	assert.Equal(t, "service", strings.Fields(printed)[0])
	assert.True(t, strings.HasPrefix(strings.Fields(printed)[1], version.Number), printed)
}

func digest(t *testing.T, file string) [sha256.Size]byte {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	return sha256.Sum256(content)
}
