package deploytest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"sotercall/internal/dev/gobuild"
	"sotercall/internal/test/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSAMBuild runs make as `sam build` does (aws-sam-cli
// samcli/lib/build/app_builder.py, aws-lambda-builders workflows/custom_make):
// the Makefile of ContextPath and the WorkingDirectory, both relative to the
// template's folder, a WorkingDirectory that is not inside CodeUri is used where
// it is, and ARTIFACTS_DIR in the environment.
func TestSAMBuild(t *testing.T) {
	need.CI(t)
	make := need.Program(t, "make")
	root := t.TempDir() // a copy: nobody edits it between the two builds
	for _, folder := range []string{"deploy", "functions", "internal"} {
		copySource(t, filepath.Join("..", folder), filepath.Join(root, folder))
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join("..", file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, file), content, 0o644))
	}
	t.Chdir(root)
	base := filepath.Join(root, "deploy")
	template := load(t, filepath.Join(base, "template.yaml"))
	for id, function := range functionsOf {
		metadata := at(t, template, "Resources", id, "Metadata").(object)
		require.Equal(t, "makefile", metadata["BuildMethod"], id)
		makefile := filepath.Join(base, metadata["ContextPath"].(string), "Makefile")
		working := filepath.Join(base, metadata["WorkingDirectory"].(string))
		source := filepath.Join(base, at(t, template, "Resources", id, "Properties", "CodeUri").(string))
		inside, err := filepath.Rel(source, working)
		require.NoError(t, err)
		require.False(t, filepath.IsLocal(inside), "SAM would build a copy, without go.mod")

		if id != "ChallengeFunction" { // they differ by a name; the processor of this computer is TestSAMLocal's
			continue
		}
		artifacts := t.TempDir()
		output(t.Context(), t, working, []string{"ARTIFACTS_DIR=" + artifacts}, make, "--makefile", makefile, "build-"+id)
		built, err := os.ReadFile(filepath.Join(artifacts, "bootstrap"))
		require.NoError(t, err)
		packed := filepath.Join(t.TempDir(), "bootstrap")
		require.NoError(t, gobuild.Target{OS: "linux", Arch: "arm64"}.Program(t.Context(), "functions/"+function, packed))
		content, err := os.ReadFile(packed)
		require.NoError(t, err)
		assert.True(t, string(built) == string(content), "%s differs from scripts/package's", id)
		info, err := os.Stat(filepath.Join(artifacts, "bootstrap"))
		require.NoError(t, err)
		assert.NotZero(t, info.Mode()&0o111, "%s: bootstrap is not executable", id)
		entries, err := os.ReadDir(artifacts)
		require.NoError(t, err)
		assert.Len(t, entries, 1, "only bootstrap goes up")
	}
}

// copySource copies a folder without what other tests have installed there.
func copySource(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, name)
		require.NoError(t, err)
		if entry.IsDir() {
			if entry.Name() == "node_modules" || entry.Name() == ".venv" {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, below), 0o755)
		}
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		return os.WriteFile(filepath.Join(to, below), content, 0o644)
	}))
}
