package docs_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/function"
	"sotercall/internal/openapi"
	"sotercall/internal/wiring"
)

// tables are the parts of documents that code writes, by the name in the comment
// before each.
var tables = map[string]func() string{
	"error codes":             errorCodes,
	"what stand-ins refuse":   refusals,
	"refusals of our own":     ownRefusals,
	"what stand-ins let pass": gaps,
}

// TestTablesAreWhatTheCodeSays compares each table with what the code says of it.
// UPDATE_DOCS=1 writes them anew.
func TestTablesAreWhatTheCodeSays(t *testing.T) {
	found := map[string]bool{}
	for _, name := range documents(t) {
		path := filepath.Join(root, name)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for title, table := range tables {
			begin, end := []byte("<!-- table: "+title+" -->\n"), []byte("<!-- end of table -->")
			_, rest, ok := bytes.Cut(text, begin)
			if !ok {
				continue
			}
			found[title] = true
			written, _, ok := bytes.Cut(rest, end)
			require.True(t, ok, "%s: the table %q has no end", name, title)
			want := "\n" + table() + "\n"
			if os.Getenv("UPDATE_DOCS") != "" {
				text = bytes.Replace(text, append(bytes.Clone(begin), written...), append(bytes.Clone(begin), want...), 1)
				require.NoError(t, os.WriteFile(path, text, 0o644))
				continue
			}
			assert.Equal(t, want, string(written), "%s: UPDATE_DOCS=1 go test ./docs writes it anew", name)
		}
	}
	for title := range tables {
		assert.True(t, found[title], "no document has the table %q", title)
	}
}

// errorCodes leaves out the platform's codes about which there is nothing to say.
func errorCodes() string {
	var b strings.Builder
	b.WriteString("| errCode | meaning | what to do |\n|---|---|---|\n")
	b.WriteString("| 0 | the request was answered | look at `isOk` |\n")
	for _, code := range openapi.Codes() {
		if code.Meaning != "" {
			fmt.Fprintf(&b, "| %d | %s | %s |\n", code.Number, code.Meaning, code.Do)
		}
	}
	b.WriteString("| other | WeChat's own errcode with its errmsg | see WeChat's documentation |\n")
	return b.String()
}

// TestEveryVariableIsDocumented holds the settings of the functions against the
// table of variables, defaults included.
func TestEveryVariableIsDocumented(t *testing.T) {
	document, err := os.ReadFile(filepath.Join(root, "docs/configuration.md"))
	require.NoError(t, err)
	rows := map[string]string{}
	for line := range strings.Lines(string(document)) {
		names, isRow := strings.CutPrefix(line, "| `")
		if !isRow {
			continue
		}
		names, _, _ = strings.Cut(names, " | ")
		for name := range strings.SplitSeq(names, ", ") {
			rows[strings.Trim(name, "`")] = line
		}
	}
	known := map[string]bool{}
	for _, function := range []string{"verify", "token", "challenge"} {
		for _, variable := range wiring.Variables(function) {
			known[variable.Name] = true
			require.Contains(t, rows, variable.Name, "docs/configuration.md lacks a variable of %s", function)
			if variable.Default != "" {
				assert.Contains(t, rows[variable.Name], "`"+variable.Default+"`", "the default of %s", variable.Name)
			}
		}
	}
	for name := range rows {
		assert.True(t, known[name], "no function knows %s", name)
	}
	assert.Greater(t, len(known), 10)
}

// TestEveryPathIsDocumented holds the calls of the functions against the table of paths
// and against the description of the HTTP API.
func TestEveryPathIsDocumented(t *testing.T) {
	callers, err := os.ReadFile(filepath.Join(root, "docs/callers.md"))
	require.NoError(t, err)
	_, table, found := strings.Cut(string(callers), "\n## Paths\n")
	require.True(t, found)
	description, err := os.ReadFile(filepath.Join(root, "deploy/openapi.yaml"))
	require.NoError(t, err)
	var none wiring.Openers
	paths := 0
	for name, build := range map[string]function.Builder{"verify": none.Verify, "token": none.Token, "challenge": none.Challenge} {
		_, row, found := strings.Cut(table, "\n| "+name+" | ")
		require.True(t, found, name)
		row, _, _ = strings.Cut(row, "\n")
		f, _ := build(nil, slog.New(slog.DiscardHandler), new(slog.LevelVar)) // it says that nothing is set
		for _, call := range f.Calls {
			if call.Path == "" {
				continue
			}
			paths++
			assert.Contains(t, row, "`"+call.Path+"`", "docs/callers.md lacks a path of %s", name)
			assert.Contains(t, string(description), "\n  "+call.Path+":\n", "deploy/openapi.yaml lacks a path of %s", name)
		}
	}
	assert.GreaterOrEqual(t, paths, 6)
}
