package deploytest

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/gobuild"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/documented"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

// deployed is what a stack's outputs lead to, on this computer: the functions on
// Lambda, and the routes to them. It returns its address.
func deployed(t *testing.T) string {
	t.Helper()
	need.Time(t)
	folder := t.TempDir()
	require.NoError(t, gobuild.Functions(t.Context(), folder, "verify", "token"))
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	start := func(name string, more map[string]string) emulator.Runtime {
		return hosted.Run(t, emulator.StartLambda, emulator.Function{
			Name: name, Binary: filepath.Join(folder, name), Env: hosted.With(wechat.Variables(), more), Timeout: time.Minute,
		})
	}
	verify := start("verify", map[string]string{"HTTP_AUTH": "platform"})
	token := start("token", map[string]string{"TOKEN_CLIENT_SECRETS": "one of TOKEN_CLIENT_SECRETS"})
	routes := http.NewServeMux()
	routes.Handle("/2015-03-31/", emulator.InvokeAPI(map[string]emulator.Runtime{"verify": verify}))
	routes.Handle("/openapi/", emulator.HTTPAPI(verify))
	routes.Handle("/cgi-bin/stable_token", emulator.HTTPAPI(token))
	return hosted.Serve(t, routes)
}

// TestFirstCall runs the commands of docs/aws.md, "The first call", as they stand, but
// for the AppID.
func TestFirstCall(t *testing.T) {
	need.Program(t, "curl")
	path := awsOnPath(t)
	base := deployed(t)
	folder := t.TempDir() // where they leave something
	here, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(here, filepath.Join(folder, "deploy")))

	commands := documented.Commands(t)
	require.Len(t, commands, 3)
	for _, line := range commands {
		line = strings.ReplaceAll(line, "wx…", sandbox.DefaultAppID)
		said := output(t.Context(), t, folder, []string{
			path, "AWS_ENDPOINT_URL=" + base, "AWS_REGION=eu-central-1", "AWS_DEFAULT_REGION=eu-central-1",
			"AWS_ACCESS_KEY_ID=AKIDOFATEST", "AWS_SECRET_ACCESS_KEY=opens-nothing", "AWS_SESSION_TOKEN=opens-nothing-either",
			"VerifyFunctionName=verify", "VerifySignatureUrl=" + base + "/openapi/soter/verifySignature", "WeChatBaseUrl=" + base,
		}, "sh", "-c", line)
		const verified = `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`
		switch {
		case strings.HasPrefix(line, "aws "):
			answer, err := os.ReadFile(filepath.Join(folder, "answer.json"))
			require.NoError(t, err, said)
			assert.Equal(t, verified, string(answer), line)
		case strings.Contains(line, "--aws-sigv4"):
			assert.Equal(t, verified, said, line)
		default:
			assert.Contains(t, said, `"access_token":"`, line)
		}
	}
}
