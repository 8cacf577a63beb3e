package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/need"
)

const mirrored = "git.example.com/team/mirrored"

// copyOfRepository returns a repository with the files of this one.
func copyOfRepository(t *testing.T) string {
	t.Helper()
	files, err := tracked("../..")
	require.NoError(t, err)
	dir := t.TempDir()
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join("../..", file))
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(file)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), text, 0o600))
	}
	run(t, dir, "git", "init", "-q")
	return dir
}

func run(t *testing.T, dir string, command ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), command[0], command[1:]...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s: %s", strings.Join(command, " "), out)
	return string(out)
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	}))
	return all
}

func TestRenamedModuleBuildsAndNothingElseChanges(t *testing.T) {
	need.Time(t)
	dir := copyOfRepository(t)
	before := contents(t, dir)
	changed, err := rename(dir, mirrored)
	require.NoError(t, err)
	require.Greater(t, changed, 100)
	run(t, dir, "go", "build", "-o", os.DevNull, "./functions/verify")
	assert.Equal(t, mirrored, strings.TrimSpace(run(t, dir, "go", "list", "-m")))
	// Each import leads somewhere, or list would fail.
	assert.NotContains(t, run(t, dir, "go", "list", "-deps", "-test", "./..."), "sotercall/")

	_, err = rename(dir, "sotercall")
	require.NoError(t, err)
	assert.Equal(t, before, contents(t, dir), "the way back")
}

func TestNamesThatLookAlikeStay(t *testing.T) {
	replace, err := replacer("../..", []string{"internal/x/x.go", "README.md"}, mirrored)
	require.NoError(t, err)
	for before, after := range map[string]string{
		`	"sotercall/internal/x"`:                  `	"` + mirrored + `/internal/x"`,
		`	name "sotercall"`:                        `	name "` + mirrored + `"`,
		`// [sotercall/internal/x.Y]`:              `// [` + mirrored + `/internal/x.Y]`,
		`	Name: "sotercall",`:                      `	Name: "sotercall",`,
		`secret:sotercall/WECHAT_APPSECRET`:        `secret:sotercall/WECHAT_APPSECRET`,
		`"example.com/sotercall/internal/x"`:       `"example.com/sotercall/internal/x"`,
		`"sotercall/internals"`:                    `"sotercall/internals"`,
		`key := "sotercall:token:{" + appid + "}"`: `key := "sotercall:token:{" + appid + "}"`,
	} {
		assert.Equal(t, after, replace("internal/x/x.go", before))
	}
	assert.Equal(t, "module "+mirrored+"\n", replace("go.mod", "module sotercall\n"))
	_, err = replacer("../..", nil, "no path")
	assert.ErrorContains(t, err, "no path")
}
