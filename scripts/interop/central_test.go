package interop

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/emulator"
	"sotercall/internal/hostedtest"
	"sotercall/internal/need"
	"sotercall/internal/sandbox"
)

const (
	shop, game             = "wx0123456789abcdef", "wxfedcba9876543210"
	shopSecret, gameSecret = "the-AppSecret-of-the-shop-00001", "the-AppSecret-of-the-game-00001"
	shopClient             = "a-client-with-a-right-to-the-shop-1"
)

// centralServer is the token function of docs/central-token-server.md, on a port,
// for two apps, in front of a sandbox.
func centralServer(t *testing.T) (server *emulator.HTTPServer, weChat hostedtest.Sandbox) {
	t.Helper()
	weChat = hostedtest.NewSandbox(t, sandbox.Options{Apps: []sandbox.Credentials{{AppID: shop, AppSecret: shopSecret}, {AppID: game, AppSecret: gameSecret}}})
	file := filepath.Join(t.TempDir(), "apps.json")
	require.NoError(t, os.WriteFile(file, []byte(`{
  "apps": {
    "`+shop+`": {"secret": "`+shopSecret+`"},
    "`+game+`": {"secret": "`+gameSecret+`"}
  },
  "clients": {"shop": {"secrets": ["`+shopClient+`"], "apps": ["`+shop+`"]}}
}`), 0o600))
	server, err := emulator.StartHTTP(t.Context(), emulator.Function{
		Name: "token", Binary: hostedtest.Binary("token"), Timeout: 10 * time.Second, Log: new(hostedtest.Log),
		Env: map[string]string{"WECHAT_APPS_FILE": file, "WECHAT_API_BASE": weChat.URL},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	return server, weChat
}

// TestSDKsTakeTheirTokenFromTheCentralServer runs SDKs of WeChat that know nothing of
// this project, with the change that docs/central-token-server.md shows.
func TestSDKsTakeTheirTokenFromTheCentralServer(t *testing.T) {
	for name, program := range map[string]func(t *testing.T) *exec.Cmd{
		"silenceper/wechat": goSDK,
		"node-easywechat":   nodeSDK,
	} {
		t.Run(name, func(t *testing.T) {
			server, weChat := centralServer(t)
			app, err := weChat.App(shop)
			require.NoError(t, err)
			phone, err := app.Phone("oUser-of-the-shop", sandbox.Huawei)
			require.NoError(t, err)
			signed, err := phone.Sign("a challenge")
			require.NoError(t, err)
			question := string(hostedtest.JSON(t, map[string]string{
				"openid": signed.OpenID, "json_string": signed.JSONString, "json_signature": signed.JSONSignature}))

			run := func(appID string) string {
				command := program(t)
				command.Env = append(os.Environ(), "TOKEN_SERVER="+server.URL, "WECHAT_API="+weChat.URL, "APPID="+appID,
					"CLIENT_SECRET="+shopClient, "QUESTION="+question)
				said, err := command.CombinedOutput()
				require.NoError(t, err, "%s", said)
				return string(said)
			}
			const genuine = `{"errcode":0,"errmsg":"ok","is_ok":true}` + "\n"
			for range 2 { // two processes
				assert.Equal(t, genuine+genuine, run(shop))
			}
			assert.Equal(t, 1, app.Requests("/cgi-bin/stable_token"), "WeChat was asked once, by the central server")
			refused := run(game)
			assert.Contains(t, refused, "40125", "no right to the other app")
			assert.NotContains(t, refused, "is_ok")
			assert.Zero(t, must(t, weChat, game).Requests(""))
		})
	}
}

func must(t *testing.T, s hostedtest.Sandbox, appID string) *sandbox.App {
	t.Helper()
	app, err := s.App(appID)
	require.NoError(t, err)
	return app
}

func goSDK(t *testing.T) *exec.Cmd {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "central")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for _, arguments := range [][]string{{"mod", "download"}, {"build", "-o", binary, "."}} {
		command := exec.CommandContext(ctx, "go", arguments...)
		command.Dir = "central/go"
		said, err := command.CombinedOutput()
		if arguments[0] == "mod" { // the network is missing
			need.Met(t, err)
		}
		require.NoError(t, err, "%s", said)
	}
	return exec.CommandContext(t.Context(), binary)
}

func nodeSDK(t *testing.T) *exec.Cmd {
	t.Helper()
	folder := need.NodeModules(t, "central/node")
	command := exec.CommandContext(t.Context(), need.Program(t, "node"), filepath.Join(folder, "main.js"))
	command.Dir = t.TempDir() // where it caches the token
	return command
}

// TestDocumentedSDKChangesAreTheOnesThatRun: what the documents show is a part of
// what runs above.
func TestDocumentedSDKChangesAreTheOnesThatRun(t *testing.T) {
	text, err := os.ReadFile("../../docs/central-token-server.md")
	require.NoError(t, err)
	for language, file := range map[string]string{"go": "central/go/central.go", "js": "central/node/central.js"} {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		_, block, found := strings.Cut(string(text), "```"+language+" silenceper")
		if language == "js" {
			_, block, found = strings.Cut(string(text), "```"+language)
		}
		require.True(t, found, language)
		block, _, _ = strings.Cut(block, "```")
		for line := range strings.Lines(block) {
			assert.Contains(t, string(source), strings.TrimSpace(line), file)
		}
	}
}
