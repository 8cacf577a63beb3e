package deploytest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sotercall/internal/test/documented"
	"sotercall/internal/test/need"
)

// objects are those of a file for Kubernetes.
func objects(t *testing.T, content []byte) (all []object) {
	t.Helper()
	for _, document := range bytes.Split(content, []byte("\n---\n")) {
		var o object
		require.NoError(t, yaml.Unmarshal(document, &o))
		all = append(all, o)
	}
	return all
}

// problems holds objects against the schemas of Kubernetes.
func problems(t *testing.T, all []object) (said []string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "node", "kubernetes.js")
	need.CI(t)
	command.Dir = need.NodeModules(t, tools)
	stdin, err := json.Marshal(all)
	require.NoError(t, err)
	command.Stdin = bytes.NewReader(stdin)
	stdout, err := command.Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(stdout, &said))
	return said
}

func TestKubernetesTakesItsFile(t *testing.T) {
	content, err := os.ReadFile("kubernetes/service.yaml")
	require.NoError(t, err)
	assert.Equal(t, []string{"", ""}, problems(t, objects(t, content)))
	for change, says := range map[[2]string]string{
		{"readinessProbe:", "readinesProbe:"}:                                               "unknown: /spec/template/spec/containers/0/readinesProbe",
		{`value: "8080"`, "value: 8080"}:                                                    "value must be string",
		{"kind: Deployment", "kind: Deploy"}:                                                "Cannot find module",
		{"  selector:\n    matchLabels:\n      app: sotercall\n  template:", "  template:"}: "must have required property selector",
	} {
		require.Contains(t, string(content), change[0])
		broken := strings.Replace(string(content), change[0], change[1], 1)
		assert.Contains(t, problems(t, objects(t, []byte(broken)))[0], says, change[1])
	}
}

// What schemas do not say: the parts fit together, and with the image.
func TestKubernetesFileFitsTheImage(t *testing.T) {
	content, err := os.ReadFile("kubernetes/service.yaml")
	require.NoError(t, err)
	deployment, service := objects(t, content)[0], objects(t, content)[1]
	pod := at(t, deployment, "spec", "template", "spec").(object)
	labels := at(t, deployment, "spec", "template", "metadata", "labels")
	assert.Equal(t, labels, at(t, deployment, "spec", "selector", "matchLabels"))
	assert.Equal(t, labels, at(t, service, "spec", "selector"))
	container := pod["containers"].([]any)[0]
	environment := map[string]string{}
	for _, v := range at(t, container, "env").([]any) {
		environment[v.(object)["name"].(string)] = v.(object)["value"].(string)
	}
	assert.Equal(t, environment["PORT"], toText(at(t, container, "ports").([]any)[0].(object)["containerPort"]))
	assert.Equal(t, "/healthz", at(t, container, "readinessProbe", "httpGet", "path"))
	assert.Equal(t, "10s", environment["REQUEST_TIMEOUT"])
	assert.GreaterOrEqual(t, pod["terminationGracePeriodSeconds"], 15, "REQUEST_TIMEOUT and five seconds")

	dockerfile, err := os.ReadFile("container/Dockerfile")
	require.NoError(t, err)
	assert.Contains(t, string(dockerfile), "\nUSER "+toText(at(t, pod, "securityContext", "runAsUser"))+":"+toText(at(t, pod, "securityContext", "runAsGroup"))+"\n")
}

