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
