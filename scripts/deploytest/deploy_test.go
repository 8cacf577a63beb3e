package deploytest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestMain moves to the folder deploy, where the platforms' own tools run: a path
// in a test is the one that a template or a command in docs/ has.
func TestMain(m *testing.M) {
	err := os.Chdir("../../deploy")
	if err == nil {
		folder, err = os.Getwd()
	}
	if err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// folder is deploy, absolute. The go command, which does not notice where TestMain has
// moved, learns by it which files the tests read, and runs them again when one changes.
var folder string

// object is a YAML mapping; of CloudFormation's short forms, !Ref X reads as
// {"Ref": X} and every other !Name as {"Fn::Name": ...}.
type object = map[string]any

// load reads a YAML file.
func load(t *testing.T, file string) object {
	t.Helper()
	if !filepath.IsAbs(file) {
		file = filepath.Join(folder, file)
	}
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	var document yaml.Node
	require.NoError(t, yaml.Unmarshal(content, &document), file)
	root, ok := plain(t, document.Content[0]).(object)
	require.True(t, ok, file)
	return root
}

func plain(t *testing.T, node *yaml.Node) any {
	t.Helper()
	var value any
	switch node.Kind {
	case yaml.MappingNode:
		members := object{}
		for i := 0; i < len(node.Content); i += 2 {
			require.NotContains(t, members, node.Content[i].Value, "line %d", node.Content[i].Line)
			members[node.Content[i].Value] = plain(t, node.Content[i+1])
		}
		value = members
	case yaml.SequenceNode:
		items := make([]any, len(node.Content))
		for i, item := range node.Content {
			items[i] = plain(t, item)
		}
		value = items
	default:
		if len(node.Tag) > 1 && node.Tag[1] != '!' { // a short form is no type of YAML's
			value = node.Value
			break
		}
		require.NoError(t, node.Decode(&value), "line %d", node.Line)
	}
	if len(node.Tag) < 2 || node.Tag[1] == '!' {
		return value
	}
	if name := node.Tag[1:]; name == "Ref" || name == "Condition" {
		return object{name: value}
	}
	return object{"Fn::" + node.Tag[1:]: value}
}

// at walks down a path of names.
func at(t *testing.T, from any, path ...string) any {
	t.Helper()
	for _, name := range path {
		members, ok := from.(object)
		require.True(t, ok, "%v: no object at %q", path, name)
		require.Contains(t, members, name, "%v", path)
		from = members[name]
	}
	return from
}

// output runs a command in a folder and returns its stdout; stderr is part of
// the failure.
func output(ctx context.Context, t *testing.T, folder string, env []string, name string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = folder
	command.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	require.NoError(t, command.Run(), "%s %v\n%s%s", name, args, &stdout, &stderr)
	return stdout.String()
}
