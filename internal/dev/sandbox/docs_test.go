package sandbox

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"sotercall/internal/test/documented"
	"sotercall/internal/test/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func readDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/sandbox.md")
	require.NoError(t, err)
	return string(text)
}

// TestDocsListTheDevices: each row is made of the table of devices.
func TestDocsListTheDevices(t *testing.T) {
	var want strings.Builder
	want.WriteString("| device | what it signs | source |\n|---|---|---|\n")
	for _, info := range Devices() {
		name := "`" + string(info.Device) + "`"
		if info.Invented {
			name += " (invented)"
		}
		want.WriteString("| " + name + " | " + info.Signs + " | " + info.Source + " |\n")
	}
	assert.Contains(t, readDocs(t), "\n"+want.String()+"\n")
}

func TestDocsListTheFaults(t *testing.T) {
	docs := readDocs(t)
	for _, kind := range faultKinds {
		assert.Regexp(t, "(?m)^\\| .*`"+string(kind)+"`.* \\|", docs)
	}
}

func TestDocsNameTheCredentials(t *testing.T) {
	assert.Contains(t, readDocs(t), "The AppID is `"+DefaultAppID+"` and the AppSecret `"+DefaultAppSecret+"`.")
}

// TestDocumentedCommandsRun runs every curl of the page.
func TestDocumentedCommandsRun(t *testing.T) {
	need.Program(t, "curl")
	c := newClient(t, Options{})
	var answers []string
	for _, line := range documented.Commands(t) {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(line, "http://127.0.0.1:9000", c.url)).Output()
		require.NoError(t, err, line)
		answers = append(answers, string(out))
	}
	require.Len(t, answers, 5)
	assert.Contains(t, answers[0], `{"openid":"oUser","jsonString":"{\"raw\":\"hello\",\"fid\":\"`)
	assert.Contains(t, answers[1], `"errcode":45009`)
	assert.Contains(t, answers[2], `"kind":"reset"`)
	assert.Equal(t, answers[2], answers[3])
	assert.Equal(t, "[]", answers[4])
}
