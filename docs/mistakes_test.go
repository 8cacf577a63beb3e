package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMistakesAreInTheWordsOfTheCode: whoever looks for a message that an answer or
// the log has said finds it in the documents, in both languages.
func TestMistakesAreInTheWordsOfTheCode(t *testing.T) {
	var code strings.Builder
	for _, name := range []string{"mistakes.go", "hints.go", "request.go"} {
		source, err := os.ReadFile(filepath.Join(root, "internal/openapi", name))
		require.NoError(t, err)
		code.Write(source)
	}
	row := regexp.MustCompile("(?m)^\\| .* \\| (.*`.*) \\| .* \\|$")
	var said [2][]string
	for i, name := range []string{"mistakes.md", "zh-CN/mistakes.md"} {
		document, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, cells := range row.FindAllStringSubmatch(string(document), -1) {
			for _, words := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
				said[i] = append(said[i], words[1])
				assert.Contains(t, code.String(), words[1], name)
			}
		}
	}
	assert.Greater(t, len(said[0]), 15, "messages are found")
	assert.Equal(t, said[0], said[1])
}
