package deploytest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/gobuild"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/need"
	pinned "sotercall/internal/test/tools"
)

// The Compose files: of the central token server, and of the service with Redis and TLS.
const tokenCompose, serviceCompose = "compose.yaml", "compose.service.yaml"

// composeConfig runs `docker compose config` on a changed Compose file, in a folder that
// holds what stands beside it.
func composeConfig(t *testing.T, file string, change func(string) string, env ...string) (said string, err error) {
	t.Helper()
	program := need.GoTool(t, pinned.Compose)
	container := filepath.Join(t.TempDir(), "deploy", "container")
	require.NoError(t, os.CopyFS(container, os.DirFS(filepath.Join(folder, "container"))))
	content, err := os.ReadFile(filepath.Join(container, file))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(container, file), []byte(change(string(content))), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(container, ".env"), []byte("WECHAT_APPID=wx0123456789abcdef\n"), 0o600))
	command := exec.CommandContext(t.Context(), program, "-f", filepath.Join(container, file), "config")
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	out, err := command.CombinedOutput()
	return string(out), err
}

func TestComposeAcceptsItsFiles(t *testing.T) {
	same := func(s string) string { return s }
	const domain = "DOMAIN=soter.example.com"
	for _, file := range []string{tokenCompose, serviceCompose} {
		said, err := composeConfig(t, file, same, domain, "GOPROXY=https://mirror.example.com,direct")
		require.NoError(t, err, said)
		if file == serviceCompose {
			assert.Contains(t, said, "WECHAT_APPID: wx0123456789abcdef", "the variables of .env")
			assert.Contains(t, said, "GOPROXY: https://mirror.example.com,direct")
			assert.NotContains(t, said, "GO_IMAGE: \"\"", "what is not set stays the Dockerfile's")
		}
		said, err = composeConfig(t, file, func(s string) string { return strings.Replace(s, "read_only: true", "readonly: true", 1) }, domain)
		assert.Error(t, err, "the twin")
		assert.Contains(t, said, "additional properties 'readonly' not allowed")
	}
	said, err := composeConfig(t, serviceCompose, same)
	assert.Error(t, err)
	assert.Contains(t, said, "the name that leads to this computer")
	said, err = composeConfig(t, serviceCompose, func(s string) string { return strings.Replace(s, "[proxy, store]", "[proxy, shop]", 1) }, domain)
	assert.Error(t, err)
	assert.Contains(t, said, "undefined network shop")
}

// TestComposeStartsServiceRedisAndTLS starts the Compose file of a release in Docker's
// engine. No image can be pulled here: Redis and Caddy are those of this computer, and the
// service's image is made by the last stage of the Dockerfile. A signature counts once,
// also after the service was started anew, and the proxy speaks TLS.
func TestComposeStartsServiceRedisAndTLS(t *testing.T) {
	withEngine(t, func(folder string) {
		for _, program := range []string{"redis-server", "redis-cli", "caddy", "ldd"} {
			_, err := need.Find(program)
			need.Engine(t, err)
		}
		plugins := filepath.Join(folder, ".docker", "cli-plugins")
		require.NoError(t, os.MkdirAll(plugins, 0o755))
		program, err := os.ReadFile(need.GoTool(t, pinned.Compose))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(plugins, "docker-compose"), program, 0o755))
		require.NoError(t, os.MkdirAll(filepath.Join(folder, "image"), 0o755))
		require.NoError(t, gobuild.Functions(t.Context(), filepath.Join(folder, "image"), "service"))
	}, func(folder string) { startCompose(t, folder) })
}

