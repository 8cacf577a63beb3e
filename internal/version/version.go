// Package version reports which version of the project a program is.
package version

import (
	"reflect"
	"runtime/debug"
	"strings"
)

// Number is the version of the source, as Semantic Versioning 2.0.0 has it: the newest
// release of CHANGELOG.md, or, while that lists unreleased changes, the next release with
// the suffix -dev. A release's tag is v and this number; internal/dev/changelog compares the
// three.
const Number = "0.3.0-dev"

// revision is the commit of a program that is built without version control in it:
// -ldflags "-X sotercall/internal/version.revision=0123456789ab". Whatever builds deployed
// programs sets it: scripts/package, deploy/Makefile and deploy/container/Dockerfile.
var revision string

// text is what String returns.
var text = func() string {
	info, _ := debug.ReadBuildInfo()
	return describe(revision, info)
}()

// String returns the version: Number and the commit, such as 0.3.0+0123456789ab. A commit
// that ends in .dirty had changes that were not committed. Without a known commit it is
// Number alone.
func String() string { return text }

// describe returns the version of a program with a stamped revision, which may be empty,
// and the build information of the go command, which may be nil.
func describe(stamped string, info *debug.BuildInfo) string {
	commit := strings.Replace(stamped, "-dirty", ".dirty", 1) // as git describe has it
	if commit == "" && info != nil {
		commit = ofBuild(info)
	}
	if commit == "" {
		return Number
	}
	return Number + "+" + commit
}

// shortCommit is how many digits of a commit are told, as in Go's pseudo-versions.
const shortCommit = 12

// module is the path of this module. Only a program of it is built from its commits.
var module = strings.TrimSuffix(reflect.TypeFor[here]().PkgPath(), "/internal/version")

type here struct{}

// ofBuild returns the commit that the go command has found, "" if it has found none.
func ofBuild(info *debug.BuildInfo) string {
	if info.Main.Path != module {
		return ""
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	commit := settings["vcs.revision"]
	commit = commit[:min(shortCommit, len(commit))]
	if commit != "" && settings["vcs.modified"] == "true" {
		commit += ".dirty"
	}
	return commit
}
