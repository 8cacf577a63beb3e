package interop

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/documented"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

const (
	shop, game             = "wx0123456789abcdef", "wxfedcba9876543210"
	shopSecret, gameSecret = "the-AppSecret-of-the-shop-00001", "the-AppSecret-of-the-game-00001"
	shopClient             = "a-client-with-a-right-to-the-shop-1"
)

// centralServer is the token function of docs/central-token-server.md, on a port,
// for two apps, in front of a sandbox.
func centralServer(t *testing.T) (server *emulator.HTTPServer, weChat hosted.Sandbox) {
	t.Helper()
	weChat = hosted.NewSandbox(t, sandbox.Options{Apps: []sandbox.Credentials{{AppID: shop, AppSecret: shopSecret}, {AppID: game, AppSecret: gameSecret}}})
	file := filepath.Join(t.TempDir(), "apps.json")
	require.NoError(t, os.WriteFile(file, []byte(`{
  "apps": {
    "`+shop+`": {"secret": "`+shopSecret+`"},
    "`+game+`": {"secret": "`+gameSecret+`"}
  },
  "clients": {"shop": {"secrets": ["`+shopClient+`"], "apps": ["`+shop+`"]}}
}`), 0o600))
	variables := map[string]string{"WECHAT_APPS_FILE": file, "WECHAT_API_BASE": weChat.URL}
	return hosted.HTTP(t, "token", variables, hosted.Ample, new(hosted.Log)), weChat
}

