package exampletest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/documented"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

// TestOnALaptop is docs/walkthrough.md, "On your computer": the two commands, and the
// developer tools.
func TestOnALaptop(t *testing.T) {
	need.Program(t, "node")
	commands := documented.Commands(t)
	require.Len(t, commands, 2)
	local, _ := strings.CutSuffix(strings.TrimPrefix(commands[0], "go run ./scripts/local "), " &")
	assignments, started, _ := strings.Cut(commands[1], " node ")
	require.Equal(t, backendScript, started)

	base := startLocal(t, strings.Fields(local)...)
	w := &world{urls: urls{AppID: sandbox.DefaultAppID, Sandbox: base}, log: &hosted.Log{}}
	variables := map[string]string{"SOTER_BEARER_TOKEN": "", "WECHAT_APPID": "", "WECHAT_APPSECRET": ""}
	for assignment := range strings.FieldsSeq(assignments) {
		name, value, _ := strings.Cut(assignment, "=")
		variables[name] = strings.Replace(value, "http://127.0.0.1:9000", base, 1)
	}
	holder := variables["SANDBOX_OPENID"]
	w.Backend = w.startBackend(t, variables)
	for _, r := range []run{
		{name: "genuine", phone: inTools, options: object{"sandbox": object{"url": base, "openid": holder}}, result: "passed", verifyAsked: true},
		{name: "another user's phone", phone: inTools, options: object{"sandbox": object{"url": base, "openid": stranger}}, result: "refused", verifyAsked: true},
	} {
		r.judge(t, "request", w.ask(t, "request", []run{r})[0])
	}

	// config.js leads to these two commands.
	config, err := os.ReadFile("../../examples/miniprogram/config.js")
	require.NoError(t, err)
	assert.Contains(t, string(config), "sandbox: { url: 'http://127.0.0.1:9000', openid: '"+holder+"' }")
	assert.Contains(t, string(config), "'http://127.0.0.1:3000'")
}

// startLocal runs scripts/local with arguments, at another port than its usual one, until
// the test ends.
func startLocal(t *testing.T, arguments ...string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "local")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "sotercall/scripts/local/command").CombinedOutput()
	require.NoError(t, err, "%s", out)
	address := fmt.Sprintf("127.0.0.1:%d", need.Port(t))
	command := exec.Command(binary, append(arguments, "-addr", address, "-phones", t.TempDir())...)
	command.Dir = "../.."
	log := &hosted.Log{}
	command.Stderr = log
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt) // so that it ends its functions
		_ = command.Wait()
	})
	lines := bufio.NewReader(stdout)
	for line := ""; !strings.Contains(line, "http://"+address); {
		line, err = lines.ReadString('\n')
		require.NoError(t, err, log.String())
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }() // until the process ends
	// The address may be there before the functions are.
	require.Eventually(t, func() bool {
		_, answer := hosted.Post(t, "http://"+address+"/functions/openapi/soter/verifySignature", []byte("{}"), nil)
		return strings.Contains(answer, "errCode")
	}, time.Minute, 50*time.Millisecond, log.String())
	return "http://" + address
}
