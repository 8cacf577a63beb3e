package exampletest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sotercall/internal/test/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPageHoldsNoToken: whoever has a Mini Program has all that is in its pages.
func TestPageHoldsNoToken(t *testing.T) {
	token := regexp.MustCompile(`(?i)authorization|bearer|access_?token|secret`)
	code := func(file string) string {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		return regexp.MustCompile(`(?ms)/\*.*?\*/|^\s*//.*?$`).ReplaceAllString(string(source), "")
	}
	const root = "../../examples/miniprogram"
	for _, pattern := range []string{"*.js", "utils/*.js", "pages/*/*.js"} {
		files, err := filepath.Glob(root + "/" + pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			assert.NotRegexp(t, token, code(file), file)
		}
	}
	assert.Regexp(t, token, code("../../examples/backend/server.js"), "the twin: a backend holds them")
}

// tsc checks the types of a project; what it says is empty if they are right.
func tsc(t *testing.T, project string) string {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), "node", "node_modules/typescript/bin/tsc", "-p", project).CombinedOutput()
	require.Equal(t, err == nil, len(said) == 0, "%v %s", err, said)
	return string(said)
}

func TestTypesOfTheMiniProgram(t *testing.T) {
	need.CI(t)
	need.NodeModules(t, ".")
	assert.Empty(t, tsc(t, "."))
}

// TestTypesAreChecked is the twin: a copy with one misspelt member of wx is refused.
func TestTypesAreChecked(t *testing.T) {
	need.CI(t)
	need.NodeModules(t, ".")
	source, err := os.ReadFile("../../examples/miniprogram/utils/soter.js")
	require.NoError(t, err)
	broken := strings.Replace(string(source), "wx.startSoterAuthentication, {", "wx.startSoterAuthentification, {", 1)
	require.NotEqual(t, string(source), broken)
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "soter.js"), []byte(broken), 0o600))
	here, err := os.Getwd()
	require.NoError(t, err)
	project := `{"extends":"` + here + `/tsconfig.json","compilerOptions":{"typeRoots":["` + here + `/node_modules"]},"include":["*.js"],"exclude":[]}`
	require.NoError(t, os.WriteFile(filepath.Join(folder, "tsconfig.json"), []byte(project), 0o600))
	assert.Contains(t, tsc(t, folder), "startSoterAuthentification")
}
