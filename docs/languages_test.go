package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCodeIsTheSameInBothLanguages compares the code blocks of each Chinese document
// with those of its English twin. Diagrams are drawn in each language's own words.
func TestCodeIsTheSameInBothLanguages(t *testing.T) {
	chinese, err := filepath.Glob("zh-CN/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, chinese)
	blocks := func(name string) []string {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		all := regexp.MustCompile("(?ms)^ *```.*?^ *```$").FindAllString(string(text), -1)
		return slices.DeleteFunc(all, func(block string) bool { return strings.HasPrefix(block, "```mermaid") })
	}
	twins := map[string]string{"../README.zh-CN.md": "../README.md"}
	for _, name := range chinese {
		twins[name] = filepath.Base(name)
	}
	compared := 0
	for here, there := range twins {
		compared += len(blocks(there))
		assert.Equal(t, blocks(there), blocks(here), here)
	}
	assert.GreaterOrEqual(t, compared, 10, "blocks are found")
}

// TestCodesAreTheSameInBothLanguages compares the first column of the error codes: the
// Chinese table has the words of a person, and so is not written by the code.
func TestCodesAreTheSameInBothLanguages(t *testing.T) {
	codes := func(name string) (numbers []string) {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, row := range regexp.MustCompile(`(?m)^\| (-?\d+) \|`).FindAllStringSubmatch(string(text), -1) {
			numbers = append(numbers, row[1])
		}
		return numbers
	}
	assert.Greater(t, len(codes("call.md")), 30, "codes are found")
	assert.Equal(t, codes("call.md"), codes("zh-CN/call.md"))
}
