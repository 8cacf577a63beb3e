package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// checkout is a git checkout with files that are not yet added.
func checkout(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir = t.TempDir()
	for name, content := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	said, err := exec.Command("git", "-C", dir, "init", "-q").CombinedOutput()
	require.NoError(t, err, "%s", said)
	return dir
}

func TestBinariesAndLargeFilesAreFound(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	program, err := os.ReadFile(self)
	require.NoError(t, err)
	for _, c := range []struct{ name, content, reason string }{
		{"bench", string(program[:4096]), "binary"},
		{"cmd/bench.exe", "MZ\x90\x00\x03", "a Windows binary"},
		{"a zip.zip", "PK\x03\x04\x14", "a zip archive"},
		{"image.tar.gz", "\x1f\x8b\x08\x00", "a gzip archive"},
		{"lib.a", "!<arch>\nx", "an archive of objects"},
		{"data.json", strings.Repeat(" ", maxFileSize+1), "a file of 1048577 bytes"},
	} {
		dir := checkout(t, map[string]string{c.name: c.content, "go.mod": "module m\n"})
		findings, err := unwantedFiles(dir)
		require.NoError(t, err)
		require.Len(t, findings, 1, c.name)
		assert.True(t, strings.HasPrefix(findings[0], c.name+": "), findings[0])
		assert.Contains(t, findings[0], c.reason)

		said, err := exec.Command("git", "-C", dir, "add", "-A").CombinedOutput()
		require.NoError(t, err, "%s", said)
		added, err := unwantedFiles(dir)
		require.NoError(t, err)
		assert.Equal(t, findings, added, "git has it already")

		require.NoError(t, os.Remove(filepath.Join(dir, c.name)))
		findings, err = unwantedFiles(dir)
		require.NoError(t, err)
		assert.Empty(t, findings, "deleted")
	}
}

func TestTextsPicturesAndIgnoredFilesMayStay(t *testing.T) {
	findings, err := unwantedFiles(checkout(t, map[string]string{
		".gitignore": "/dist/\n", "dist/verify.zip": "PK\x03\x04", "empty": "", "a.png": "\x89PNG\r\n\x1a\n",
		"largest.json": strings.Repeat(" ", maxFileSize), "text.md": "PK, MZ, ELF\n",
	}))
	require.NoError(t, err)
	assert.Empty(t, findings)

	copied := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(copied, "verify.zip"), []byte("PK\x03\x04"), 0o644))
	findings, err = unwantedFiles(copied)
	require.NoError(t, err)
	assert.Empty(t, findings, "no checkout")
}

// What `go build` leaves in the root of the repository is ignored.
func TestProgramsInTheRootAreIgnored(t *testing.T) {
	const root = "../.."
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("this is no git checkout")
	}
	ignored := func(name string) bool {
		return exec.Command("git", "-C", root, "check-ignore", "-q", "--no-index", name).Run() == nil
	}
	programs, err := filepath.Glob(filepath.Join(root, "*", "*", "main.go"))
	require.NoError(t, err)
	require.Greater(t, len(programs), 8)
	for _, file := range programs {
		name := filepath.Base(filepath.Dir(file))
		assert.True(t, ignored(name), "add /%s to .gitignore", name)
		assert.False(t, ignored(filepath.Join(filepath.Base(filepath.Dir(filepath.Dir(file))), name, "main.go")), "the twin: its source")
	}
	assert.True(t, ignored("bench.exe"))
	assert.True(t, ignored("scripts/bench/bench.test"))
	assert.True(t, ignored("dist/scf/verify.zip"))
}
