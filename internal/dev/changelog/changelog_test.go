package changelog

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/version"
)

// TestChangelogTagAndNumberAgree holds this source to it.
func TestChangelogTagAndNumberAgree(t *testing.T) {
	text, err := os.ReadFile("../../../CHANGELOG.md")
	require.NoError(t, err)
	c, err := Parse(string(text))
	require.NoError(t, err)
	// Without git, or in a copy without history, there are no tags to compare.
	out, _ := exec.Command("git", "tag", "--points-at", "HEAD", "--list", "v*").Output()
	assert.NoError(t, c.Check(version.Number, strings.Fields(string(out))...))
}

const released, unreleased = "# C\n\n## [Unreleased]\n\n## [0.2.0] - 2026-11-26\n", "# C\n\n## [Unreleased]\n\n- x\n\n## [0.2.0] - 2026-11-26\n"

func TestDisagreementIsFound(t *testing.T) {
	for _, c := range []struct {
		number, changelog string
		tags              []string
		problem           string
	}{
		{"0.2.0", released, []string{"v0.2.0"}, ""},
		{"0.2.0", released, nil, ""},
		{"0.2.1", released, nil, "0.2.1 is not the newest release of the changelog, 0.2.0"},
		{"0.2.0", released, []string{"v0.2.1"}, "the tag v0.2.1 is not v0.2.0"},
		{"0.3.0-dev", unreleased, nil, ""},
		{"0.2.1-dev", unreleased, nil, ""},
		{"1.0.0-dev", unreleased, nil, ""},
		{"0.2.0", unreleased, nil, "after 0.2.0 with unreleased changes, 0.2.0 must be the next version and -dev"},
		{"0.4.0-dev", unreleased, nil, "after 0.2.0 with unreleased changes, 0.4.0-dev must be the next version and -dev"},
		{"0.3.0-dev", unreleased, []string{"v0.3.0"}, "the tag v0.3.0 is not v0.3.0-dev"},
	} {
		parsed, err := Parse(c.changelog)
		require.NoError(t, err)
		if err := parsed.Check(c.number, c.tags...); c.problem == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, c.problem)
		}
	}
}

func TestChangelogMustHaveItsSections(t *testing.T) {
	for _, text := range []string{"# C\n", "# C\n\n## [Unreleased]\n", "# C\n\n## [0.2.0]\n\n## [0.1.0]\n"} {
		_, err := Parse(text)
		assert.EqualError(t, err, "the changelog must begin with [Unreleased], and list a release after it")
	}
}

func TestChangesOfAVersion(t *testing.T) {
	c, err := Parse("# C\n\n## [Unreleased]\n\n- next\n\n## [0.2.0] - 2026-11-26\n\n### Added\n\n- second\n\n## [0.1.0] - 2026-11-22\n\n- first\n")
	require.NoError(t, err)
	for number, want := range map[string]string{"0.3.0-dev": "- next", "0.2.0": "### Added\n\n- second", "0.1.0": "- first"} {
		changes, err := c.Changes(number)
		require.NoError(t, err)
		assert.Equal(t, want, changes)
	}
	_, err = c.Changes("0.3.0")
	assert.EqualError(t, err, "the changelog has no release 0.3.0")
}
