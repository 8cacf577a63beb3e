package wiring

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/adapter"
	"sotercall/internal/function"
	"sotercall/internal/hostedtest"
	"sotercall/internal/sandbox"
)

const clientSecret = "a-client-secret-of-this-test-0001"

// many are n apps at WeChat, and a token function for all of them.
type many struct {
	hostedtest.Sandbox
	ids     []string
	handler http.Handler
	logs    *hostedtest.Log
	// decided counts the fetches that were decided on, by app.
	arrived sync.Map
}

func appID(i int) string { return fmt.Sprintf("wx%016x", i+1) }

func documentOf(n int, change func(id string, app map[string]any)) string {
	all := map[string]any{}
	for i := range n {
		app := map[string]any{"secret": "secret-of-" + appID(i)}
		if change != nil {
			change(appID(i), app)
		}
		all[appID(i)] = app
	}
	text, err := json.Marshal(map[string]any{"apps": all, "clients": map[string]any{"all": map[string]any{"secrets": []string{clientSecret}, "apps": []string{"*"}}}})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func newMany(t *testing.T, n int, change func(id string, app map[string]any), variables map[string]string) *many {
	t.Helper()
	m := &many{logs: new(hostedtest.Log)}
	var others []sandbox.Credentials
	for i := range n {
		m.ids = append(m.ids, appID(i))
		others = append(others, sandbox.Credentials{AppID: appID(i), AppSecret: "secret-of-" + appID(i)})
	}
	m.Sandbox = hostedtest.NewSandbox(t, sandbox.Options{Apps: others})
	environment := hostedtest.With(map[string]string{"WECHAT_APPS": documentOf(n, change), "WECHAT_API_BASE": m.URL}, variables)
	f := function.New("token", func(_ map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, error) {
		f, err := Token(environment, log, level)
		assert.NoError(t, err)
		return f, err
	}, m.logs)
	m.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.Serve(r.Context(), adapter.Invocation{Platform: adapter.HTTP}, w, r)
	})
	return m
}

// token asks for the token of an app, as a client with the right to all of them.
func (m *many) token(ctx context.Context, appID string) (token string, answer string) {
	body := fmt.Sprintf(`{"grant_type":"client_credential","appid":%q,"secret":%q}`, appID, clientSecret)
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/cgi-bin/stable_token", strings.NewReader(body)))
	var got struct {
		AccessToken string `json:"access_token"`
	}
	_ = json.Unmarshal(w.Body.Bytes(), &got)
	return got.AccessToken, w.Body.String()
}

// sum adds up a number of all log lines.
func sum(logs, name string) int {
	total := 0
	for line := range strings.Lines(logs) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil {
			n, _ := fields[name].(float64)
			total += int(n)
		}
	}
	return total
}

// fetched is how often tokens were asked for at WeChat.
func (m *many) fetched() int { return m.Requests("/cgi-bin/stable_token") }

// TestManyAppsFetchOnceEach: 200 apps, none of which has a token, and 50 calls for
// each of them at the same moment.
func TestManyAppsFetchOnceEach(t *testing.T) {
	const apps, calls = 200, 50
	m := newMany(t, apps, nil, nil)
	var failed atomic.Int64
	var running sync.WaitGroup
	start := make(chan struct{})
	tokens := make([]sync.Map, apps)
	for i, id := range m.ids {
		for range calls {
			running.Go(func() {
				<-start
				token, answer := m.token(context.Background(), id)
				if token == "" && failed.Add(1) == 1 {
					t.Error(answer)
				}
				tokens[i].Store(token, true)
			})
		}
	}
	close(start)
	running.Wait()
	assert.Zero(t, failed.Load())
	assert.Equal(t, apps, m.fetched())
	for i := range tokens {
		n := 0
		tokens[i].Range(func(any, any) bool { n++; return true })
		assert.Equal(t, 1, n, "all calls of an app get the same")
	}
	t.Log("decisions", sum(m.logs.String(), "token_fetches"), "attempts", sum(m.logs.String(), "upstream_attempts"))
	_ = io.Discard
	require.Equal(t, apps*calls, strings.Count(m.logs.String(), `"msg":"invocation"`))
}
