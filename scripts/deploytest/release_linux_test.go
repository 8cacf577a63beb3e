package deploytest

import (
	"archive/zip"
	"bytes"
	"debug/buildinfo"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/documented"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/moto"
	"sotercall/internal/test/need"
	"sotercall/internal/version"
)

// makeRelease makes a release of this source, and returns the folder of its files.
func makeRelease(t *testing.T) (assets string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "release")
	output(t.Context(), t, "..", nil, "go", "run", "./scripts/release", "-out", out)
	return filepath.Join(out, "assets")
}

// TestReleaseIsDeployedFromItsFiles makes a release, copies what a user would download into
// an empty folder, and follows docs/releases.md there, without Go. The long form makes it
// twice: that the zips of two builds are equal, scripts/package tests every time.
func TestReleaseIsDeployedFromItsFiles(t *testing.T) {
	need.Time(t)
	need.Python(t, "sam")
	assets := makeRelease(t)
	if need.OrLong(false, true) {
		sums, err := os.ReadFile(filepath.Join(assets, "SHA256SUMS"))
		require.NoError(t, err)
		again, err := os.ReadFile(filepath.Join(makeRelease(t), "SHA256SUMS"))
		require.NoError(t, err)
		assert.Equal(t, string(sums), string(again), "the same source gives the same files")
	}

	r := fromRelease{t: t, folder: t.TempDir()}
	require.NoError(t, os.CopyFS(r.folder, os.DirFS(assets)))
	t.Run("files", func(t *testing.T) { r.on(t).testFiles() })
	t.Run("checksums", func(t *testing.T) { r.on(t).testChecksums() })
	t.Run("SBOM", func(t *testing.T) { r.on(t).testSBOMs() })
	t.Run("AWS", func(t *testing.T) { r.on(t).testAWS() })
	t.Run("SCF", func(t *testing.T) { r.on(t).testSCF() })
	t.Run("Cloud Hosting", func(t *testing.T) { r.on(t).testCloudHosting() })
}

// fromRelease deploys from a folder that holds the files of a release and nothing else.
type fromRelease struct {
	t      *testing.T
	folder string
}

func (r fromRelease) on(t *testing.T) fromRelease { return fromRelease{t, r.folder} }

// shell runs the command of docs/releases.md that begins so, with other words in the place
// of some, where there is no Go.
func (r fromRelease) shell(env []string, begins string, others ...string) (said string, err error) {
	r.t.Helper()
	commands := documented.Commands(r.t)
	i := slices.IndexFunc(commands, func(command string) bool { return strings.HasPrefix(command, begins) })
	require.GreaterOrEqual(r.t, i, 0, begins)
	command := commands[i]
	shell := exec.CommandContext(r.t.Context(), "sh", "-c", strings.NewReplacer(others...).Replace(command))
	shell.Dir = r.folder
	path := filepath.Dir(need.Python(r.t, "sam")) + ":/usr/bin:/bin"
	shell.Env = append([]string{"PATH=" + path, "HOME=" + r.t.TempDir(), "SAM_CLI_TELEMETRY=0"}, env...)
	out, err := shell.CombinedOutput()
	return string(out), err
}

// testFiles compares the files with the table of the documents. Images are made by a
// command of their own, which functions/service tests.
func (r fromRelease) testFiles() {
	for _, document := range []string{"releases.md", "zh-CN/releases.md"} {
		text, err := os.ReadFile("../docs/" + document)
		require.NoError(r.t, err)
		left := map[string]bool{}
		entries, err := os.ReadDir(r.folder)
		require.NoError(r.t, err)
		for _, entry := range entries {
			left[entry.Name()] = true
		}
		for _, row := range regexp.MustCompile("(?m)^\\| `.*$").FindAllString(string(text), -1) {
			for _, name := range regexp.MustCompile("`([^` ]+\\.[a-z]+|Caddyfile|SHA256SUMS)`").FindAllStringSubmatch(row, -1) {
				found, err := filepath.Glob(filepath.Join(r.folder, name[1]))
				require.NoError(r.t, err)
				assert.True(r.t, len(found) > 0 || strings.HasPrefix(name[1], "image-"), "%s names %s", document, name[1])
				for _, file := range found {
					delete(left, filepath.Base(file))
				}
			}
		}
		assert.Empty(r.t, left, "%s does not say what these are for", document)
	}
}

