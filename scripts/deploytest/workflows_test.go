package deploytest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/need"
)

// actionlint checks a workflow by itself. What other programs would add to it is left out.
func actionlint(t *testing.T, file string) (said string, err error) {
	t.Helper()
	program := need.GoTool(t, "github.com/rhysd/actionlint/cmd/actionlint")
	out, err := exec.CommandContext(t.Context(), program, "-no-color", "-shellcheck=", "-pyflakes=", file).CombinedOutput()
	return string(out), err
}

// zizmor looks for what an attacker could use in a workflow, without asking anybody.
func zizmor(t *testing.T, file string) (said string, err error) {
	t.Helper()
	program := need.Python(t, "zizmor")
	out, err := exec.CommandContext(t.Context(), program, "--offline", "--no-progress", "--color=never", file).CombinedOutput()
	return string(out), err
}

func TestWorkflowsAreSound(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(folder, "../.github/workflows/*.yml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		said, err := actionlint(t, file)
		assert.NoError(t, err, said)
		said, err = zizmor(t, file)
		assert.NoError(t, err, said)
	}
}

// TestReleaseWorkflowRunsWhatIsTested: it builds where the Dockerfile builds, and no job that
// runs our code may write.
func TestReleaseWorkflowRunsWhatIsTested(t *testing.T) {
	workflow := load(t, "../.github/workflows/release.yml")
	assert.Equal(t, object{"contents": "read"}, workflow["permissions"])
	jobs := at(t, workflow, "jobs").(object)
	runs := func(job string) (all string) {
		for _, step := range at(t, jobs, job, "steps").([]any) {
			if run, ok := step.(object)["run"].(string); ok {
				all += run + "\n"
			}
		}
		return all
	}
	assert.NotContains(t, jobs["build"], "permissions")
	dockerfile, err := os.ReadFile(filepath.Join(folder, "container/Dockerfile"))
	require.NoError(t, err)
	image := regexp.MustCompile(`(?m)^ARG GO_IMAGE=(.*)$`).FindSubmatch(dockerfile)
	require.NotNil(t, image)
	assert.Contains(t, runs("build"), " "+string(image[1])+` go run ./scripts/release -tag "$GITHUB_REF_NAME"`)
	for _, arch := range []string{"amd64", "arm64"} {
		assert.Contains(t, runs("build"), `go run ./scripts/release image -tag "$GITHUB_REF_NAME" -arch `+arch+"\n")
	}
	assert.NotContains(t, runs("publish"), "go run")
	assert.Contains(t, runs("publish"), "--notes-file notes.md assets/*")
}

// TestMistakesInWorkflowsAreFound is the twin: each change to the workflow is refused, with
// its reason.
func TestMistakesInWorkflowsAreFound(t *testing.T) {
	sound, err := os.ReadFile(filepath.Join(folder, "../.github/workflows/ci.yml"))
	require.NoError(t, err)
	for _, c := range []struct {
		before, after, reason string
		check                 func(t *testing.T, file string) (string, error)
	}{
		{"runs-on: ubuntu-latest", "runs-on: ubuntu-newest", `label "ubuntu-newest" is unknown`, actionlint},
		{"timeout-minutes: 30", "timeout-hours: 1", `unexpected key "timeout-hours"`, actionlint},
		{"$GITHUB_WORKSPACE", "${{ github.head_ref }}", "template-injection", zizmor},
		{"        with:\n          persist-credentials: false\n", "", "artipacked", zizmor},
		{"  pull_request:\n", "  pull_request_target:\n", "dangerous-triggers", zizmor},
	} {
		broken := bytes.Replace(sound, []byte(c.before), []byte(c.after), 1)
		require.NotEqual(t, sound, broken, c.before)
		folder := filepath.Join(t.TempDir(), ".github", "workflows")
		require.NoError(t, os.MkdirAll(folder, 0o755))
		file := filepath.Join(folder, "ci.yml")
		require.NoError(t, os.WriteFile(file, broken, 0o600))
		said, err := c.check(t, file)
		assert.Error(t, err, c.after)
		assert.Contains(t, said, c.reason)
	}
}
