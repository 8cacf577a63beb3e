package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// findingsIn checks a Go file with a comment.
func findingsIn(t *testing.T, comment string) []string {
	t.Helper()
	findings, err := checkComments("p.go", []byte("package p\n\n"+comment+"\nfunc F() {}\n"))
	require.NoError(t, err)
	return findings
}

// Each rule on comments finds its bad example and passes the good twin.
func TestCommentsAreChecked(t *testing.T) {
	for _, rule := range []struct{ name, bad, good, says string }{
		{"who", "// F answers who asks.", "// F answers the caller.", `p.go:3: "who"`},
		{"Who", "// F is safe. Who asks waits.", "// F is safe. Callers wait.", `p.go:3: "Who"`},
		{"whom", "// F returns whom it is about.", "// F returns the user.", `"whom"`},
		{"of which", "// F reads apps, each of which has one.", "// F reads apps. Each has one.", `"of which"`},
		{"door", "// F opens the door.", "// F serves the endpoint.", `"door"`},
		{"question", "// F asks a question.", "// F sends question.json.", `"question"`},
		{"questions", "// F asks questions.", "// F sends requests.", `"questions"`},
		{"told", "// F is told of it.", "// F learns of it.", `"told"`},
		{"the way", "// F is on the way.", "// F is in transit; by the wayside.", `"the way"`},
		{"in two lines", "// F is on the\n// way.", "// F is on the\n// wayside.", `"the way"`},
		{"in a field", "type T struct {\n\t// A is told.\n\tA int // of whom\n}\n", "type T struct {\n\t// A is set.\n\tA int // of it\n}\n", `p.go:4: "told"`},
		{"columns", "// F" + strings.Repeat(" word", 20), "// F" + strings.Repeat(" word", 19), "p.go:3: more than 100 columns"},
		{"columns of code", "var v = 1 // F" + strings.Repeat(" word", 18), "var v = 1 // F" + strings.Repeat(" word", 17), "more than 100 columns"},
		{"tabs", "func G() {\n\t// F" + strings.Repeat(" word", 19) + "\n}", "func G() {\n\t// F" + strings.Repeat(" word", 18) + "\n}", "p.go:4: more than 100 columns"},
		{"words", "// F " + strings.Repeat("is\n// ", 24) + "so. F ends.", "// F " + strings.Repeat("is\n// ", 23) + "so. F ends.", "p.go:3: more than 25 words: F is is is is is …"},
		{"words of an item", "// F:\n//\n//   - a" + strings.Repeat("\n//     b", 25), "// F:\n//\n//   - a" + strings.Repeat("\n//     b", 12) + "\n//   - a" + strings.Repeat("\n//     b", 13), "more than 25 words"},
		{"words of a package", "// Package p " + strings.Repeat("is\n// ", 23) + "so.\npackage q", "", ""},
	} {
		t.Run(rule.name, func(t *testing.T) {
			if rule.says == "" {
				findings, err := checkComments("p.go", []byte(rule.bad))
				require.NoError(t, err)
				assert.Len(t, findings, 1, "the comment of a package is one, too")
				return
			}
			bad := findingsIn(t, rule.bad)
			require.NotEmpty(t, bad)
			assert.Contains(t, bad[0], rule.says)
			assert.Empty(t, findingsIn(t, rule.good))
		})
	}
}

// What the rules are not about: code, directives, addresses, and names of exported types.
func TestCommentsMayHold(t *testing.T) {
	for name, comment := range map[string]string{
		"code":                     "// F:\n//\n//\tf" + strings.Repeat(" g", 40),
		"a directive":              "//go:generate go run ./x" + strings.Repeat(" -flag", 20),
		"an address":               "// F is documented:\n//\n// https://example.com/" + strings.Repeat("a", 100),
		"the name of a type":       "// Question is a page's.\ntype Question struct{}\n",
		"long strings":             "var s = `" + strings.Repeat("who ", 40) + "`\n",
		"long sentences in a body": "func G() {\n\t//" + strings.Repeat(" a", 26) + "\n}",
	} {
		assert.Empty(t, findingsIn(t, comment), name)
	}
	assert.NotEmpty(t, findingsIn(t, "// The Question is open."), "the twin: no type has the name")
}
