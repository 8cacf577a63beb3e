package interop

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
	"sotercall/internal/test/tlstest"
)

func pythonSDK(t *testing.T) *exec.Cmd {
	t.Helper()
	python := need.Python(t, "python")
	program, err := filepath.Abs("central/python/main.py")
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), python, "-B", program)
	command.Dir = t.TempDir()
	return command
}

// javaSDKs returns what runs one of WxJava's libraries. The program is compiled once. Java
// takes the authority that it trusts from a store of its own.
func javaSDKs(t *testing.T) func(library string) func(t *testing.T) *exec.Cmd {
	classes := t.TempDir()
	trusted := filepath.Join(classes, "trusted.p12")
	var compiled sync.Once
	return func(library string) func(t *testing.T) *exec.Cmd {
		return func(t *testing.T) *exec.Cmd {
			t.Helper()
			classpath := filepath.Join(need.Jars(t, "../tools/pom.xml"), "*")
			javac, java, keytool := need.Program(t, "javac"), need.Program(t, "java"), need.Program(t, "keytool")
			compiled.Do(func() {
				sources, err := filepath.Glob("central/java/*.java")
				require.NoError(t, err)
				said, err := exec.CommandContext(t.Context(), javac, append([]string{"-cp", classpath, "-d", classes}, sources...)...).CombinedOutput()
				require.NoError(t, err, "%s", said)
				command := exec.CommandContext(t.Context(), keytool, "-importcert", "-noprompt", "-alias", "test",
					"-keystore", trusted, "-storepass", "of-the-test")
				command.Stdin = bytes.NewReader(tlstest.Own().PEM)
				said, err = command.CombinedOutput()
				require.NoError(t, err, "%s", said)
			})
			return exec.CommandContext(t.Context(), java, "-Djavax.net.ssl.trustStore="+trusted, "-Djavax.net.ssl.trustStorePassword=of-the-test",
				"-XX:TieredStopAtLevel=1", "-cp", classes+string(filepath.ListSeparator)+classpath, "Main", library)
		}
	}
}

// TestSDKsInAStorm makes 20 calls at once with no token, has the token retired, because
// somebody fetched elsewhere with the AppSecret, and makes 20 calls again. The twin talks
// to WeChat itself: where the SDK fails there, it may fail here.
func TestSDKsInAStorm(t *testing.T) {
	const calls = 20
	java := javaSDKs(t)
	for _, sdk := range []struct {
		name    string
		program func(t *testing.T) *exec.Cmd
		told    bool // the token server learns of it from another client, such as functions/verify
	}{
		{"wechatpy", pythonSDK, false},
		{"weixin-java-miniapp", java("miniapp"), true},
		{"weixin-java-miniapp, naming", java("miniapp-naming"), false},
		{"weixin-java-mp", java("mp"), false},
	} {
		for _, central := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, central=%t", sdk.name, central), func(t *testing.T) {
				server, weChat := centralServer(t)
				app := must(t, weChat, shop)
				tokens, secret := weChat.URL, shopSecret
				if central {
					tokens, secret = server.URL, shopClient
				}
				command := sdk.program(t)
				command.Args = append(command.Args, fmt.Sprint(calls))
				command.Env = sdkVariables(t, weChat, tokens, shop, secret)
				var errors strings.Builder
				command.Stderr = &errors
				input, err := command.StdinPipe()
				require.NoError(t, err)
				output, err := command.StdoutPipe()
				require.NoError(t, err)
				require.NoError(t, command.Start())
				lines := bufio.NewReader(output)
				round := func() string {
					line, err := lines.ReadString('\n')
					require.NoError(t, err, &errors)
					return line
				}
				allGenuine := fmt.Sprintf("genuine=%d failed=[]\n", calls)

				assert.Equal(t, allGenuine, round(), "cold")
				if central {
					assert.Equal(t, 1, app.Requests("/cgi-bin/stable_token"), "WeChat was asked once")
				}
				before := app.Requests("/cgi-bin/stable_token")
				retired := hosted.StableToken(t, tokens, shop, secret)
				app.RotateTokens()
				if central && sdk.told {
					_, err = io.WriteString(input, "\n")
					require.NoError(t, err)
					assert.Regexp(t, `^genuine=0 failed=\[.*40001`, round(), "nobody has told the token server")
					replaceToken(t, tokens, retired)
				}
				_, err = io.WriteString(input, "\n")
				require.NoError(t, err)
				assert.Equal(t, allGenuine, round(), "after the rotation")
				if central {
					assert.Equal(t, 1, app.Requests("/cgi-bin/stable_token")-before, "of 20 refusals, one replaces the token")
				}
				require.NoError(t, input.Close())
				assert.NoError(t, command.Wait(), &errors)
			})
		}
	}
}

// replaceToken names a refused token to the server, as functions/verify does.
func replaceToken(t *testing.T, server, refused string) {
	t.Helper()
	reply, err := http.Post(server+"/cgi-bin/stable_token", "application/json", strings.NewReader(fmt.Sprintf(
		`{"grant_type":"client_credential","appid":%q,"secret":%q,"stale_token":%q}`, shop, shopClient, refused)))
	require.NoError(t, err)
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	require.NoError(t, err)
	assert.Contains(t, string(body), `"access_token"`)
	assert.NotContains(t, string(body), refused)
}
