package version

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVersionNamesTheCommit(t *testing.T) {
	built := func(modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Path: module}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}, {Key: "vcs.modified", Value: modified},
		}}
	}
	for want, got := range map[string]string{
		Number:                              describe("", nil),
		Number + "+0123456789ab":            describe("", built("false")),
		Number + "+0123456789ab.dirty":      describe("", built("true")),
		Number + "+fedcba987654":            describe("fedcba987654", built("true")),
		Number + "+fedcba987654.dirty":      describe("fedcba987654-dirty", nil),
		describe("", &debug.BuildInfo{}):    Number,
		describe("", built("something")):    Number + "+0123456789ab",
		describe("fedcba987654-dirty", nil): Number + "+fedcba987654.dirty",
	} {
		assert.Equal(t, want, got)
	}
	assert.True(t, strings.HasPrefix(String(), Number))
	others := built("false")
	others.Main.Path = "example.com/shop"
	assert.Equal(t, Number, describe("", others), "the commit of a program that uses the package is another one's")
}

// heading is that of a version in CHANGELOG.md.
var heading = regexp.MustCompile(`(?m)^## \[([^\]]+)\]`)

// agree returns how number, a changelog and the tags of the commit contradict each other.
func agree(number, changelog string, tags []string) error {
	found := heading.FindAllStringSubmatchIndex(changelog, 2)
	if len(found) < 2 || changelog[found[0][2]:found[0][3]] != "Unreleased" {
		return errors.New("the changelog must begin with [Unreleased], and list a release after it")
	}
	newest := changelog[found[1][2]:found[1][3]]
	unreleased := strings.TrimSpace(strings.TrimPrefix(changelog[found[0][3]:found[1][0]], "]")) != ""
	next, isDev := strings.CutSuffix(number, "-dev")
	switch {
	case unreleased && (!isDev || !isNext(newest, next)):
		return fmt.Errorf("after %s with unreleased changes, %s must be the next version and -dev", newest, number)
	case !unreleased && number != newest:
		return fmt.Errorf("%s is not the newest release of the changelog, %s", number, newest)
	}
	for _, tag := range tags {
		if tag != "v"+number {
			return fmt.Errorf("the tag %s is not v%s", tag, number)
		}
	}
	return nil
}

// isNext reports whether version is one of those that may follow before.
func isNext(before, version string) bool {
	var major, minor, patch int
	if _, err := fmt.Sscanf(before, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return false
	}
	return version == fmt.Sprintf("%d.%d.%d", major, minor, patch+1) ||
		version == fmt.Sprintf("%d.%d.0", major, minor+1) || version == fmt.Sprintf("%d.0.0", major+1)
}

func TestChangelogTagAndNumberAgree(t *testing.T) {
	changelog, err := os.ReadFile("../../CHANGELOG.md")
	require.NoError(t, err)
	// Without git, or in a copy without history, there are no tags to compare.
	out, _ := exec.Command("git", "tag", "--points-at", "HEAD", "--list", "v*").Output()
	assert.NoError(t, agree(Number, string(changelog), strings.Fields(string(out))))
}

func TestDisagreementIsFound(t *testing.T) {
	const released, unreleased = "# C\n\n## [Unreleased]\n\n## [0.2.0] - 2026-11-26\n", "# C\n\n## [Unreleased]\n\n- x\n\n## [0.2.0] - 2026-11-26\n"
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
		{"0.2.0", "# C\n", nil, "the changelog must begin with [Unreleased], and list a release after it"},
	} {
		if err := agree(c.number, c.changelog, c.tags); c.problem == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, c.problem)
		}
	}
}