func startCompose(t *testing.T, folder string) {
	shell := func(command string) string {
		t.Helper()
		return strings.TrimSpace(output(t.Context(), t, folder, nil, "sh", "-c", command))
	}
	buildServiceImage(t, folder)
	for image, programs := range map[string][]string{
		"redis:8-alpine": {"redis-server", "redis-cli"},
		"caddy:2-alpine": {"caddy"},
	} {
		importPrograms(t, folder, image, programs...)
	}

	for _, name := range []string{serviceCompose, "Caddyfile"} {
		content, err := os.ReadFile("container/" + name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	const bearer = "a-bearer-token-of-the-compose-test"
	require.NoError(t, os.WriteFile(filepath.Join(folder, ".env"), []byte(strings.Join([]string{
		"DOMAIN=localhost", "WECHAT_APPID=" + sandbox.DefaultAppID, "WECHAT_APPSECRET=" + sandbox.DefaultAppSecret,
		"WECHAT_API_BASE=http://host.docker.internal:9000", "HTTP_BEARER_TOKENS=" + bearer,
		"CHALLENGE_SECRET=" + strings.Repeat("c", 32), "",
	}, "\n")), 0o600))
	// The sandbox is outside, and the test need not wait for the first health checks.
	require.NoError(t, os.WriteFile(filepath.Join(folder, "test.yaml"), []byte(`services:
  service:
    extra_hosts: ["host.docker.internal:host-gateway"]
    healthcheck: {interval: 1s}
  redis:
    healthcheck: {interval: 1s}
`), 0o600))
	compose := "docker compose -f " + serviceCompose + " -f test.yaml "
	defer func() {
		if t.Failed() {
			t.Log(shell(compose + "logs; " + compose + "ps -a"))
		}
		shell(compose + "down -v -t 1")
	}()
	shell(compose + "up --no-start --no-build") // makes the networks, whose containers the sandbox then knows
	s, _, _ := serveSandbox(t)
	shell(compose + "up -d --no-build --wait --wait-timeout 120")
	assert.Contains(t, shell(compose+"ps service"), "(healthy)", "the image's own health check")

	root := shell(compose + "exec -T proxy cat /data/caddy/pki/authorities/local/root.crt")
	authorities := x509.NewCertPool()
	require.True(t, authorities.AppendCertsFromPEM([]byte(root)))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}}, Timeout: time.Minute}
	call := func(name string, request any) (response map[string]any) {
		t.Helper()
		body, err := json.Marshal(request)
		require.NoError(t, err)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://localhost/openapi/soter/"+name, bytes.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+bearer)
		resp, err := client.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &response), "%s", text)
		return response
	}
	phone, err := s.Phone("oUser", sandbox.Android)
	require.NoError(t, err)
	signed, err := phone.Sign(call("issueChallenge", object{"openid": "oUser"})["challenge"].(string))
	require.NoError(t, err)
	assert.Equal(t, true, call("verifySignature", signed)["isOk"])
	shell(compose + "up -d --no-build --wait --force-recreate --no-deps service")
	again := call("verifySignature", signed)
	assert.Equal(t, false, again["isOk"], "Redis remembers that it was used")
	assert.EqualValues(t, 0, again["errCode"], again)

	for _, name := range []string{"service", "redis"} {
		ports := shell("docker inspect --format '{{json .HostConfig.PortBindings}}' $(" + compose + "ps -q " + name + ")")
		assert.Equal(t, "{}", ports, "only the proxy is published, and not %s", name)
	}
}

// buildServiceImage makes the image by the last stage of the Dockerfile, of a program and
// certificates that are in the folder image.
func buildServiceImage(t *testing.T, folder string) {
	t.Helper()
	text, err := os.ReadFile("container/Dockerfile")
	require.NoError(t, err)
	_, stage, found := strings.Cut(string(text), "\nFROM scratch\n")
	require.True(t, found)
	stage = strings.NewReplacer("COPY --from=build /etc/ssl/certs/ca-certificates.crt", "COPY certificates", "COPY --from=build /function", "COPY service").Replace(stage)
	require.NotContains(t, stage, "--from")
	image := filepath.Join(folder, "image")
	require.NoError(t, os.WriteFile(filepath.Join(image, "Dockerfile"), []byte("FROM scratch\n"+stage), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(image, "certificates"), nil, 0o644))
	output(t.Context(), t, image, []string{"DOCKER_BUILDKIT=0"}, "docker", "build", "-t", "sotercall", ".")
}

// importPrograms makes an image of programs of this computer, with the libraries that they
// are linked to and the variables of Caddy's image.
func importPrograms(t *testing.T, folder, image string, programs ...string) {
	t.Helper()
	root := filepath.Join(folder, "root-"+strings.ReplaceAll(image, ":", "-"))
	for _, name := range []string{"tmp", "data", "config", "etc/caddy", "usr/bin"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, name), 0o777))
	}
	require.NoError(t, os.Symlink("usr/bin", filepath.Join(root, "bin")))
	files := []string{}
	for _, program := range append(programs, "cat") {
		found, err := exec.LookPath(program)
		require.NoError(t, err)
		files = append(files, found)
		for word := range strings.FieldsSeq(output(t.Context(), t, folder, nil, "ldd", found)) {
			if strings.HasPrefix(word, "/") {
				files = append(files, word)
			}
		}
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		target := filepath.Join(root, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o755))
		require.NoError(t, os.WriteFile(target, content, 0o755))
	}
	command := `--change 'CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]' --change 'WORKDIR /data'`
	output(t.Context(), t, folder, nil, "sh", "-c", "tar -C "+root+" -c . | docker import "+command+
		" --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config HOME=/data' - "+image)
}