func (r fromRelease) testChecksums() {
	const check = "sha256sum "
	said, err := r.shell(nil, check)
	require.NoError(r.t, err, said)
	entries, err := os.ReadDir(r.folder)
	require.NoError(r.t, err)
	for _, entry := range entries {
		if entry.Name() != "SHA256SUMS" {
			assert.Contains(r.t, said, entry.Name()+": OK\n")
		}
	}

	changed := fromRelease{r.t, r.t.TempDir()}
	require.NoError(r.t, os.CopyFS(changed.folder, os.DirFS(r.folder)))
	file, err := os.OpenFile(filepath.Join(changed.folder, "scf-verify.zip"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(r.t, err)
	_, err = file.WriteString("x")
	require.NoError(r.t, err)
	require.NoError(r.t, file.Close())
	said, err = changed.shell(nil, check)
	assert.Error(r.t, err, "the twin: one byte more")
	assert.Contains(r.t, said, "scf-verify.zip: FAILED\n")
}

// program unpacks a program from a zip.
func (r fromRelease) program(archive, name string) (file string) {
	r.t.Helper()
	packed, err := zip.OpenReader(filepath.Join(r.folder, archive))
	require.NoError(r.t, err)
	defer packed.Close()
	entry, err := packed.Open(name)
	require.NoError(r.t, err, archive)
	defer entry.Close()
	content, err := io.ReadAll(entry)
	require.NoError(r.t, err)
	file = filepath.Join(r.t.TempDir(), name)
	require.NoError(r.t, os.WriteFile(file, content, 0o755))
	return file
}

// testSBOMs compares each SBOM with what `go version -m` shows of the program.
func (r fromRelease) testSBOMs() {
	for processor, arch := range map[string]string{"arm64": "arm64", "x86_64": "amd64"} {
		for _, function := range []string{"challenge", "service", "token", "verify"} {
			info, err := buildinfo.ReadFile(r.program("lambda-"+processor+"-"+function+".zip", "bootstrap"))
			require.NoError(r.t, err)
			want := []string{"std@" + strings.TrimPrefix(info.GoVersion, "go")}
			for _, module := range info.Deps {
				require.Nil(r.t, module.Replace)
				want = append(want, module.Path+"@"+module.Version)
			}
			require.Greater(r.t, len(want), 5)

			var bom struct {
				BOMFormat string `json:"bomFormat"`
				Metadata  struct {
					Component struct{ Name, Version string }
				}
				Components []struct{ Name, Version string }
			}
			content, err := os.ReadFile(filepath.Join(r.folder, function+"-linux-"+arch+".cdx.json"))
			require.NoError(r.t, err)
			require.NoError(r.t, json.Unmarshal(content, &bom, json.MatchCaseInsensitiveNames(true)))
			assert.Equal(r.t, "CycloneDX", bom.BOMFormat)
			assert.Equal(r.t, info.Main.Path+"@v"+version.Number, bom.Metadata.Component.Name+"@"+bom.Metadata.Component.Version)
			var got []string
			for _, c := range bom.Components {
				got = append(got, c.Name+"@"+strings.TrimPrefix(c.Version, "go"))
			}
			assert.ElementsMatch(r.t, want, got, function)
			assert.NotContains(r.t, string(content), "timestamp")
		}
	}
}

// testAWS validates and builds the templates, uploads what `sam deploy` would upload to a
// stand-in for S3, and runs what has arrived.
func (r fromRelease) testAWS() {
	s3 := moto.Start(r.t) + "/"
	env := []string{
		"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region, "AWS_ENDPOINT_URL=" + strings.TrimSuffix(s3, "/"),
		"AWS_ACCESS_KEY_ID=" + moto.AccessKey, "AWS_SECRET_ACCESS_KEY=" + moto.SecretKey, "AWS_EC2_METADATA_DISABLED=true",
	}
	const validate = "sam validate "
	const deploy = "sam deploy "
	for _, processor := range []string{"arm64", "x86_64"} {
		ours := []string{"template-arm64", "template-" + processor}
		said, err := r.shell(env, validate, ours...)
		require.NoError(r.t, err, said)
		said, err = r.shell(env, validate, append(ours, "sam validate --lint", "sam build")...)
		require.NoError(r.t, err, said)
		assert.Contains(r.t, said, "Build Succeeded")
		require.NoError(r.t, os.RemoveAll(filepath.Join(r.folder, ".aws-sam")))

		// What `sam deploy` does first.
		bucket := "release-" + strings.ReplaceAll(processor, "_", "-")
		status, _ := r.signed(http.MethodPut, s3+bucket)
		require.Equal(r.t, http.StatusOK, status)
		packaged := filepath.Join(r.t.TempDir(), "packaged.yaml")
		said, err = r.shell(env, deploy, append(ours, "sam deploy", "sam package", "--guided --stack-name sotercall",
			"--s3-bucket "+bucket+" --output-template-file "+packaged)...)
		require.NoError(r.t, err, said)
		template := load(r.t, packaged)
		for id, function := range functionsOf {
			uri := at(r.t, template, "Resources", id, "Properties", "CodeUri").(string)
			status, uploaded := r.signed(http.MethodGet, strings.Replace(uri, "s3://", s3, 1))
			require.Equal(r.t, http.StatusOK, status)
			zipped, err := os.ReadFile(filepath.Join(r.folder, "lambda-"+processor+"-"+function+".zip"))
			require.NoError(r.t, err)
			assert.True(r.t, bytes.Equal(zipped, uploaded), "%s: %d bytes of %d", id, len(uploaded), len(zipped))
		}
		if processor == architecture() {
			f := emulator.Function{Name: "verify", Binary: r.program("lambda-"+processor+"-verify.zip", "bootstrap"), Timeout: time.Minute}
			r.requireVerified(f, func(f emulator.Function) emulator.Runtime { return hosted.Run(r.t, emulator.StartLambda, f) })
		}
	}
}

// signed asks moto as somebody with an access key. It checks no signature.
func (r fromRelease) signed(method, url string) (status int, body []byte) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, url, nil)
	require.NoError(r.t, err)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+moto.AccessKey+"/20260101/"+region+"/s3/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	require.NoError(r.t, err)
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	require.NoError(r.t, err)
	return response.StatusCode, body
}

