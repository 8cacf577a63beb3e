package gobuild

import (
	"debug/buildinfo"
	"fmt"
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

// A run's processes share one binary; one with other settings is another.
func TestOneRunLinksAProgramOnce(t *testing.T) {
	shared := t.TempDir()
	t.Setenv(SharedFolder, shared)
	built := func(target Target) os.FileInfo {
		folder := t.TempDir()
		require.NoError(t, target.Programs(t.Context(), folder, "internal/emulator/testdata/scffunction"))
		copied, err := os.ReadFile(filepath.Join(folder, "scffunction"))
		require.NoError(t, err)
		files, err := filepath.Glob(filepath.Join(shared, fmt.Sprintf("*scffunction-%s-%s-*false", target.OS, target.Arch)))
		require.NoError(t, err)
		require.Len(t, files, 1)
		original, err := os.ReadFile(files[0])
		require.NoError(t, err)
		require.Equal(t, original, copied)
		info, err := os.Stat(files[0])
		require.NoError(t, err)
		return info
	}
	first := built(Target{})
	assert.Equal(t, first.ModTime(), built(Target{}).ModTime())
	assert.False(t, os.SameFile(first, built(Target{OS: "linux", Arch: "arm64"})))
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
