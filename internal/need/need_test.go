package need

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
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
