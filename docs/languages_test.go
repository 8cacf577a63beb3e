package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCodeIsTheSameInBothLanguages compares the code blocks of each Chinese document
// with those of its English twin.
func TestCodeIsTheSameInBothLanguages(t *testing.T) {
	chinese, err := filepath.Glob("zh-CN/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, chinese)
	blocks := func(name string) []string {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		return regexp.MustCompile("(?ms)^```.*?^```$").FindAllString(string(text), -1)
	}
	for _, name := range chinese {
		here, there := blocks(name), blocks(filepath.Base(name))
		assert.NotEmpty(t, there, name)
		assert.Equal(t, there, here, name)
	}
}
