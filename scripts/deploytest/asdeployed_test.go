package deploytest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/gobuild"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secrets/secretsmanagertest"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

// cloud is what a stack of the template finds around it, on this computer.
type cloud struct {
	t       *testing.T
	stack   object
	wechat  *sandbox.Sandbox
	secrets *secretsmanagertest.Server
	table   *dynalite.Table
	guarded *guardedTable
	own     map[string]string // variables that lead to all of them
	folder  string            // of the binaries
}

// guardedTable is the table behind what a function's role allows. It is IAM's part:
// AWS's own is not to be had here.
type guardedTable struct {
	http.Handler
	t *testing.T

	mu      sync.Mutex
	allowed map[string][]any // guarded by mu; actions by pattern of keys
	used    map[string]bool  // guarded by mu; action and pattern
}

func (g *guardedTable) allow(allowed map[string][]any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.allowed, g.used = allowed, map[string]bool{}
}

// unused are the rights of which no use was made.
func (g *guardedTable) unused() (rights []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for pattern, actions := range g.allowed {
		for _, action := range actions {
			if right := fmt.Sprint(action, " on ", pattern); !g.used[right] {
				rights = append(rights, right)
			}
		}
	}
	return rights
}

func (g *guardedTable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	require.NoError(g.t, err)
	r.Body = io.NopCloser(bytes.NewReader(body))
	type key struct {
		PK struct{ S string } `json:"pk"`
	}
	var question struct{ Key, Item key }
	require.NoError(g.t, json.Unmarshal(body, &question))
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	pk := question.Key.PK.S + question.Item.PK.S
	g.mu.Lock()
	defer g.mu.Unlock()
	for pattern, actions := range g.allowed {
		if matched, _ := path.Match(pattern, pk); matched && slices.Contains(actions, any("dynamodb:"+action)) {
			g.used["dynamodb:"+action+" on "+pattern] = true
			g.Handler.ServeHTTP(w, r)
			return
		}
	}
	g.t.Errorf("the role does not allow %s of %s", action, pk)
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, `{"__type":"AccessDeniedException"}`)
}

// newCloud deploys the template, with parameters.
func newCloud(t *testing.T, set object) *cloud {
	t.Helper()
	need.Time(t)
	c := &cloud{
		t: t, stack: evaluate(t, load(t, "template.yaml"), set).stack(),
		secrets: secretsmanagertest.Start(t), table: dynalite.Start(t), folder: t.TempDir(),
	}
	require.NoError(t, gobuild.Functions(t.Context(), c.folder, slices.Collect(maps.Values(functionsOf))...))
	var err error
	c.wechat, err = sandbox.New(sandbox.Options{AppID: "wx0123456789abcdef"})
	require.NoError(t, err)
	backend, err := url.Parse(c.table.URL)
	require.NoError(t, err)
	c.guarded = &guardedTable{Handler: httputil.NewSingleHostReverseProxy(backend), t: t}
	c.own = c.secrets.Variables()
	c.own["WECHAT_API_BASE"], c.own["AWS_ENDPOINT_URL_DYNAMODB"] = hosted.Serve(t, c.wechat), hosted.Serve(t, c.guarded)
	return c
}

// start runs a function with the variables that the stack gives it.
func (c *cloud) start(id string) emulator.Runtime {
	c.t.Helper()
	variables := map[string]string{}
	for name, value := range at(c.t, c.stack, id, "Properties", "Environment", "Variables").(object) {
		text, isText := value.(string)
		if reference, ok := value.(object); ok {
			require.Equal(c.t, object{"Ref": "StoreTable"}, reference)
			text, isText = c.table.Name, true
		}
		require.True(c.t, isText, "%s: %v", name, value)
		if _, secret, found := strings.Cut(text, ":secret:"); found {
			text = secretsmanagertest.ARN(secret)
		}
		variables[name] = text
	}
	maps.Copy(variables, c.own)
	return hosted.Run(c.t, emulator.StartLambda, emulator.Function{
		Name: id, Binary: filepath.Join(c.folder, functionsOf[id]), Env: variables, Timeout: time.Minute,
	})
}

func (c *cloud) ask(runtime emulator.Runtime, question any) string {
	c.t.Helper()
	return hosted.Invoke(c.t, runtime, hosted.JSON(c.t, question), nil)
}

// TestAsDeployed runs verify and challenge with the variables that the template gives
// them, behind what their roles allow: an answer counts once in the fleet, with one
// token, and each right is used.
func TestAsDeployed(t *testing.T) {
	set := object{"Challenges": "yes"}
	c := newCloud(t, set)
	c.secrets.Put("sotercall/WECHAT_APPSECRET", sandbox.DefaultAppSecret)
	c.secrets.Put("sotercall/CHALLENGE_SECRET", "a-challenge-secret-of-this-test-1")
	c.guarded.allow(mayUse(t, rights(t, set, "Verify")))

	challenges, one, another := c.start("ChallengeFunction"), c.start("VerifyFunction"), c.start("VerifyFunction")
	var issued struct {
		Challenge string `json:"challenge"`
	}
	require.NoError(t, json.Unmarshal([]byte(c.ask(challenges, object{"openid": "oUser"})), &issued))
	phone, err := c.wechat.Phone("oUser", sandbox.Android)
	require.NoError(t, err)
	signed, err := phone.Sign(issued.Challenge)
	require.NoError(t, err)

	const genuine, refused = `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`, `{"isOk":false,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`
	assert.Equal(t, genuine, c.ask(one, signed))
	assert.Equal(t, refused, c.ask(another, signed), "once in the fleet")
	require.NoError(t, json.Unmarshal([]byte(c.ask(challenges, object{"openid": "oUser"})), &issued))
	signed, err = phone.Sign(issued.Challenge)
	require.NoError(t, err)
	signed.JSONSignature = strings.Repeat("A", 342) + "=="
	assert.Equal(t, refused, c.ask(one, signed), "a wrong signature")
	assert.Equal(t, 1, c.wechat.Requests("/cgi-bin/stable_token"), "one fetch for both")
	assert.Empty(t, c.guarded.unused(), "rights that nobody needs")
}

// TestTokenFunctionAsDeployed: the token function gives out the token that verify has
// fetched, and both fetch once.
func TestTokenFunctionAsDeployed(t *testing.T) {
	set := object{"TokenClients": "yes"}
	c := newCloud(t, set)
	c.secrets.Put("sotercall/WECHAT_APPSECRET", sandbox.DefaultAppSecret)
	c.secrets.Put("sotercall/TOKEN_CLIENT_SECRETS", "a-secret-of-a-client-1")
	c.guarded.allow(mayUse(t, rights(t, set, "Verify")))
	phone, err := c.wechat.Phone("oUser", sandbox.Android)
	require.NoError(t, err)
	signed, err := phone.Sign("any text")
	require.NoError(t, err)
	assert.Contains(t, c.ask(c.start("VerifyFunction"), signed), `"isOk":true`)

	c.guarded.allow(mayUse(t, rights(t, set, "Token")))
	token := c.start("TokenFunction")
	assert.Contains(t, c.ask(token, object{}), `"accessToken":"`)
	assert.Equal(t, 1, c.wechat.Requests("/cgi-bin/stable_token"), "the token that verify has fetched")
	c.wechat.RotateTokens()
	assert.Contains(t, c.ask(token, object{"staleToken": "a token that WeChat has refused"}), `"accessToken":"`)
}
