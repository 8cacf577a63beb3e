package exampletest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tsc checks the types of a project; what it says is empty if they are right.
func tsc(t *testing.T, project string) string {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), "node", "node_modules/typescript/bin/tsc", "-p", project).CombinedOutput()
	require.Equal(t, err == nil, len(said) == 0, "%v %s", err, said)
	return string(said)
}

func TestTypesOfTheMiniProgram(t *testing.T) {
	need(t, installed())
	assert.Empty(t, tsc(t, "."))
}

// TestTypesAreChecked is the twin: a copy with one misspelt member of wx is refused.
func TestTypesAreChecked(t *testing.T) {
	need(t, installed())
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
