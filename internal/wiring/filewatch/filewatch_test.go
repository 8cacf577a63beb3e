package filewatch_test

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/wiring/filewatch"
)

// watched is a Watch of a file, with a clock that stands still.
type watched struct {
	*filewatch.Watch
	path string

	mu       sync.Mutex
	now      time.Time         // guarded by mu
	reported []filewatch.State // guarded by mu
	looks    int               // guarded by mu
}

func (w *watched) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// wind puts the clock ahead, or back.
func (w *watched) wind(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(by)
}

func (w *watched) report(s filewatch.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reported = append(w.reported, s)
}

func (w *watched) reports() []filewatch.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]filewatch.State(nil), w.reported...)
}

func (w *watched) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.looks
}

// watch loads the file at path, which is given its content first unless that is empty.
func watch(t *testing.T, path, content string) *watched {
	t.Helper()
	w := &watched{path: path, now: time.Now()}
	if content != "" {
		w.write(t, content)
	}
	text, loaded, err := filewatch.Read(path)
	require.NoError(t, err)
	if content != "" {
		require.Equal(t, content, string(text))
	}
	require.Equal(t, path, loaded.Path())
	w.Watch = filewatch.New(loaded, w.clock, w.report)
	w.SetStat(func(path string) (os.FileInfo, error) {
		w.mu.Lock()
		w.looks++
		w.mu.Unlock()
		return os.Stat(path)
	})
	return w
}

// write puts a file with content in the place of the one before. It is an hour old.
func (w *watched) write(t *testing.T, content string) {
	t.Helper()
	next := w.path + ".next"
	require.NoError(t, os.WriteFile(next, []byte(content), 0o600))
	hourAgo := w.clock().Add(-time.Hour)
	require.NoError(t, os.Chtimes(next, hourAgo, hourAgo))
	require.NoError(t, os.Rename(next, w.path))
}

// look waits for the look that is due, and returns what it has found.
func (w *watched) look(t *testing.T) filewatch.State {
	t.Helper()
	w.wind(filewatch.Every)
	before := w.count()
	w.State()
	require.Eventually(t, func() bool { return w.count() == before+1 && w.isIdle() }, time.Minute, time.Millisecond)
	return w.State()
}

// isIdle reports whether no look is under way: the clock stands, so that State begins none.
func (w *watched) isIdle() bool { return !w.IsLooking() }

func path(t *testing.T) string { return filepath.Join(t.TempDir(), "apps.json") }

func TestEachChangeIsReportedOnce(t *testing.T) {
	w := watch(t, path(t), "first")
	assert.Equal(t, filewatch.Same, w.look(t), "the twin: nothing has changed")
	assert.Empty(t, w.reports())

	w.write(t, "other")
	assert.Equal(t, filewatch.Changed, w.look(t))
	assert.Equal(t, filewatch.Changed, w.look(t))
	assert.Equal(t, []filewatch.State{filewatch.Changed}, w.reports())
	w.write(t, "third")
	assert.Equal(t, filewatch.Changed, w.look(t))
	w.write(t, "third") // another file that holds the same
	assert.Equal(t, filewatch.Changed, w.look(t))
	assert.Equal(t, []filewatch.State{filewatch.Changed, filewatch.Changed}, w.reports())

	w.write(t, "first")
	assert.Equal(t, filewatch.Same, w.look(t), "what was loaded is back")
	require.NoError(t, os.Remove(w.path))
	assert.Equal(t, filewatch.Missing, w.look(t))
	assert.Equal(t, filewatch.Missing, w.look(t))
	w.write(t, "first")
	assert.Equal(t, filewatch.Same, w.look(t))
	assert.Equal(t, []filewatch.State{filewatch.Same, filewatch.Missing, filewatch.Same}, w.reports()[2:])
}

func TestFileThatHoldsTheSameHasNotChanged(t *testing.T) {
	w := watch(t, path(t), "first")
	for range 3 {
		w.write(t, "first")
		assert.Equal(t, filewatch.Same, w.look(t))
	}
	assert.Empty(t, w.reports())
}

// A look costs a stat: only what the times and the size tell from the file before is read.
func TestFileIsNotReadForNothing(t *testing.T) {
	w := watch(t, path(t), "first")
	info, err := os.Stat(w.path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.path, []byte("other"), 0o600)) // as long, in the same file
	require.NoError(t, os.Chtimes(w.path, info.ModTime(), info.ModTime()))
	assert.Equal(t, filewatch.Same, w.look(t), "it looks like the one before")
	later := info.ModTime().Add(time.Second)
	require.NoError(t, os.Chtimes(w.path, later, later))
	assert.Equal(t, filewatch.Changed, w.look(t), "the twin")
}

