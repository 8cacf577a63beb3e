package authkeys_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/authkeys/storetest"
)

// newWatchedFile is a File whose clock stands still until it is moved.
func newWatchedFile(path string) (file *authkeys.File, pass func(time.Duration)) {
	var now atomic.Int64
	now.Store(time.Now().UnixNano())
	file = authkeys.NewFile(path)
	file.SetClock(func() time.Time { return time.Unix(0, now.Load()) })
	return file, func(d time.Duration) { now.Add(int64(d)) }
}

// write puts a file with the AuthKeys in the place of another, as a deployment does.
func write(t testing.TB, path string, keys ...authkeys.AuthKey) {
	t.Helper()
	content, err := json.Marshal(map[string]any{"authKeys": keys})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".new", content, 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func TestFileSeesWhatOthersChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authkeys.json")
	first, second, newer := storetest.Key("u", "c", "1", 5), storetest.Key("v", "c", "1", 5), storetest.Key("u", "c", "1", 6)
	write(t, path, first)
	file, pass := newWatchedFile(path)
	storetest.RequireKept(t, file, first)

	write(t, path, first, second)
	storetest.RequireKept(t, file, second)

	write(t, path, newer, second)
	pass(authkeys.Believed)
	storetest.RequireKept(t, file, newer)

	require.NoError(t, os.WriteFile(path, []byte(`{"authKeys":[]}`), 0o600))
	storetest.RequireKept(t, file, newer)
	pass(authkeys.Believed)
	_, err := file.Find(t.Context(), newer.ID)
	require.ErrorIs(t, err, authkeys.ErrNotEnrolled)

	require.NoError(t, os.Remove(path))
	_, err = file.Find(t.Context(), newer.ID)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestFileLooksAgainAfterTheClockWentBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authkeys.json")
	file, pass := newWatchedFile(path)
	write(t, path, storetest.Key("u", "c", "1", 5))
	storetest.RequireKept(t, file, storetest.Key("u", "c", "1", 5))
	require.NoError(t, os.Remove(path))
	pass(-time.Hour)
	_, err := file.Find(t.Context(), storetest.Key("u", "c", "1", 5).ID)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// A file that was replaced within one step of the file system's clock has the
// times and, here, the size and the inode of the one before.
func TestFileIsNotToldByItsTimesWhileItIsNew(t *testing.T) {
	id := storetest.Key("u", "c", "1", 5).ID
	swap := func(age time.Duration) authkeys.AuthKey {
		path := filepath.Join(t.TempDir(), "authkeys.json")
		file, pass := newWatchedFile(path)
		written := file.Now()
		rewrite := func(counter uint64) {
			content, err := json.Marshal(map[string]any{"authKeys": []any{storetest.Key("u", "c", "1", counter)}})
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, content, 0o600)) // the same inode
			require.NoError(t, os.Chtimes(path, written, written))
		}
		rewrite(5)
		pass(age)
		storetest.RequireKept(t, file, storetest.Key("u", "c", "1", 5))
		rewrite(6)
		pass(authkeys.Believed)
		got, err := file.Find(t.Context(), id)
		require.NoError(t, err)
		return got
	}
	assert.Equal(t, storetest.Key("u", "c", "1", 6), swap(0))
	assert.Equal(t, storetest.Key("u", "c", "1", 5), swap(time.Hour), "an old file is not read again without reason")
}

func TestFileThatIsMissingIsNoEmptyStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authkeys.json")
	file := authkeys.NewFile(path)
	_, err := file.Find(t.Context(), storetest.Key("u", "c", "1", 5).ID)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NotErrorIs(t, err, authkeys.ErrNotEnrolled)

	require.NoError(t, os.WriteFile(path, []byte(`{"authKeys":[]}`), 0o600))
	_, err = file.Find(t.Context(), storetest.Key("u", "c", "1", 5).ID)
	require.ErrorIs(t, err, authkeys.ErrNotEnrolled, "the twin")
}

func TestFileThatIsBrokenIsAnErrorUntilItIsMended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authkeys.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"authKeys":[]`), 0o600))
	file := authkeys.NewFile(path)
	_, err := file.Find(t.Context(), storetest.Key("u", "c", "1", 5).ID)
	require.ErrorContains(t, err, "unexpected EOF")
	require.NotErrorIs(t, err, authkeys.ErrNotEnrolled)

	write(t, path, storetest.Key("u", "c", "1", 5))
	storetest.RequireKept(t, file, storetest.Key("u", "c", "1", 5))
}

// A reader meets the old file or the new one, and nothing in between.
func TestFileCanAlwaysBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authkeys.json")
	write(t, path, storetest.Key("u", "c", "1", 1))
	var writing sync.WaitGroup
	var done atomic.Bool
	writing.Go(func() {
		defer done.Store(true)
		for counter := range uint64(40) {
			write(t, path, storetest.Key("u", "c", "1", counter+2))
		}
	})
	file := authkeys.NewFile(path)
	for highest := uint64(0); !done.Load(); {
		got, err := file.Find(t.Context(), storetest.Key("u", "c", "1", 1).ID)
		require.NoError(t, err)
		require.GreaterOrEqual(t, got.Counter, highest)
		highest = got.Counter
	}
	writing.Wait()
	storetest.RequireKept(t, authkeys.NewFile(path), storetest.Key("u", "c", "1", 41))
}
