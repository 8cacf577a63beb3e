package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/gobuild"
)

const (
	released   = "# C\n\n## [Unreleased]\n\n## [0.2.0] - 2026-11-26\n\n- second\n\n## [0.1.0] - 2026-11-22\n\n- first\n"
	unreleased = "# C\n\n## [Unreleased]\n\n- third\n\n## [0.2.0] - 2026-11-26\n\n- second\n"
)

// checkout is a git checkout of one commit, with a tag.
func checkout(t *testing.T, tag string) (root string) {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	root = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module m\n"), 0o644))
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-qm", "all"}, {"tag", tag}} {
		command := exec.CommandContext(t.Context(), git, append([]string{"-C", root, "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		said, err := command.CombinedOutput()
		require.NoError(t, err, "%s", said)
	}
	return root
}

func TestOnlyTheTagOfTheSourceIsReleased(t *testing.T) {
	ofTag, ofAnother, changed := checkout(t, "v0.2.0"), checkout(t, "v0.1.0"), checkout(t, "v0.2.0")
	require.NoError(t, os.WriteFile(filepath.Join(changed, "go.mod"), []byte("module n\n"), 0o644))
	for _, c := range []struct {
		root, tag, number, changelog string
		changes, problem             string
	}{
		{ofTag, "v0.2.0", "0.2.0", released, "- second", ""},
		{ofTag, "", "0.2.0", released, "- second", ""},
		{ofTag, "", "0.3.0-dev", unreleased, "- third", ""}, // a dry run
		{ofTag, "v0.3.0", "0.2.0", released, "", "the tag v0.3.0 is not v0.2.0"},
		{ofTag, "v0.2.0", "0.2.1", released, "", "0.2.1 is not the newest release of the changelog, 0.2.0"},
		{ofTag, "v0.3.0", "0.3.0-dev", unreleased, "", "the tag v0.3.0 is not v0.3.0-dev"},
		{ofTag, "v0.2.0", "0.2.0", "# C\n", "", "the changelog must begin with [Unreleased], and list a release after it"},
		{ofAnother, "v0.2.0", "0.2.0", released, "", "the tag v0.2.0 does not point at the checked out commit"},
		{changed, "v0.2.0", "0.2.0", released, "", "files differ from the commit: a tag is released as it is"},
		{t.TempDir(), "v0.2.0", "0.2.0", released, "", "a tag is released from a git checkout"},
	} {
		changes, err := release{root: c.root, tag: c.tag, number: c.number}.check(t.Context(), c.changelog)
		if c.problem == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, c.problem)
		}
		assert.Equal(t, c.changes, changes, c.problem)
	}
}

func TestProgramMustPrintTheVersion(t *testing.T) {
	root := checkout(t, "v0.2.0")
	commit := gobuild.Revision(t.Context(), root)
	require.Len(t, commit, 12)
	r := release{root: root, number: "0.2.0"}
	assert.NoError(t, r.sameVersion(t.Context(), "verify", "verify 0.2.0+"+commit+" go1.26.8 linux/amd64\n"))
	for _, said := range []string{
		"", "verify\n",
		"verify 0.2.1+" + commit + " go1.26.8 linux/amd64\n",
		"verify 0.2.0+000000000000 go1.26.8 linux/amd64\n",
		"verify 0.2.0 go1.26.8 linux/amd64\n",
		"token 0.2.0+" + commit + " go1.26.8 linux/amd64\n",
	} {
		assert.ErrorContains(t, r.sameVersion(t.Context(), "verify", said), "instead of the version 0.2.0+"+commit, said)
	}
}

func TestWrongArgumentsAreRefused(t *testing.T) {
	for problem, args := range map[string][]string{
		`unexpected argument "v0.2.0"`:       {"v0.2.0"},
		"-arch x86_64: arm64 or amd64":       {"image", "-arch", "x86_64"},
		"the tag v0.0.1 is not v":            {"-tag", "v0.0.1"},
		"flag provided but not defined: -ta": {"image", "-ta"},
	} {
		assert.ErrorContains(t, run(t.Context(), args, io.Discard, io.Discard), problem)
	}
}

func TestNotesAreTheChanges(t *testing.T) {
	r := release{out: t.TempDir()}
	program, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, r.writeNotes("### Added\n\n- x", program))
	notes, err := os.ReadFile(filepath.Join(r.out, "notes.md"))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(notes), "### Added\n\n- x\n\n## Files\n\n"), string(notes))
	assert.Regexp(t, "With go1[^ ]+, `go run ./scripts/release` makes the same zips", string(notes))
}