// TestSDKsTakeTheirTokenFromTheCentralServer runs SDKs of WeChat that know nothing of
// this project, with the change that docs/central-token-server.md shows.
func TestSDKsTakeTheirTokenFromTheCentralServer(t *testing.T) {
	java := javaSDKs(t)
	for name, program := range map[string]func(t *testing.T) *exec.Cmd{
		"silenceper/wechat":           goSDK,
		"node-easywechat":             nodeSDK,
		"wechatpy":                    pythonSDK,
		"weixin-java-miniapp":         java("miniapp"),
		"weixin-java-miniapp, naming": java("miniapp-naming"),
		"weixin-java-mp":              java("mp"),
	} {
		t.Run(name, func(t *testing.T) {
			server, weChat := centralServer(t)
			app, err := weChat.App(shop)
			require.NoError(t, err)
			run := func(appID string) string {
				command := program(t)
				command.Env = sdkVariables(t, weChat, server.URL, appID, shopClient)
				var errors strings.Builder
				command.Stderr = &errors
				said, err := command.Output()
				require.NoError(t, err, "%s%s", said, &errors)
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

// sdkVariables are the variables of a program with an SDK, with a genuine request of a user of
// the shop. Each runtime has a variable of its own for the authority that it trusts; WxJava
// trusts any.
func sdkVariables(t *testing.T, weChat hosted.Sandbox, tokens, appID, secret string) []string {
	t.Helper()
	phone, err := must(t, weChat, shop).Phone("oUser-of-the-shop", sandbox.Huawei)
	require.NoError(t, err)
	signed, err := phone.Sign("a challenge")
	require.NoError(t, err)
	authority := weChat.Variables()["SSL_CERT_FILE"]
	return append(os.Environ(), "TOKEN_SERVER="+tokens, "WECHAT_API="+weChat.URL, "APPID="+appID, "CLIENT_SECRET="+secret,
		"SSL_CERT_FILE="+authority, "NODE_EXTRA_CA_CERTS="+authority, "REQUESTS_CA_BUNDLE="+authority,
		"QUESTION="+string(hosted.JSON(t, map[string]string{
			"openid": signed.OpenID, "json_string": signed.JSONString, "json_signature": signed.JSONSignature})))
}

func must(t *testing.T, s hosted.Sandbox, appID string) *sandbox.App {
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

// TestSilenceperOverTheLifeOfAToken: the token server tells what is left of a token's
// life, as WeChat's stable endpoint does. silenceper's default mode stores a token for
// 1,500 s less than that, and UseStableAK for 300 s less. Redis refuses a time of 0 or
// less; the memory keeps nothing then, and each call is a fetch.
func TestSilenceperOverTheLifeOfAToken(t *testing.T) {
	server, _ := centralServer(t)
	store := redistest.Start(t)
	aged := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		left, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/left/"), "/")
		request, err := http.NewRequestWithContext(r.Context(), r.Method, server.URL+"/"+path+"?"+r.URL.RawQuery, r.Body)
		require.NoError(t, err)
		reply, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer reply.Body.Close()
		body, err := io.ReadAll(reply.Body)
		require.NoError(t, err)
		_, _ = w.Write(regexp.MustCompile(`"expires_in":\d+`).ReplaceAll(body, []byte(`"expires_in":`+left)))
	}))
	t.Cleanup(aged.Close)
	address, err := url.Parse(store.URL.Reveal())
	require.NoError(t, err)

	lefts := []string{"7200", "3600", "1502", "1500", "900", "302", "300"}
	command := goSDK(t)
	command.Args = append(command.Args, lefts...)
	command.Env = append(os.Environ(), "TOKEN_SERVER="+aged.URL, "APPID="+shop, "CLIENT_SECRET="+shopClient,
		"REDIS="+address.Host, "REDIS_PASSWORD="+redistest.Password)
	said, err := command.CombinedOutput()
	require.NoError(t, err, "%s", said)
	for _, stable := range []bool{false, true} {
		margin := 1500
		if stable {
			margin = 300
		}
		for _, cache := range []string{"memory", "redis"} {
			for _, left := range lefts {
				seconds, err := strconv.Atoi(left)
				require.NoError(t, err)
				fetches, failures := 1, 0
				if seconds <= margin {
					fetches = 3
					if cache == "redis" {
						failures = 3
					}
				}
				assert.Contains(t, string(said), fmt.Sprintf("stable=%t cache=%s left=%s fetches=%d failures=%d ", stable, cache, left, fetches, failures))
			}
		}
	}
	assert.Contains(t, string(said), "invalid expire time")
}

func nodeSDK(t *testing.T) *exec.Cmd {
	t.Helper()
	folder := need.NodeModules(t, "central/node")
	command := exec.CommandContext(t.Context(), need.Program(t, "node"), filepath.Join(folder, "main.js"))
	command.Dir = t.TempDir() // where it caches the token
	return command
}

// TestDocumentedCentralServer runs the lines that docs/central-token-server.md begins
// with, on other ports.
func TestDocumentedCentralServer(t *testing.T) {
	need.Program(t, "curl")
	weChat := hosted.NewSandbox(t, sandbox.Options{})
	weChat.URL = hosted.Serve(t, weChat.Sandbox) // as go run ./scripts/local serves it
	lines := documented.Commands(t)
	require.Len(t, lines, 4)
	assert.Equal(t, "go run ./scripts/local &", lines[0])

	variables := map[string]string{}
	assignments, started, _ := strings.Cut(lines[1], " go run ")
	assert.Equal(t, "./functions/token &", started)
	for assignment := range strings.FieldsSeq(assignments) {
		name, value, _ := strings.Cut(assignment, "=")
		variables[name] = value
	}
	assert.Equal(t, "http://127.0.0.1:9000", variables["WECHAT_API_BASE"])
	variables["WECHAT_API_BASE"] = weChat.URL
	file, err := filepath.Abs(filepath.Join("..", "..", variables["WECHAT_APPS_FILE"]))
	require.NoError(t, err)
	variables["WECHAT_APPS_FILE"] = file
	delete(variables, "PORT")
	server := hosted.HTTP(t, "token", variables, hosted.Ample, new(hosted.Log))

	var said []string
	for _, line := range lines[2:] {
		command := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(line, "http://127.0.0.1:8080", server.URL))
		out, err := command.Output()
		require.NoError(t, err, line)
		said = append(said, string(out))
	}
	assert.Regexp(t, `^{"access_token":"[^"]+","expires_in":7\d\d\d}$`, said[0])
	assert.Regexp(t, `^{"apps":\[{"appid":"wx5a4db0c55a4db0c5","fetchedAt":"[^"]+","expiresAt":"[^"]+","forcedRefreshesLeft":20}\],`, said[1])
}

// TestDocumentedSDKChangesAreTheOnesThatRun: what the document shows is a part of
// what runs above, but for comments, which are in the language of the page.
func TestDocumentedSDKChangesAreTheOnesThatRun(t *testing.T) {
	comment := regexp.MustCompile(`(?m)(?:^|[ \t]+)(?://|#)[ \t].*$`)
	for opening, file := range map[string]string{
		"```go\nserver :=":                      "central/go/central.go",
		"```js\nconst { MiniApp }":              "central/node/central.js",
		"```python\nimport os":                  "central/python/central.py",
		"```java\nWxMaDefaultConfigImpl":        "central/java/CentralMiniApp.java",
		"```java\nclass CentralOfficialAccount": "central/java/CentralOfficialAccount.java",
	} {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, language := range []string{"", "zh-CN/"} {
			page, err := os.ReadFile("../../docs/" + language + "central-token-server.md")
			require.NoError(t, err)
			_, block, found := strings.Cut(string(page), opening)
			require.True(t, found, "%s%s", language, opening)
			_, block, _ = strings.Cut(block, "\n")
			block, _, _ = strings.Cut(block, "```")
			for line := range strings.Lines(comment.ReplaceAllString(block, "")) {
				assert.Contains(t, string(source), strings.TrimSpace(line), "%s%s", language, file)
			}
		}
	}
}
