package authkeys_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/authkeys/storetest"
)

func TestProblemOfAFileIsReportedOnce(t *testing.T) {
	path, key := filepath.Join(t.TempDir(), "authkeys.json"), storetest.Key("u", "c", "1", 5)
	file, pass := newWatchedFile(path)
	problems := make(chan error, 100)
	file.OnProblem(func(problem error) { problems <- problem })

	for range 3 { // a call, and a look that no call asks for, find the same
		_, err := file.Find(t.Context(), key.ID)
		require.ErrorIs(t, err, os.ErrNotExist)
		pass(authkeys.Watched)
		file.Watch()
	}
	require.ErrorIs(t, <-problems, os.ErrNotExist)
	write(t, path, key)
	storetest.RequireKept(t, file, key)
	assert.NoError(t, <-problems, "it can be used")
	assert.Empty(t, problems, "each once")
}

func TestFileIsWatchedRarely(t *testing.T) {
	path, key := filepath.Join(t.TempDir(), "authkeys.json"), storetest.Key("u", "c", "1", 5)
	write(t, path, key)
	file, pass := newWatchedFile(path)
	problems := make(chan error, 100)
	file.OnProblem(func(problem error) { problems <- problem })
	storetest.RequireKept(t, file, key)
	require.NoError(t, os.Remove(path))
	for range 1_000 {
		pass(authkeys.Watched/1_000 - 1)
		file.Watch()
	}
	assert.False(t, file.IsLooking())
	assert.Empty(t, problems)
	pass(time.Millisecond)
	file.Watch()
	require.ErrorIs(t, <-problems, os.ErrNotExist, "the twin")
}
