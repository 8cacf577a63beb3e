package gobuild

import (
	"context"
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/version"
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

// skipIfShort is need.Time, which imports this package.
func skipIfShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short")
	}
}

func TestABinaryIsBuiltAsItIsDeployed(t *testing.T) {
	skipIfShort(t)
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

// The revision of a checkout is that of HEAD, -dirty where a tracked file differs. A copy
// has none, not even inside another repository.
func TestRevisionOfACheckout(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	root := t.TempDir()
	in := func(args ...string) string {
		command := exec.CommandContext(t.Context(), git, append([]string{"-C", root, "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		said, err := command.CombinedOutput()
		require.NoError(t, err, "%s", said)
		return strings.TrimSpace(string(said))
	}
	file := filepath.Join(root, "go.mod")
	require.NoError(t, os.WriteFile(file, []byte("module m\n"), 0o644))
	assert.Empty(t, Revision(t.Context(), root), "no checkout")
	in("init", "-q")
	in("add", "-A")
	in("commit", "-qm", "all")
	in("tag", "v1.0.0")
	head := in("rev-parse", "HEAD")[:12]
	assert.Equal(t, head, Revision(t.Context(), root))
	copied := filepath.Join(root, "vendored")
	require.NoError(t, os.Mkdir(copied, 0o755))
	assert.Empty(t, Revision(t.Context(), copied))
	require.NoError(t, os.WriteFile(file, []byte("module n\n"), 0o644))
	assert.Equal(t, head+"-dirty", Revision(t.Context(), root))
}

// A function names its revision where its binary holds no trace of version control.
func TestAFunctionPrintsItsVersion(t *testing.T) {
	skipIfShort(t)
	t.Setenv(SharedFolder, "")
	file := filepath.Join(t.TempDir(), "challenge")
	for stamped, want := range map[string]string{"0123456789ab-dirty": version.Number + "+0123456789ab.dirty", "": version.Number} {
		require.NoError(t, Target{Trial: true, Revision: stamped}.Program(t.Context(), "functions/challenge", file))
		said, err := exec.CommandContext(t.Context(), file, "-version").Output()
		require.NoError(t, err)
		assert.Regexp(t, "^challenge "+regexp.QuoteMeta(want)+" go1[^ ]+ [a-z]+/[a-z0-9]+\n$", string(said))
	}
}

// go run compiles with the go command's own settings, and this shares them.
func TestATrialIsMadeOfWhatIsCompiledAlready(t *testing.T) {
	t.Setenv(SharedFolder, "")
	folder := t.TempDir()
	require.NoError(t, Target{Trial: true}.Programs(t.Context(), folder, "functions/token"))
	got := settings(t, filepath.Join(folder, "token"))
	own, err := exec.CommandContext(t.Context(), "go", "env", "GOFLAGS").Output()
	require.NoError(t, err)
	assert.Equal(t, strings.Contains(string(own), "-trimpath"), got["-trimpath"] == "true")
	assert.Equal(t, "lambda.norpc", got["-tags"])
	usual, err := exec.CommandContext(t.Context(), "go", "env", "CGO_ENABLED").Output()
	require.NoError(t, err)
	assert.Equal(t, strings.TrimSpace(string(usual)), got["CGO_ENABLED"])
}

// A run's processes share one program of each package and target.
func TestOneRunLinksAProgramOnce(t *testing.T) {
	skipIfShort(t)
	shared := t.TempDir()
	t.Setenv(SharedFolder, shared)
	programs := func() map[string]time.Time {
		found := map[string]time.Time{}
		entries, err := os.ReadDir(shared)
		require.NoError(t, err)
		for _, entry := range entries {
			if !strings.HasSuffix(entry.Name(), ".lock") {
				info, err := entry.Info()
				require.NoError(t, err)
				found[entry.Name()] = info.ModTime()
			}
		}
		return found
	}
	build := func(target Target) map[string]string {
		file := filepath.Join(t.TempDir(), "token")
		require.NoError(t, target.Program(t.Context(), "functions/token", file))
		return settings(t, file)
	}
	assert.Equal(t, "0", build(Target{})["CGO_ENABLED"])
	first := programs()
	require.Len(t, first, 1)
	assert.Equal(t, "0", build(Target{})["CGO_ENABLED"])
	assert.Equal(t, first, programs(), "it is not linked again")
	assert.Equal(t, "0", build(Target{OS: runtime.GOOS, Arch: runtime.GOARCH})["CGO_ENABLED"])
	assert.Equal(t, first, programs(), "this computer, by its name")

	assert.Equal(t, "arm64", build(Target{OS: "linux", Arch: "arm64"})["GOARCH"])
	assert.Len(t, programs(), 2, "the twin: another target is another program")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Error(t, Target{Trial: true}.Program(ctx, "functions/token", filepath.Join(t.TempDir(), "token")))
	assert.Len(t, programs(), 2, "what was interrupted is not there")
}
