package gobuild

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// settings are what a binary says of how it was built.
func settings(t *testing.T, file string) map[string]string {
	t.Helper()
	info, err := buildinfo.ReadFile(file)
	require.NoError(t, err)
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	return settings
}

func TestABinaryIsBuiltAsItIsDeployed(t *testing.T) {
	t.Setenv(SharedFolder, "")
	folder := t.TempDir()
	require.NoError(t, Functions(t.Context(), folder, "token"))
	got := settings(t, filepath.Join(folder, "token"))
	assert.Equal(t, "true", got["-trimpath"])
	assert.Equal(t, "lambda.norpc", got["-tags"])
	assert.Equal(t, "0", got["CGO_ENABLED"])
	assert.NotContains(t, got, "vcs.revision")
	assert.NotContains(t, got, "-race")

	require.NoError(t, Target{OS: "linux", Arch: "arm64"}.Programs(t.Context(), folder, "functions/token"))
	assert.Equal(t, "arm64", settings(t, filepath.Join(folder, "token"))["GOARCH"])
}

// go run compiles with the go command's own settings, and this shares them.
func TestATrialIsMadeOfWhatIsCompiledAlready(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, Target{Trial: true}.Programs(t.Context(), folder, "functions/token"))
	got := settings(t, filepath.Join(folder, "token"))
	assert.NotContains(t, got, "-trimpath")
	assert.Equal(t, "lambda.norpc", got["-tags"])
	usual, err := exec.CommandContext(t.Context(), "go", "env", "CGO_ENABLED").Output()
	require.NoError(t, err)
	assert.Equal(t, strings.TrimSpace(string(usual)), got["CGO_ENABLED"])
}

// A run's processes share one binary of each function.
func TestOneRunLinksAFunctionOnce(t *testing.T) {
	shared := t.TempDir()
	t.Setenv(SharedFolder, shared)
	var built []os.FileInfo
	for range 2 {
		folder := t.TempDir()
		require.NoError(t, Functions(t.Context(), folder, "token"))
		assert.Equal(t, "lambda.norpc", settings(t, filepath.Join(folder, "token"))["-tags"])
		info, err := os.Stat(filepath.Join(shared, "token"))
		require.NoError(t, err)
		built = append(built, info)
	}
	assert.True(t, os.SameFile(built[0], built[1]))
	assert.Equal(t, built[0].ModTime(), built[1].ModTime())
}

func TestTheMakefileHasTheSameFlags(t *testing.T) {
	root, err := ModuleRoot(t.Context())
	require.NoError(t, err)
	makefile, err := os.ReadFile(filepath.Join(root, "deploy", "Makefile"))
	require.NoError(t, err)
	assert.Contains(t, string(makefile), "CGO_ENABLED=0")
	for _, flag := range flags {
		assert.Contains(t, strings.ReplaceAll(string(makefile), "'", ""), flag)
	}
}

func TestAProgramThatIsNotThereIsNamed(t *testing.T) {
	require.ErrorContains(t, Functions(t.Context(), t.TempDir(), "nothing"), "functions/nothing")
}

func TestOutsideTheModuleThereIsNoRoot(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := ModuleRoot(t.Context())
	require.ErrorContains(t, err, "inside the repository")
}
