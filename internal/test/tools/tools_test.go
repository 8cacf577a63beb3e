package tools

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInstalledOncePerContent(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	file := filepath.Join(t.TempDir(), "requirements.txt")
	require.NoError(t, os.WriteFile(file, []byte("a==1\n"), 0o600))
	var fills atomic.Int32
	fill := func(folder string) error {
		fills.Add(1)
		entries, err := os.ReadDir(folder)
		assert.Empty(t, entries)
		return errors.Join(err, os.WriteFile(filepath.Join(folder, "program"), nil, 0o700))
	}

	var folders sync.Map
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			folder, err := install("python", []string{file}, fill)
			assert.NoError(t, err)
			folders.Store(folder, true)
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, fills.Load(), "many at once install once")

	require.NoError(t, os.WriteFile(file, []byte("a==2\n"), 0o600))
	second, err := install("python", []string{file}, fill)
	require.NoError(t, err)
	_, same := folders.Load(second)
	assert.False(t, same)
	assert.EqualValues(t, 2, fills.Load(), "another content is another installation")
}

func TestWhatWasNotInstalledIsInstalledAnew(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	file := filepath.Join(t.TempDir(), "requirements.txt")
	require.NoError(t, os.WriteFile(file, []byte("a==1\n"), 0o600))
	broken := errors.New("no network")
	_, err := install("python", []string{file}, func(folder string) error {
		return errors.Join(broken, os.WriteFile(filepath.Join(folder, "half"), nil, 0o600))
	})
	require.ErrorIs(t, err, broken)
	folder, err := install("python", []string{file}, func(string) error { return nil })
	require.NoError(t, err)
	assert.NoFileExists(t, filepath.Join(folder, "half"))
}

// A program's words are a part of the error: they say what is missing.
func TestErrorSaysWhatTheProgramSaid(t *testing.T) {
	assert.ErrorContains(t, run(t.Context(), "", "go", "no-such-command"), "no-such-command")
}
