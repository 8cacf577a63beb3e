package need

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorder notes how a test would have ended.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Helper()      {}
func (r *recorder) Fatal(...any) { r.ended = "failed" }
func (r *recorder) Skip(...any)  { r.ended = "skipped" }

func TestWhatIsMissingSkipsAndFailsInCI(t *testing.T) {
	t.Setenv(SkippedFile, "")
	for _, c := range []struct {
		ci      string
		problem error
		ended   string
	}{
		{"", nil, ""},
		{"true", nil, ""},
		{"", errors.New("redis-server is not installed"), "skipped"},
		{"true", errors.New("redis-server is not installed"), "failed"},
	} {
		t.Setenv("CI", c.ci)
		var r recorder
		Met(&r, c.problem)
		assert.Equal(t, c.ended, r.ended, "CI=%q, %v", c.ci, c.problem)
	}
}

func TestWhatOnlyCIRuns(t *testing.T) {
	t.Setenv(SkippedFile, "")
	for ci, ended := range map[string]string{"": "skipped", "1": ""} {
		t.Setenv("CI", ci)
		var r recorder
		CI(&r)
		want := ended
		if testing.Short() {
			want = "skipped"
		}
		assert.Equal(t, want, r.ended, "CI=%q", ci)
	}
}

func TestEngineIsRequiredOnlyIfAsked(t *testing.T) {
	t.Setenv(SkippedFile, "")
	t.Setenv("CI", "true")
	problem := errors.New("dockerd is not installed")
	for _, c := range []struct {
		required string
		problem  error
		ended    string
	}{
		{"", nil, ""},
		{"1", nil, ""},
		{"", problem, "skipped"},
		{"1", problem, "failed"},
	} {
		t.Setenv(RequireEngine, c.required)
		var r recorder
		Engine(&r, c.problem)
		assert.Equal(t, c.ended, r.ended, "%s=%q, %v", RequireEngine, c.required, c.problem)
	}
}

func TestEachSkippedTestIsWrittenDown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "skipped")
	t.Setenv(SkippedFile, file)
	t.Setenv("CI", "")
	_, missing := Find("no-such-program")
	_, found := Find("go")
	for _, problem := range []error{missing, found, errors.New("two\nlines"), missing} {
		Met(&recorder{}, problem)
	}
	t.Setenv("CI", "true")
	var inCI recorder
	Optional(&inCI, missing)
	assert.Equal(t, "skipped", inCI.ended)
	Met(&inCI, missing)
	assert.Equal(t, "failed", inCI.ended)
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	const line = "no-such-program is not installed\n"
	assert.Equal(t, line+"two\n"+line+line, string(written))
}

func TestLongFormsRunWhereTheyAreAskedFor(t *testing.T) {
	t.Setenv(LongVariable, "")
	assert.Equal(t, 4, OrLong(4, 40))
	t.Run("short", func(t *testing.T) {
		defer func() { assert.True(t, t.Skipped()) }()
		Long(t)
	})
	t.Setenv(LongVariable, "1")
	assert.Equal(t, 40, OrLong(4, 40))
	t.Run("long", func(t *testing.T) { Long(t) })
}
