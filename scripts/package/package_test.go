package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheSameSourceGivesTheSameBytesInAnyFolder builds two copies of the source
// that share nothing but their content.
func TestTheSameSourceGivesTheSameBytesInAnyFolder(t *testing.T) {
	here, there := t.TempDir(), filepath.Join(t.TempDir(), "a longer path", "with blanks")
	copySource(t, "../..", here)
	copySource(t, here, there) // not ../.. again: somebody may be at work there
	first, err := buildAll(t.Context(), here, filepath.Join(here, "dist"), "arm64")
	require.NoError(t, err)
	second, err := buildAll(t.Context(), there, t.TempDir(), "arm64")
	require.NoError(t, err)
	require.NotEmpty(t, first)
	assert.Equal(t, first, second)

	t.Run("the zips hold what the platforms want", func(t *testing.T) {
		names, err := functions(here)
		require.NoError(t, err)
		for _, function := range names {
			inspect(t, filepath.Join(here, "dist", "lambda", function+".zip"), "bootstrap", elf.EM_AARCH64, "arm64")
			inspect(t, filepath.Join(here, "dist", "scf", function+".zip"), "main", elf.EM_X86_64, "amd64")
		}
	})
	t.Run("a permission for Cloud Call goes along, to Tencent only", func(t *testing.T) {
		want, err := os.ReadFile(filepath.Join(here, "functions", "verify", "config.json"))
		require.NoError(t, err)
		assert.Equal(t, want, contents(t, filepath.Join(here, "dist", "scf", "verify.zip"))["config.json"])
		assert.NotContains(t, contents(t, filepath.Join(here, "dist", "lambda", "verify.zip")), "config.json")
	})
	t.Run("the listing names sizes and sums", func(t *testing.T) {
		var stdout bytes.Buffer
		out := filepath.Join(here, "dist")
		require.NoError(t, list(first, out, &stdout))
		sums, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
		require.NoError(t, err)
		for _, a := range first {
			packed, err := os.ReadFile(filepath.Join(out, a.name))
			require.NoError(t, err)
			assert.Contains(t, string(sums), fmt.Sprintf("%x  %s\n", sha256.Sum256(packed), filepath.ToSlash(a.name)))
			assert.Contains(t, stdout.String(), fmt.Sprintf("%9d  %x  %s\n", len(packed), sha256.Sum256(packed), filepath.Join(out, a.name)))
		}
	})
	t.Run("what is gone from the source is gone from dist", func(t *testing.T) {
		stale := filepath.Join(here, "dist", "scf", "gone.zip")
		require.NoError(t, os.WriteFile(stale, nil, 0o644))
		_, err := buildAll(t.Context(), here, filepath.Join(here, "dist"), "amd64")
		require.NoError(t, err)
		assert.NoFileExists(t, stale)
		inspect(t, filepath.Join(here, "dist", "lambda", "verify.zip"), "bootstrap", elf.EM_X86_64, "amd64")
	})
}

func TestOnlyTheProcessorsOfLambda(t *testing.T) {
	err := run(t.Context(), []string{"-arch", "x86_64"}, io.Discard, io.Discard)
	assert.EqualError(t, err, "-arch x86_64: arm64 or amd64")
}

func TestWithoutFunctionsThereIsNothingToBuild(t *testing.T) {
	_, err := functions(t.TempDir())
	assert.ErrorContains(t, err, "there are no functions")
}

// copySource copies what a build needs.
func copySource(t *testing.T, from, to string) {
	t.Helper()
	for _, folder := range []string{"functions", "internal"} {
		require.NoError(t, os.CopyFS(filepath.Join(to, folder), os.DirFS(filepath.Join(from, folder))))
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(from, file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, file), content, 0o644))
	}
}

// inspect checks the program in a zip: executable, for that processor, linked
// statically, and built as every deployed binary is.
func inspect(t *testing.T, file, program string, machine elf.Machine, arch string) {
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
	assert.Equal(t, machine, parsed.Machine, file)
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
