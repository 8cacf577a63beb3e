package main

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

// A client names the current token as stale_token, again and again, and forces between.
// One new token comes of it, as of force_refresh alone; and a token that WeChat does
// refuse is replaced at once, for verify.
func TestClaimingClientLeavesTheRemedy(t *testing.T) {
	for mode, path := range endpointOf {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := newPairWith(t, sandbox.Options{}, map[string]string{"ACCESS_TOKEN_MODE": mode})
			require.Zero(t, verifyAll(t, 1, p.verify))
			seen := map[string]bool{}
			post := func(member string, value any) {
				_, said := hosted.Post(t, p.base+tokenPath, hosted.JSON(t, map[string]any{
					"grant_type": "client_credential", "appid": sandbox.DefaultAppID, "secret": clientSecret, member: value}), nil)
				assert.Contains(t, said, `"access_token"`)
				seen[said[:strings.Index(said, `,"expires_in"`)]] = true
			}
			for range 6 {
				post("stale_token", hosted.StableToken(t, p.base, sandbox.DefaultAppID, clientSecret))
				post("force_refresh", true)
			}
			assert.LessOrEqual(t, len(seen), 2, "the first one and another: %v", slices.Collect(maps.Keys(seen)))
			if mode == "classic" {
				assert.LessOrEqual(t, p.wechat.Requests(path), 2)
			}
			before := p.wechat.Requests(path)
			p.wechat.RotateTokens()
			assert.Zero(t, verifyAll(t, 20, p.verify))
			assert.Equal(t, 1, p.wechat.Requests(path)-before)
		})
	}
}

// Strangers present junk to a verify function of 100 apps while WeChat is sick: it is
// asked for no more than two tokens in a minute.
func TestJunkTokensOfManyAppsWhileWeChatIsSick(t *testing.T) {
	var apps []sandbox.Credentials
	var document []string
	for i := range 100 {
		app := sandbox.Credentials{AppID: fmt.Sprintf("wx%016x", i+1), AppSecret: fmt.Sprintf("the-AppSecret-of-the-app-%06d", i)}
		apps = append(apps, app)
		document = append(document, fmt.Sprintf(`%q:{"secret":%q}`, app.AppID, app.AppSecret))
	}
	for _, kind := range []sandbox.FaultKind{sandbox.FaultErrCode, sandbox.FaultReset, sandbox.FaultStatus} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := hosted.NewSandbox(t, sandbox.Options{Apps: apps})
			file := filepath.Join(t.TempDir(), "apps.json") // SCF takes 4 KB of variables
			require.NoError(t, os.WriteFile(file, []byte(`{"apps":{`+strings.Join(document, ",")+`}}`), 0o600))
			verify := hosted.SCF(t, "verify", map[string]string{
				"WECHAT_APPS_FILE": file, "WECHAT_API_BASE": s.URL,
			}, 10*time.Second, new(hosted.Log))
			mux := http.NewServeMux()
			mux.Handle("/", hosted.URL(verify))
			base := serve(t, mux)
			fault := sandbox.Fault{Path: tokenPath, Kind: kind}
			if kind == sandbox.FaultErrCode {
				fault.ErrCode = -1
			}
			require.NoError(t, s.Inject(fault))
			began := time.Now()
			for i := range need.OrLong(300, 3000) {
				_, said := hosted.Post(t, fmt.Sprintf("%s%s?access_token=junk%d", base, verifyPath, i), []byte(`{}`), nil)
				require.NotContains(t, said, `"errcode":0`)
			}
			assert.LessOrEqual(t, s.Requests(tokenPath), 2*(1+int(time.Since(began)/time.Minute)))
			assert.Positive(t, s.Requests(tokenPath), "the twin")
		})
	}
}
