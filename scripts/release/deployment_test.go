package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// document parses YAML; comments are left out.
func document(t *testing.T, text string) *yaml.Node {
	t.Helper()
	var parsed yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(text), &parsed))
	withoutComments(&parsed)
	return parsed.Content[0]
}

func withoutComments(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	for _, inner := range n.Content {
		withoutComments(inner)
	}
}

// member returns a member of a mapping; a test without it fails.
func member(t *testing.T, n *yaml.Node, name string) *yaml.Node {
	t.Helper()
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	require.Fail(t, "no member", name)
	return nil
}

func remove(n *yaml.Node, name string) {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			n.Content = append(n.Content[:i:i], n.Content[i+2:]...)
			return
		}
	}
}

func text(t *testing.T, n *yaml.Node) string {
	t.Helper()
	written, err := yaml.Marshal(n)
	require.NoError(t, err)
	return string(written)
}

// TestTemplatesDifferInTheCodeOnly: whatever else the template of the source says, those of
// a release say too.
func TestTemplatesDifferInTheCodeOnly(t *testing.T) {
	source, err := os.ReadFile("../../deploy/template.yaml")
	require.NoError(t, err)
	for _, processor := range []string{"arm64", "x86_64"} {
		made, err := prebuilt(string(source), processor)
		require.NoError(t, err)
		assert.Contains(t, made, "sam deploy -t template-"+processor+".yaml")
		assert.NotContains(t, made, "deploy/template.yaml")

		want, got := document(t, string(source)), document(t, made)
		functions := 0
		resources := member(t, want, "Resources")
		for i := 0; i < len(resources.Content); i += 2 {
			id, resource := resources.Content[i].Value, resources.Content[i+1]
			if member(t, resource, "Type").Value != "AWS::Serverless::Function" {
				continue
			}
			functions++
			code := member(t, member(t, resource, "Properties"), "CodeUri")
			function := strings.ToLower(strings.TrimSuffix(id, "Function"))
			require.Equal(t, "../functions/"+function, code.Value)
			code.Value = "lambda-" + processor + "-" + function + ".zip"
			require.Equal(t, "makefile", member(t, member(t, resource, "Metadata"), "BuildMethod").Value)
			remove(resource, "Metadata")
		}
		require.Equal(t, 3, functions)
		architecture := member(t, member(t, got, "Parameters"), "Architecture")
		assert.Equal(t, processor, member(t, architecture, "Default").Value)
		require.Len(t, member(t, architecture, "AllowedValues").Content, 1)
		assert.Equal(t, processor, member(t, architecture, "AllowedValues").Content[0].Value)
		for _, template := range []*yaml.Node{want, got} {
			remove(member(t, template, "Parameters"), "Architecture")
		}
		assert.Equal(t, text(t, want), text(t, got))
	}
}

func TestTemplateThatHasChangedIsRefused(t *testing.T) {
	source, err := os.ReadFile("../../deploy/template.yaml")
	require.NoError(t, err)
	for _, part := range []string{"# sam build -t deploy/template.yaml", "CodeUri: ../functions/", "AllowedValues: [arm64, x86_64]"} {
		require.Contains(t, string(source), part)
		_, err := prebuilt(strings.ReplaceAll(string(source), part, "else"), "arm64")
		assert.Error(t, err, part)
	}
}

func TestComposeFileTakesTheLoadedImage(t *testing.T) {
	source, err := os.ReadFile("../../deploy/container/compose.service.yaml")
	require.NoError(t, err)
	made, err := loaded(string(source), "0.3.0")
	require.NoError(t, err)
	assert.NotContains(t, made, "deploy/")
	want, got := document(t, string(source)), document(t, made)
	service := member(t, member(t, want, "services"), "service")
	member(t, service, "build")
	remove(service, "build")
	member(t, service, "image").Value = "sotercall:0.3.0"
	assert.Equal(t, text(t, want), text(t, got))

	_, err = loaded(strings.Replace(string(source), "image: sotercall\n", "image: other\n", 1), "0.3.0")
	assert.ErrorContains(t, err, "image: sotercall")
}

func TestBlocksAreCut(t *testing.T) {
	const source = "a:\n  cut:\n    b: 1\n\n    c: 2\n  d: 3\n  cut:\n    e: 4\nf: 5\n"
	assert.Equal(t, "a:\n  d: 3\nf: 5\n", cutBlocks(source, "  cut:\n"))
	assert.Equal(t, source, cutBlocks(source, "  other:\n"))
}
