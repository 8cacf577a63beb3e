package docs_test

import (
	"path"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestReadmeLinksEveryPage: the two tables "Read on" and the routes above them are the
// index of docs/, in both languages.
func TestReadmeLinksEveryPage(t *testing.T) {
	readme := map[string]string{
		"docs":       document(t, "README.md"),
		"docs/zh-CN": document(t, "README.zh-CN.md"),
	}
	linked := 0
	for _, name := range documents(t) {
		if index, isPage := readme[path.Dir(name)]; isPage {
			linked++
			assert.Contains(t, index, "]("+name, "the index of %s", path.Dir(name))
		}
	}
	assert.Greater(t, linked, 40, "pages are found")
}
