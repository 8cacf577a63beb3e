package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/gobuild"
	"sotercall/internal/test/need"
)

// TestTheSameSourceGivesTheSameBytesInAnyFolder packages two copies of the
// source that share nothing but their content. The command runs as a process of
// its own: with the race detector in it, compressing would take a minute.
func TestTheSameSourceGivesTheSameBytesInAnyFolder(t *testing.T) {
	need.CI(t)
	here, there := t.TempDir(), filepath.Join(t.TempDir(), "a longer path", "with blanks")
	copySource(t, "../..", here)
	copySource(t, here, there)             // not ../.. again: somebody may be at work there
	twice := []string{"service", "verify"} // to link all of them twice takes long
	keepFunctions(t, there, twice...)
	stale := filepath.Join(here, "dist", "scf", "gone.zip")
	require.NoError(t, os.MkdirAll(filepath.Dir(stale), 0o755))
	require.NoError(t, os.WriteFile(stale, nil, 0o644))

	listing := goRun(t, here, "./scripts/package")
	goRun(t, there, "./scripts/package", "-out", "elsewhere")
	assert.NoFileExists(t, stale, "what is gone from the source is gone from dist")
	sums := readFile(t, filepath.Join(here, "dist", "SHA256SUMS"))
	for line := range strings.Lines(readFile(t, filepath.Join(there, "elsewhere", "SHA256SUMS"))) {
		assert.Contains(t, sums, line)
	}

	names, err := functions(here)
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, function := range names {
		for cloud, program := range map[string]string{"lambda": "bootstrap", "scf": "main", "http": "main"} {
			name := filepath.Join(cloud, function+".zip")
			packed := readFile(t, filepath.Join(here, "dist", name))
			if slices.Contains(twice, function) {
				assert.True(t, packed == readFile(t, filepath.Join(there, "elsewhere", name)), "%s differs", name)
			}
			assert.Contains(t, sums, fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(packed)), filepath.ToSlash(name)))
			assert.Contains(t, listing, fmt.Sprintf("%9d  %x  %s\n", len(packed), sha256.Sum256([]byte(packed)), filepath.Join(here, "dist", name)))
			inspect(t, filepath.Join(here, "dist", name), program, map[string]string{"lambda": "arm64", "scf": "amd64", "http": "amd64"}[cloud])
		}
	}

	permissions := readFile(t, filepath.Join(here, "functions", "verify", "config.json"))
	assert.Equal(t, permissions, string(contents(t, filepath.Join(here, "dist", "scf", "verify.zip"))["config.json"]))
	assert.NotContains(t, contents(t, filepath.Join(here, "dist", "lambda", "verify.zip")), "config.json", "it is for Tencent only")
	assert.NotContains(t, contents(t, filepath.Join(here, "dist", "scf", "verify.zip")), "scf_bootstrap", "it is for HTTP functions only")
	requireBootstrap(t, filepath.Join(here, "dist", "http", "service.zip"))
	info, err := os.Stat(filepath.Join(here, "dist", "http", "service", "scf_bootstrap"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o755), info.Mode(), "tools that zip by themselves keep it")
}

// TestACheckoutMadeOnWindowsIsPackagedAsAnyOther packages from a checkout as Git for
// Windows makes it, and starts what is in the zip.
func TestACheckoutMadeOnWindowsIsPackagedAsAnyOther(t *testing.T) {
	need.CI(t)
	git := need.Program(t, "git")
	bash := need.Program(t, "bash")
	origin, windows := t.TempDir(), filepath.Join(t.TempDir(), "checkout")
	copySource(t, "../..", origin)
	keepFunctions(t, origin, "service")
	for _, args := range [][]string{
		{"-C", origin, "init", "-q"},
		{"-C", origin, "add", "-A"},
		{"-C", origin, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "all"},
		{"clone", "-q", "-c", "core.autocrlf=true", "-c", "core.fileMode=false", origin, windows},
	} {
		command := exec.CommandContext(t.Context(), git, args...)
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		said, err := command.CombinedOutput()
		require.NoError(t, err, "%s", said)
	}
	require.NoError(t, filepath.WalkDir(windows, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && (entry.Name() == ".git" || entry.Name() == "node_modules") {
			return fs.SkipDir
		}
		if err == nil && !entry.IsDir() {
			assert.False(t, strings.Contains(readFile(t, name), "\r\n"), name)
			err = os.Chmod(name, 0o644) // no run bits
		}
		return err
	}))

	out := t.TempDir()
	goRun(t, windows, "./scripts/package", "-out", out)
	unpacked := t.TempDir()
	packed, err := zip.OpenReader(filepath.Join(out, "http", "service.zip"))
	require.NoError(t, err)
	defer packed.Close()
	requireBootstrap(t, filepath.Join(out, "http", "service.zip"))
	for _, entry := range packed.File {
		content := contents(t, filepath.Join(out, "http", "service.zip"))[entry.Name]
		require.NoError(t, os.WriteFile(filepath.Join(unpacked, entry.Name), content, entry.Mode()))
	}
	// With its port taken, the service says so and ends. Only what runs can say so.
	if taken, err := net.Listen("tcp", "127.0.0.1:9000"); err == nil {
		defer taken.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	service := exec.CommandContext(ctx, filepath.Join(unpacked, "scf_bootstrap"))
	service.Env = []string{"PATH=" + filepath.Dir(bash) + ":/usr/bin:/bin", "HOST=127.0.0.1"}
	said, err := service.CombinedOutput()
	exit := (*exec.ExitError)(nil)
	require.ErrorAs(t, err, &exit, "%s", said)
	assert.Contains(t, string(said), "127.0.0.1:9000: bind: address already in use")
}

