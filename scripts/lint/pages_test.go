package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each rule on pages finds its bad example and passes the good twin.
func TestPagesAreChecked(t *testing.T) {
	for _, rule := range []struct{ name, bad, good, says string }{
		{"whom", "The user whom\nit names.", "The user that\nit names.", `"whom"`},
		{"of which", "Functions, of\nwhich it starts many.", "Functions. It starts many.", `"of which"`},
		{"door", "HTTP doors", "HTTP paths", `"doors"`},
		{"told", "| a | is told so |", "| a | is refused |", `"told"`},
		{"the way", "# On the way", "# In transit", `"the way"`},
		{"words", strings.Repeat("word\n", 41), strings.Repeat("word\n", 40), "more than 40 words"},
		{"sentences", strings.Repeat("word ", 41) + "ends.", strings.Repeat("word ", 39) + "ends. " + strings.Repeat("word ", 40), "more than 40 words"},
		{"items", "- a" + strings.Repeat(" b", 40), "- a" + strings.Repeat(" b", 20) + "\n- a" + strings.Repeat(" b", 20), "more than 40 words"},
		{"code", "told", "`told`\n\n```\ntold\n```\n", `"told"`},
	} {
		t.Run(rule.name, func(t *testing.T) {
			bad := checkPage("page.md", rule.bad)
			require.Len(t, bad, 1)
			assert.Contains(t, bad[0], "page.md: ")
			assert.Contains(t, bad[0], rule.says)
			assert.Empty(t, checkPage("page.md", rule.good))
		})
	}
	assert.Empty(t, checkPage("page.md", "| "+strings.Repeat("word ", 50)+"|"), "a row of a table has parts")
}

func TestDeadLinksAreFound(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "docs", "images"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "docs", "a.md"), []byte("# A: `x_y`, and 中文!\n"), 0o644))
	for _, link := range []struct{ dead, live string }{
		{"b.md", "a.md"},
		{"../docs/b.md", "../docs/a.md"},
		{"a.md#b", "a.md#a-x_y-and-中文"},
		{"#a", "#a-x_y-and-中文"},
		{"image", "images"},
		{"a", "https://example.com/a"},
	} {
		assert.Equal(t, []string{"docs/a.md: the link " + link.dead + " leads nowhere"}, checkLinks(root, "docs/a.md", "[x]("+link.dead+")"))
		assert.Empty(t, checkLinks(root, "docs/a.md", "[x]("+link.live+")"))
	}
}

func TestTextsAreFound(t *testing.T) {
	module := fstest.MapFS{}
	for _, name := range []string{"a.go", "a_test.go", "b/testdata/c.go", "b/d.md", "b/d.txt", ".git/e.md", "node_modules/f.md", "dist/g.go"} {
		module[name] = &fstest.MapFile{}
	}
	names, err := textFiles(module)
	require.NoError(t, err)
	assert.Equal(t, []string{"a.go", "b/d.md", "b/testdata/c.go"}, names)
}

func TestEnglishPages(t *testing.T) {
	for name, isEnglish := range map[string]bool{
		"README.md": true, "docs/call.md": true, "SECURITY.md": true, "CONTRIBUTING.md": true,
		"README.zh-CN.md": false, "docs/zh-CN/call.md": false, "CHANGELOG.md": false, "deploy/README.md": false,
	} {
		assert.Equal(t, isEnglish, english.MatchString(name), name)
	}
}

// TestTheRulesAreOn checks a module with one mistake of each kind of file.
func TestTheRulesAreOn(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	write("a.go", "// Package a is told.\npackage a\n")
	write("docs/b.md", "It is told.\n")
	write("docs/zh-CN/c.md", "[told](none.md)\n")
	findings, err := checkTexts(root)
	require.NoError(t, err)
	require.Len(t, findings, 3)
	assert.Contains(t, findings[0], "a.go:1: ")
	assert.Contains(t, findings[1], "docs/b.md: ")
	assert.Contains(t, findings[2], "docs/zh-CN/c.md: the link none.md")
}