// requireVerified starts verify in front of a sandbox. It must answer the sample, and the
// event that the documents name for a first test.
func (r fromRelease) requireVerified(f emulator.Function, start func(emulator.Function) emulator.Runtime) {
	r.t.Helper()
	wechat := hosted.NewSandbox(r.t, sandbox.Options{})
	f.Env = wechat.Variables()
	started := start(f)
	for event, says := range map[string]string{
		string(hosted.JSON(r.t, hosted.Sample(r.t))): hosted.Verified,
		"{}": `"errCode":-501007`,
	} {
		assert.Contains(r.t, hosted.Invoke(r.t, started, []byte(event), nil), says)
	}
	said, err := exec.CommandContext(r.t.Context(), f.Binary, "-version").Output()
	require.NoError(r.t, err)
	assert.True(r.t, strings.HasPrefix(string(said), "verify "+version.Number), "%s", said)
}

func (r fromRelease) testSCF() {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		r.t.Skip("SCF runs linux/amd64")
	}
	for _, document := range []string{"releases.md", "zh-CN/releases.md"} {
		text, err := os.ReadFile("../docs/" + document)
		require.NoError(r.t, err)
		for _, says := range []string{"`scf-verify.zip`", "`Go1`", "`main`", "`{}`", `"errCode":-501007`} {
			assert.Contains(r.t, string(text), says, document)
		}
	}
	f := emulator.Function{Name: "verify", Binary: r.program("scf-verify.zip", "main"), Timeout: time.Minute}
	r.requireVerified(f, func(f emulator.Function) emulator.Runtime { return hosted.Run(r.t, emulator.StartSCF, f) })
}

// testCloudHosting puts the program and start.sh into the folder of a service, and starts
// both: the service is a shell that asks sotercall for its health.
func (r fromRelease) testCloudHosting() {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		r.t.Skip("Cloud Hosting runs linux/amd64")
	}
	need.Program(r.t, "unzip")
	need.Program(r.t, "curl")
	service := r.t.TempDir()
	for _, command := range []string{"unzip ", "cp "} {
		said, err := r.shell(nil, command, "../my-service", service)
		require.NoError(r.t, err, said)
	}
	for _, name := range []string{"soter", "start.sh"} {
		require.NoError(r.t, os.Chmod(filepath.Join(service, name), 0o755)) // as the Dockerfile of the document does
	}
	port := strconv.Itoa(need.Port(r.t))
	ask := `curl -s --retry 40 --retry-delay 1 --retry-connrefused "$SOTER_URL/healthz"`
	start := exec.CommandContext(r.t.Context(), filepath.Join(service, "start.sh"), "sh", "-c", ask)
	start.Env = []string{"PATH=/usr/bin:/bin", "SOTER_PORT=" + port, "CHALLENGE_SECRET=" + strings.Repeat("c", 32)}
	said, err := start.Output()
	require.NoError(r.t, err)
	assert.True(r.t, strings.HasPrefix(string(said), fmt.Sprintf("ok\nversion: %s", version.Number)), "%s", said)
}
