package version

import (
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
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
