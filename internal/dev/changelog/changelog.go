// Package changelog reads CHANGELOG.md, which keeps to Keep a Changelog 1.1.0, and compares
// it with the number of the source and with tags.
package changelog

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// heading matches that of a version.
var heading = regexp.MustCompile(`(?m)^## \[([^\]]+)\].*$`)

// Changelog is the parsed file.
type Changelog struct {
	unreleased string
	releases   []release // newest first; at least one
}

type release struct{ number, changes string }

// Parse reads the text of a changelog. It returns an error unless the text begins with the
// section of unreleased changes, which may be empty, followed by a release.
func Parse(text string) (Changelog, error) {
	found := heading.FindAllStringSubmatchIndex(text, -1)
	var sections []release
	for i, at := range found {
		end := len(text)
		if i+1 < len(found) {
			end = found[i+1][0]
		}
		sections = append(sections, release{text[at[2]:at[3]], strings.TrimSpace(text[at[1]:end])})
	}
	if len(sections) < 2 || sections[0].number != "Unreleased" {
		return Changelog{}, errors.New("the changelog must begin with [Unreleased], and list a release after it")
	}
	return Changelog{sections[0].changes, sections[1:]}, nil
}

// dev is the suffix of a number whose release is in progress.
const dev = "-dev"

// Check returns an error unless number, such as 0.3.0, is that of the newest release. With
// unreleased changes it must be that of a next release with the suffix -dev. Each tag must be
// v and the number.
func (c Changelog) Check(number string, tags ...string) error {
	newest := c.releases[0].number
	next, isDev := strings.CutSuffix(number, dev)
	switch {
	case c.unreleased != "" && (!isDev || !isNext(newest, next)):
		return fmt.Errorf("after %s with unreleased changes, %s must be the next version and -dev", newest, number)
	case c.unreleased == "" && number != newest:
		return fmt.Errorf("%s is not the newest release of the changelog, %s", number, newest)
	}
	for _, tag := range tags {
		if tag != "v"+number {
			return fmt.Errorf("the tag %s is not v%s", tag, number)
		}
	}
	return nil
}

// Changes returns the changes of a version, in Markdown. For a number with the suffix -dev
// they are the unreleased ones.
func (c Changelog) Changes(number string) (string, error) {
	if strings.HasSuffix(number, dev) {
		return c.unreleased, nil
	}
	for _, r := range c.releases {
		if r.number == number {
			return r.changes, nil
		}
	}
	return "", fmt.Errorf("the changelog has no release %s", number)
}

// isNext reports whether version may follow before.
func isNext(before, version string) bool {
	var major, minor, patch int
	if _, err := fmt.Sscanf(before, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return false
	}
	return version == fmt.Sprintf("%d.%d.%d", major, minor, patch+1) ||
		version == fmt.Sprintf("%d.%d.0", major, minor+1) || version == fmt.Sprintf("%d.0.0", major+1)
}