// A volume of Kubernetes has the file behind two links: apps.json to ..data/apps.json, and
// ..data to a folder. An update replaces the second link.
func TestVolumeOfKubernetes(t *testing.T) {
	volume := t.TempDir()
	update := func(folder, content string) {
		require.NoError(t, os.Mkdir(filepath.Join(volume, folder), 0o700))
		file := filepath.Join(volume, folder, "apps.json")
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		hourAgo := time.Now().Add(-time.Hour)
		require.NoError(t, os.Chtimes(file, hourAgo, hourAgo))
		require.NoError(t, os.Symlink(folder, filepath.Join(volume, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(volume, "..data_tmp"), filepath.Join(volume, "..data")))
	}
	update("..2026_11_30_1", "first")
	path := filepath.Join(volume, "apps.json")
	require.NoError(t, os.Symlink(filepath.Join("..data", "apps.json"), path))
	w := watch(t, path, "")
	update("..2026_11_30_2", "first")
	require.NoError(t, os.RemoveAll(filepath.Join(volume, "..2026_11_30_1")))
	assert.Equal(t, filewatch.Same, w.look(t), "the twin: the volume is new, the file is not")
	update("..2026_11_30_3", "other")
	assert.Equal(t, filewatch.Changed, w.look(t))
}

// A file that is being written is judged when it has come to rest, also if neither its time
// nor its size changes any more.
func TestYoungFileIsNotJudged(t *testing.T) {
	w := watch(t, path(t), "first")
	w.wind(filewatch.Every)
	write := func(content string) {
		require.NoError(t, os.WriteFile(w.path, []byte(content), 0o600))
		now := w.clock().Add(filewatch.Every) // when the next look begins
		require.NoError(t, os.Chtimes(w.path, now, now))
	}
	write("fir")
	assert.Equal(t, filewatch.Same, w.look(t), "half of it")
	write("other")
	assert.Equal(t, filewatch.Same, w.look(t))
	assert.Equal(t, filewatch.Changed, w.look(t))
	assert.Equal(t, []filewatch.State{filewatch.Changed}, w.reports())
}

// The file that is loaded may be replaced in the same step of the file system's clock.
func TestFileThatWasYoungWhenItWasLoaded(t *testing.T) {
	name := path(t)
	now := time.Now()
	write := func(content string) {
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
		require.NoError(t, os.Chtimes(name, now, now))
	}
	write("first")
	w := watch(t, name, "")
	write("other")
	assert.Equal(t, filewatch.Changed, w.look(t))
}

func TestFileIsLookedAtRarely(t *testing.T) {
	w := watch(t, path(t), "first")
	w.write(t, "other")
	for range 1_000 {
		require.Equal(t, filewatch.Same, w.State())
	}
	assert.Zero(t, w.count(), "loading it was a look")
	assert.Equal(t, filewatch.Changed, w.look(t), "the twin")
	for range 1_000 {
		w.State()
	}
	assert.Equal(t, 1, w.count())
	w.wind(-time.Hour)
	assert.Equal(t, filewatch.Changed, w.look(t), "the clock was put back")
}

// A pipe, as bash's <(…), can be read once.
func TestWhatIsNoFileIsNotWatched(t *testing.T) {
	w := watch(t, os.DevNull, "")
	w.wind(time.Hour)
	assert.Equal(t, filewatch.Same, w.State())
	assert.Zero(t, w.count())
	var none *filewatch.Watch
	assert.Equal(t, filewatch.Same, none.State())
	_, _, err := filewatch.Read(path(t))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A file system that hangs holds no call, and one goroutine.
func TestFileSystemThatHangs(t *testing.T) {
	w := watch(t, path(t), "first")
	hangs, looks := make(chan struct{}), make(chan struct{}, 100)
	w.SetStat(func(path string) (os.FileInfo, error) {
		looks <- struct{}{}
		<-hangs
		return os.Stat(path)
	})
	w.write(t, "other")
	before := runtime.NumGoroutine()
	for range 50 {
		w.wind(filewatch.Every)
		require.Equal(t, filewatch.Same, w.State())
	}
	assert.LessOrEqual(t, runtime.NumGoroutine()-before, 1)
	<-looks
	assert.Empty(t, looks)
	close(hangs)
	require.Eventually(t, func() bool { return w.State() == filewatch.Changed }, time.Minute, time.Millisecond)
	assert.Equal(t, []filewatch.State{filewatch.Changed}, w.reports())
}

func TestConcurrentUse(t *testing.T) {
	w := watch(t, path(t), "first")
	w.write(t, "other")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				w.wind(filewatch.Every)
				w.State()
			}
		})
	}
	all.Wait()
	require.Eventually(t, func() bool { return !w.IsLooking() }, time.Minute, time.Millisecond)
	assert.Equal(t, filewatch.Changed, w.look(t))
	assert.Equal(t, []filewatch.State{filewatch.Changed}, w.reports())
}
