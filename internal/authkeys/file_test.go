package authkeys_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
)

// newWatchedFile is a File whose clock stands still until it is moved.
func newWatchedFile(path string) (file *authkeys.File, pass func(time.Duration)) {
	var now atomic.Int64
	now.Store(time.Now().UnixNano())
	file = authkeys.NewFile(path)
	file.SetClock(func() time.Time { return time.Unix(0, now.Load()) })
	return file, func(d time.Duration) { now.Add(int64(d)) }
}

func TestFileSeesWhatOthersChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authkeys.json")
	other := authkeys.NewFile(path)
	require.NoError(t, other.Put(t.Context(), key("u", "c", "1", 5)))
	file, pass := newWatchedFile(path)
	requireKept(t, file, key("u", "c", "1", 5))

	require.NoError(t, other.Put(t.Context(), key("v", "c", "1", 5)))
	requireKept(t, file, key("v", "c", "1", 5))

	require.NoError(t, other.Put(t.Context(), key("u", "c", "1", 6)))
	pass(authkeys.Believed)
	requireKept(t, file, key("u", "c", "1", 6))

	require.NoError(t, os.WriteFile(path, []byte(`{"authKeys":[]}`), 0o600))
	requireKept(t, file, key("u", "c", "1", 6))
	pass(authkeys.Believed)
	_, err := file.Find(t.Context(), key("u", "c", "1", 6).ID)
	require.ErrorIs(t, err, authkeys.ErrNotEnrolled)

	require.NoError(t, os.Remove(path))
	_, err = file.Find(t.Context(), key("u", "c", "1", 6).ID)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestFileLooksAgainAfterTheClockWentBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authkeys.json")
	file, pass := newWatchedFile(path)
	require.NoError(t, file.Put(t.Context(), key("u", "c", "1", 5)))
	requireKept(t, file, key("u", "c", "1", 5))
	require.NoError(t, os.Remove(path))
	pass(-time.Hour)
	_, err := file.Find(t.Context(), key("u", "c", "1", 5).ID)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// A file that was replaced within one step of the file system's clock has the
// times and, here, the size and the inode of the one before.
func TestFileIsNotToldByItsTimesWhileItIsNew(t *testing.T) {
	id := key("u", "c", "1", 5).ID
	swap := func(age time.Duration) authkeys.AuthKey {
		path := filepath.Join(t.TempDir(), "authkeys.json")
		file, pass := newWatchedFile(path)
		written := file.Now()
		write := func(counter uint64) {
			content, err := authkeys.FormatFile(map[authkeys.ID]authkeys.AuthKey{id: key("u", "c", "1", counter)})
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, content, 0o600))
			require.NoError(t, os.Chtimes(path, written, written))
		}
		write(5)
		pass(age)
		requireKept(t, file, key("u", "c", "1", 5))
		write(6)
		pass(authkeys.Believed)
		got, err := file.Find(t.Context(), id)
		require.NoError(t, err)
		return got
	}
	assert.Equal(t, key("u", "c", "1", 6), swap(0))
	assert.Equal(t, key("u", "c", "1", 5), swap(time.Hour), "an old file is not read again without reason")
}

func TestFileThatIsMissingIsNoEmptyStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authkeys.json")
	file := authkeys.NewFile(path)
	_, err := file.Find(t.Context(), key("u", "c", "1", 5).ID)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NotErrorIs(t, err, authkeys.ErrNotEnrolled)

	require.NoError(t, os.WriteFile(path, []byte(`{"authKeys":[]}`), 0o600))
	_, err = file.Find(t.Context(), key("u", "c", "1", 5).ID)
	require.ErrorIs(t, err, authkeys.ErrNotEnrolled, "the twin")
}

func TestFileIsPrivateAndAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authkeys.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"authKeys":[]}`), 0o644))
	require.NoError(t, authkeys.NewFile(path).Put(t.Context(), key("u", "c", "1", 5)))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
		info, err := entry.Info()
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), entry.Name())
	}
	assert.Equal(t, []string{"authkeys.json", "authkeys.json.lock"}, names)
}

func TestFileThatCannotBeWrittenSaysSo(t *testing.T) {
	// Nobody makes files there, not even root.
	const readOnly = "/sys/kernel/authkeys.json"
	if _, err := os.Stat(filepath.Dir(readOnly)); err != nil {
		t.Skip("the system has no /sys/kernel")
	}
	require.ErrorIs(t, authkeys.NewFile(readOnly).Put(t.Context(), key("u", "c", "1", 5)), authkeys.ErrReadOnly)

	missing := filepath.Join(t.TempDir(), "missing", "authkeys.json")
	err := authkeys.NewFile(missing).Put(t.Context(), key("u", "c", "1", 5))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NotErrorIs(t, err, authkeys.ErrReadOnly)
}

func TestFileThatIsBrokenStaysAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authkeys.json")
	file := authkeys.NewFile(path)
	require.NoError(t, os.WriteFile(path, []byte(`{"authKeys":[]`), 0o600))
	require.ErrorContains(t, file.Put(t.Context(), key("u", "c", "1", 5)), "unexpected EOF")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, `{"authKeys":[]`, string(content), "a broken file is not overwritten")
}

func TestFileIsWrittenByOneAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authkeys.json")
	file := authkeys.NewFile(path)
	unlock, err := authkeys.Lock(t.Context(), path+".lock")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, file.Put(ctx, key("u", "c", "1", 5)), context.DeadlineExceeded)
	_, err = os.Stat(path)
	require.ErrorIs(t, err, fs.ErrNotExist)

	unlock()
	require.NoError(t, file.Put(t.Context(), key("u", "c", "1", 5)), "the twin")
}

// A reader meets the old file or the new one, and nothing in between.
func TestFileCanAlwaysBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authkeys.json")
	writer := authkeys.NewFile(path)
	require.NoError(t, writer.Put(t.Context(), key("u", "c", "1", 1)))
	written := make(chan struct{})
	go func() {
		defer close(written)
		for counter := range uint64(40) {
			assert.NoError(t, writer.Put(t.Context(), key("u", "c", "1", counter+2)))
		}
	}()
	for highest := uint64(0); ; {
		got, err := authkeys.NewFile(path).Find(t.Context(), key("u", "c", "1", 1).ID)
		require.NoError(t, err)
		require.GreaterOrEqual(t, got.Counter, highest)
		highest = got.Counter
		select {
		case <-written:
			requireKept(t, authkeys.NewFile(path), key("u", "c", "1", 41))
			return
		default:
		}
	}
}

const enrolsAt = "AUTHKEYS_TEST_ENROLS_AT"

// TestAnotherProcess is the other process: it enrols twenty users.
func TestAnotherProcess(t *testing.T) {
	path, name, found := strings.Cut(os.Getenv(enrolsAt), "|")
	if !found {
		t.Skip("is run by TestProcessesEnrolAtOnce")
	}
	file := authkeys.NewFile(path)
	for i := range 20 {
		require.NoError(t, file.Put(t.Context(), key(fmt.Sprint(name, i), "c", "1", 1)))
	}
}

func TestProcessesEnrolAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authkeys.json")
	var processes []*exec.Cmd
	for _, name := range []string{"first", "second"} {
		process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAnotherProcess$", "-test.count=1")
		process.Env = append(os.Environ(), enrolsAt+"="+path+"|"+name)
		process.Stderr = os.Stderr
		require.NoError(t, process.Start())
		processes = append(processes, process)
	}
	for _, process := range processes {
		require.NoError(t, process.Wait())
	}
	file := authkeys.NewFile(path)
	for i := range 20 {
		requireKept(t, file, key(fmt.Sprint("first", i), "c", "1", 1))
		requireKept(t, file, key(fmt.Sprint("second", i), "c", "1", 1))
	}
}
