package docs_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/documented"
	"sotercall/internal/test/need"
)

// TestDocumentedGoModule runs the commands of docs/go.md as they stand, beside a copy of the
// project: a program in a module of its own, by replace, and then from a vendored copy when
// the project is gone. Modules come from the cache, where "go mod tidy" of this project, a
// step of scripts/test, has put what "go mod tidy" of another needs.
func TestDocumentedGoModule(t *testing.T) {
	need.Time(t)
	offline := append(os.Environ(), "GOPROXY=off", "GOSUMDB=off", "GOWORK=off")
	tidy := exec.CommandContext(t.Context(), "go", "mod", "tidy", "-diff")
	tidy.Dir, tidy.Env = root, offline
	if said, err := tidy.CombinedOutput(); err != nil && strings.Contains(string(said), "GOPROXY=off") {
		need.Met(t, errors.New("modules are missing: go mod tidy downloads them"))
	}
	project := copyOfTree(t)
	folder := t.TempDir()
	require.NoError(t, os.Rename(project, filepath.Join(folder, "sotercall")))
	shop := filepath.Join(folder, "shop")
	run := func(in, command string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), "sh", "-c", command)
		c.Dir = in
		c.Env = offline
		printed, err := c.CombinedOutput()
		require.NoError(t, err, "%s\n%s", command, printed)
		return string(printed)
	}
	all := documented.Commands(t)
	require.Equal(t, "mkdir shop && cd shop", all[0])
	run(folder, all[0])
	for _, command := range all[1:] {
		if command == "go build ./..." {
			require.NoError(t, os.RemoveAll(filepath.Join(folder, "sotercall")), "it is vendored")
		}
		run(shop, command)
	}
	linked := run(shop, "go list -deps .")
	assert.Contains(t, linked, "sotercall/redisstore")
	assert.Contains(t, linked, "go-redis")
	assert.NotContains(t, linked, "aws", "the store that it does not import")
	assert.NoDirExists(t, filepath.Join(shop, "vendor", "github.com", "aws"))
	run(shop, "go test ./...") // from the copy
}

// TestGoCodeOfTheDocumentRuns: each piece of Go is a part of a file that is compiled and
// tested.
func TestGoCodeOfTheDocumentRuns(t *testing.T) {
	var source strings.Builder
	for _, pattern := range []string{"example_test.go", "examples/goservice/*.go"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, names)
		for _, name := range names {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			source.Write(text)
		}
	}
	plain := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	code := plain(source.String())
	text, err := os.ReadFile("go.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	assert.GreaterOrEqual(t, len(blocks), 8, "code is found")
	for _, block := range blocks {
		assert.Contains(t, code, plain(block[1]))
	}
}
