package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// form is an issue form, with the members that GitHub's "Syntax for issue forms" requires.
type form struct {
	Name        string
	Description string
	Body        []struct {
		Type        string
		ID          string
		Attributes  map[string]any
		Validations map[string]bool
	}
}

// problems says what GitHub would refuse of an issue form.
func (f form) problems() (all []string) {
	if f.Name == "" || f.Description == "" {
		all = append(all, "name or description is missing")
	}
	ids := map[string]bool{}
	for _, part := range f.Body {
		switch part.Type {
		case "markdown":
			if part.Attributes["value"] == nil {
				all = append(all, "markdown without a value")
			}
			continue
		case "input", "textarea":
		case "dropdown":
			if options, _ := part.Attributes["options"].([]any); len(options) == 0 {
				all = append(all, "dropdown without options")
			}
		default:
			all = append(all, "no such type: "+part.Type)
		}
		if part.Attributes["label"] == nil {
			all = append(all, part.ID+" has no label")
		}
		if ids[part.ID] {
			all = append(all, part.ID+" is there twice")
		}
		ids[part.ID] = true
	}
	if len(ids) == 0 {
		all = append(all, "nothing to fill in")
	}
	return all
}

func TestIssueForms(t *testing.T) {
	files, err := filepath.Glob("../.github/ISSUE_TEMPLATE/*.yml")
	require.NoError(t, err)
	checked := 0
	read := func(text string) (f form) {
		require.NoError(t, yaml.Unmarshal([]byte(text), &f))
		return f
	}
	for _, file := range files {
		if filepath.Base(file) == "config.yml" {
			continue
		}
		checked++
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Empty(t, read(string(text)).problems(), file)
		broken := read(strings.Replace(string(text), "label: ", "labels: ", 1)).problems()
		require.Len(t, broken, 1, file)
		assert.Contains(t, broken[0], "has no label")
	}
	assert.Equal(t, 3, checked)
}