func TestLambdaRunsOnX86Too(t *testing.T) {
	need.CI(t)
	root, err := gobuild.ModuleRoot(t.Context())
	require.NoError(t, err)
	out := t.TempDir()
	a, err := cloud{name: "lambda", arch: "amd64", binary: "bootstrap"}.build(t.Context(), programs{files: map[[2]string]string{}}, root, out, "challenge")
	require.NoError(t, err)
	inspect(t, filepath.Join(out, a.name), "bootstrap", "amd64")
}

func TestOnlyTheProcessorsOfLambdaAndTheClouds(t *testing.T) {
	err := run(t.Context(), []string{"-arch", "x86_64"}, io.Discard, io.Discard)
	assert.EqualError(t, err, "-arch x86_64: arm64 or amd64")
	err = run(t.Context(), []string{"-only", "cloudbase"}, io.Discard, io.Discard)
	assert.EqualError(t, err, "-only cloudbase: lambda, scf or http")
}

func TestWithoutFunctionsThereIsNothingToBuild(t *testing.T) {
	_, err := functions(t.TempDir())
	assert.ErrorContains(t, err, "there are no functions")
}

func goRun(t *testing.T, folder string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", append([]string{"run"}, args...)...)
	command.Dir = folder
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	require.NoError(t, err, said.String())
	return string(out)
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(content)
}

// copySource copies what a build needs.
func copySource(t *testing.T, from, to string) {
	t.Helper()
	for _, folder := range []string{"functions", "internal", "scripts/package"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(from, folder), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				// Of other tests, which may be at work there, and what they have installed.
				if entry != nil && slices.Contains([]string{"testdata", "node_modules", ".venv"}, entry.Name()) {
					return fs.SkipDir
				}
				return err
			}
			below, err := filepath.Rel(from, name)
			require.NoError(t, err)
			target := filepath.Join(to, below)
			require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o755))
			return os.WriteFile(target, []byte(readFile(t, name)), 0o644)
		}))
	}
	for _, file := range []string{".gitattributes", "go.mod", "go.sum", "deploy/cloudbase/scf_bootstrap"} {
		content, err := os.ReadFile(filepath.Join(from, file))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(to, file)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(to, file), content, 0o644))
	}
}

// keepFunctions removes all functions but these from a copy of the source.
func keepFunctions(t *testing.T, root string, names ...string) {
	t.Helper()
	all, err := functions(root)
	require.NoError(t, err)
	for _, name := range all {
		if !slices.Contains(names, name) {
			require.NoError(t, os.RemoveAll(filepath.Join(root, "functions", name)))
		}
	}
}

// requireBootstrap checks what CloudBase asks of scf_bootstrap: that name, mode 755,
// no carriage returns, and bash (CloudBase, "scf-bootstrap").
func requireBootstrap(t *testing.T, file string) {
	t.Helper()
	packed, err := zip.OpenReader(file)
	require.NoError(t, err)
	defer packed.Close()
	for _, entry := range packed.File {
		if entry.Name == "scf_bootstrap" {
			assert.Equal(t, os.FileMode(0o755), entry.Mode())
			text := string(contents(t, file)[entry.Name])
			assert.True(t, strings.HasPrefix(text, "#!/bin/bash\n"), text)
			assert.NotContains(t, text, "\r")
			return
		}
	}
	t.Fatalf("%s has no scf_bootstrap", file)
}

// inspect checks the program in a zip: executable, for that processor, linked
// statically, and built as every deployed binary is.
func inspect(t *testing.T, file, program, arch string) {
	t.Helper()
	packed, err := zip.OpenReader(file)
	require.NoError(t, err)
	defer packed.Close()
	require.Equal(t, program, packed.File[0].Name, file)
	assert.Equal(t, os.FileMode(0o755), packed.File[0].Mode(), file)
	assert.Equal(t, packedAt, packed.File[0].Modified.UTC(), file)

	binary := bytes.NewReader(contents(t, file)[program])
	parsed, err := elf.NewFile(binary)
	require.NoError(t, err, file)
	assert.Equal(t, map[string]elf.Machine{"arm64": elf.EM_AARCH64, "amd64": elf.EM_X86_64}[arch], parsed.Machine, file)
	assert.Nil(t, parsed.Section(".interp"), "%s is linked dynamically", file)
	assert.Nil(t, parsed.Section(".symtab"), "%s is not stripped", file)

	info, err := buildinfo.Read(binary)
	require.NoError(t, err, file)
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
		assert.False(t, strings.HasPrefix(s.Key, "vcs"), "%s tells its checkout: %v", file, s)
	}
	for _, want := range []debug.BuildSetting{
		{Key: "-tags", Value: "lambda.norpc"}, {Key: "-trimpath", Value: "true"},
		{Key: "CGO_ENABLED", Value: "0"}, {Key: "GOARCH", Value: arch}, {Key: "GOOS", Value: "linux"},
	} {
		assert.Equal(t, want.Value, settings[want.Key], "%s: %s", file, want.Key)
	}
}

func contents(t *testing.T, file string) map[string][]byte {
	t.Helper()
	packed, err := zip.OpenReader(file)
	require.NoError(t, err)
	defer packed.Close()
	all := map[string][]byte{}
	for _, entry := range packed.File {
		r, err := entry.Open()
		require.NoError(t, err)
		all[entry.Name], err = io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
	}
	return all
}