func toText(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// hosting is container.config.json, member by member as WeChat's page "config" of
// Cloud Hosting lists them.
type hosting struct {
	ContainerPort       int               `json:"containerPort"`
	DockerfilePath      string            `json:"dockerfilePath"`
	BuildDir            string            `json:"buildDir"`
	MinNum              int               `json:"minNum"`
	MaxNum              int               `json:"maxNum"`
	CPU                 float64           `json:"cpu"`
	Mem                 float64           `json:"mem"`
	PolicyType          string            `json:"policyType"`
	PolicyThreshold     int               `json:"policyThreshold"`
	EnvParams           map[string]string `json:"envParams"`
	CustomLogs          string            `json:"customLogs"`
	InitialDelaySeconds int               `json:"initialDelaySeconds"`
}

func TestCloudHostingConfig(t *testing.T) {
	code := t.TempDir() // which the command of docs/cloud-hosting.md completes
	require.NoError(t, os.Symlink(folder, filepath.Join(code, "deploy")))
	output(t.Context(), t, code, nil, "sh", "-c", documented.Commands(t)[0])
	content, err := os.ReadFile(filepath.Join(code, "container.config.json"))
	require.NoError(t, err)
	var c hosting
	require.NoError(t, json.Unmarshal(content, &c, json.RejectUnknownMembers(true)))
	dockerfile, err := os.ReadFile(filepath.Join(code, c.DockerfilePath))
	require.NoError(t, err)
	port := regexp.MustCompile(`(?m)^ENV PORT=(\d+)$`).FindSubmatch(dockerfile)
	require.NotNil(t, port)
	assert.Equal(t, string(port[1]), toText(c.ContainerPort), "the image listens where Cloud Hosting asks")
	assert.Equal(t, "Dockerfile", c.DockerfilePath, "in the root of the code, as Cloud Hosting wants it")
	assert.InDelta(t, 2, c.Mem/c.CPU, 0, "Cloud Hosting sells 2 GB for each core")
	assert.Equal(t, 1, c.MaxNum, "without a store, a signature counts once in each instance")
	assert.NotContains(t, c.EnvParams, "REDIS_URL", "the twin: with a store there may be more")
	for name := range c.EnvParams {
		known, secret := variablesOf(t, "verify")
		assert.Contains(t, known, name)
		assert.False(t, secret[name], "no secret is in the repository")
	}
}

// The image holds the bytes of scripts/package, whose flags the Makefile has too.
func TestDockerfileBuildsWithTheSameFlags(t *testing.T) {
	flags := func(file string) string {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		found := regexp.MustCompile(`(?s)-trimpath .*-ldflags "[^"]*"`).Find(content)
		require.NotNil(t, found, file)
		// make and the shell of the Dockerfile write variables in two ways.
		return strings.NewReplacer("$(REVISION)", "${REVISION}", "\t", "", " ", "").Replace(string(found))
	}
	assert.Equal(t, flags("Makefile"), flags("container/Dockerfile"))
}

// The Compose file with Redis and TLS: its parts fit together, and with the image.
func TestComposeFileOfTheServiceFitsTheImage(t *testing.T) {
	file := load(t, "container/compose.service.yaml")
	services := at(t, file, "services").(object)
	service := services["service"].(object)
	assert.FileExists(t, filepath.Join("container", at(t, service, "build", "context").(string), at(t, service, "build", "dockerfile").(string)))
	dockerfile, err := os.ReadFile("container/Dockerfile")
	require.NoError(t, err)
	for argument := range at(t, service, "build", "args").(object) {
		assert.Regexp(t, `(?m)^ARG `+argument+`\b`, string(dockerfile))
	}
	known, secret := variablesOf(t, "verify")
	for name := range at(t, service, "environment").(object) {
		assert.Contains(t, known, name)
		// The address of the Redis beside it holds no password.
		assert.True(t, !secret[name] || name == "REDIS_URL", "%s: no secret is in the repository", name)
	}
	assert.Equal(t, "redis://redis:6379", at(t, service, "environment", "REDIS_URL"))
	assert.Equal(t, []any{"ALL"}, service["cap_drop"])
	assert.Equal(t, true, service["read_only"])
	limit, err := time.ParseDuration(service["stop_grace_period"].(string))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, limit, 15*time.Second, "REQUEST_TIMEOUT and five seconds")
	assert.Equal(t, true, at(t, file, "networks", "store", "internal"), "nobody outside reaches Redis")
	for _, name := range []string{"service", "redis"} {
		assert.NotContains(t, services[name], "ports", "only the proxy is published")
	}
	assert.Equal(t, []any{"store"}, services["redis"].(object)["networks"])
	assert.Equal(t, []any{"proxy"}, services["proxy"].(object)["networks"])

	port := regexp.MustCompile(`(?m)^ENV PORT=(\d+)$`).FindSubmatch(dockerfile)
	require.NotNil(t, port)
	proxy, err := os.ReadFile("container/Caddyfile")
	require.NoError(t, err)
	assert.Contains(t, string(proxy), "\treverse_proxy service:"+string(port[1])+"\n")
}

// The file for Docker Compose runs the image as docs/central-token-server.md says.
func TestComposeFileFitsTheImage(t *testing.T) {
	content, err := os.ReadFile("container/compose.yaml")
	require.NoError(t, err)
	var file object
	require.NoError(t, yaml.Unmarshal(content, &file))
	service := at(t, file, "services", "token").(object)
	assert.FileExists(t, filepath.Join("container", at(t, service, "build", "context").(string), at(t, service, "build", "dockerfile").(string)))
	assert.Equal(t, "token", at(t, service, "build", "args", "FUNCTION"))
	known, secret := variablesOf(t, "token")
	for name := range at(t, service, "environment").(object) {
		assert.Contains(t, known, name)
		assert.False(t, secret[name], "no secret is in the repository")
	}
	document := at(t, service, "environment", "WECHAT_APPS_FILE").(string)
	assert.Equal(t, []any{"./apps.json:" + document + ":ro"}, service["volumes"])
	assert.Equal(t, []any{"127.0.0.1:8080:8080"}, service["ports"], "the image's port, for this machine alone")
	assert.Equal(t, []any{"ALL"}, service["cap_drop"])
	assert.Equal(t, true, service["read_only"])
	limit, err := time.ParseDuration(service["stop_grace_period"].(string))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, limit, 15*time.Second, "REQUEST_TIMEOUT and five seconds")
}
