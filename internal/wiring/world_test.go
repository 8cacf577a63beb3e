package wiring

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/adapter"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/function"
	"sotercall/internal/secret"
	"sotercall/internal/secrets"
	"sotercall/internal/secrets/secretsmanagertest"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/hosted"
)

// kept is a function for many apps whose document is kept in Secrets Manager. wind
// lets so much time pass that secrets are read anew.
func kept(t *testing.T, apps int, texts map[string]string) (m *many, store *secretsmanagertest.Server, wind func()) {
	t.Helper()
	m, store = &many{logs: new(hosted.Log)}, secretsmanagertest.Start(t)
	var others []sandbox.Credentials
	for i := range apps {
		others = append(others, sandbox.Credentials{AppID: appID(i), AppSecret: "secret-of-" + appID(i)})
	}
	m.Sandbox = hosted.NewSandbox(t, sandbox.Options{Apps: others})
	m.environment = hosted.With(map[string]string{"WECHAT_API_BASE": m.URL}, hosted.With(store.Variables(), secretsmanagertest.Credentials()))
	for name, text := range texts {
		store.Put(name, text)
		m.environment[name+secret.Suffix] = secretsmanagertest.ARN(name)
	}
	clock := time.Now()
	m.on = function.New("service", stores.Service, m.logs)
	m.on.SetClock(func() time.Time { return clock })
	m.on.SetVault(secrets.Open)
	m.invokeBy(t, adapter.Invocation{Environment: m.environment}, `{}`) // brings the variables
	return m, store, func() { clock = clock.Add(secrets.Life) }
}

// Apps come, go and change their secrets while the others go on.
func TestDocumentOfTheAppsChanges(t *testing.T) {
	m, store, wind := kept(t, 4, map[string]string{"WECHAT_APPS": documentOf(t, 3, nil)})
	tokens := map[int]string{}
	for i := range 3 {
		token, answer := m.token(appID(i), clientSecret, "")
		require.NotEmpty(t, token, answer)
		tokens[i] = token
	}
	_, answer := m.token(appID(3), clientSecret, "")
	require.Contains(t, answer, `"errcode":`)

	// 0 stays, 1 has another secret, which WeChat does not know, 2 goes, 3 comes.
	next := documentOf(t, 4, func(id string, app map[string]string) {
		if id == appID(1) {
			app["secret"] = "a-secret-that-wechat-does-not-know"
		}
	})
	store.Put("WECHAT_APPS", takeOut(t, next, appID(2)))
	wind()
	for i := range 2 {
		token, answer := m.token(appID(i), clientSecret, "")
		assert.Equal(t, tokens[i], token, answer)
	}
	_, answer = m.token(appID(2), clientSecret, "")
	assert.Contains(t, answer, `"errcode":`)
	token, answer := m.token(appID(3), clientSecret, "")
	assert.NotEmpty(t, token, answer)
	for i := range 4 {
		assert.Equal(t, 1, m.fetched(t, appID(i)), i)
	}
	token, _ = m.token(appID(0), clientSecret, tokens[0])
	assert.NotEqual(t, tokens[0], token, "a refused token is replaced")
	_, answer = m.token(appID(1), clientSecret, tokens[1])
	assert.Contains(t, answer, `"errcode":40125`, "the next fetch is made with the secret of now")
}

// Another REDIS_URL is another store: the token in use goes along.
func TestStoreIsReopened(t *testing.T) {
	first, second := redistest.Start(t), redistest.Start(t)
	m, store, wind := kept(t, 2, map[string]string{"WECHAT_APPS": documentOf(t, 2, nil), "REDIS_URL": first.URL.Reveal()})
	token, answer := m.token(appID(0), clientSecret, "")
	require.NotEmpty(t, token, answer)
	store.Put("REDIS_URL", second.URL.Reveal())
	wind()
	again, answer := m.token(appID(0), clientSecret, "")
	assert.Equal(t, token, again, answer)
	assert.Equal(t, 1, m.fetched(t, appID(0)))
	first.Kill()
	other, answer := m.token(appID(1), clientSecret, "")
	assert.NotEmpty(t, other, answer)
	assert.NotContains(t, m.logs.String(), "store", "the first server is not needed any more")
	second.Kill()
	m.token(appID(1), clientSecret, other)
	assert.Contains(t, m.logs.String(), "store", "the twin: the second one is")
}

// A function that is built anew has the budgets of before, and nothing else of what was.
func TestOnlyWhatDependsOnASecretIsMadeAnew(t *testing.T) {
	w := newWorld(stores, slog.New(slog.DiscardHandler))
	build := func(changes ...string) *app {
		t.Helper()
		variables := map[string]string{
			"WECHAT_APPID": appID(0), "WECHAT_APPSECRET": "the-secret-of-the-app-0", "CHALLENGE_SECRET": firstChallengeSecret, "HTTP_BEARER_TOKENS": bearerToken,
		}
		for i := 0; i < len(changes); i += 2 {
			variables[changes[i]] = changes[i+1]
		}
		_, err := w.verify(variables, nil, new(slog.LevelVar))
		require.NoError(t, err)
		return w.apps[appID(0)]
	}
	before := build()
	assert.Same(t, before, build("CHALLENGE_SECRET", nextChallengeSecret, "HTTP_BEARER_TOKENS", nextSecret))
	after := build("WECHAT_APPSECRET", "the-secret-of-the-app-1")
	assert.NotSame(t, before, after)
	assert.Same(t, before.client, after.client, "its budget, and the connections")
	assert.Same(t, before.memory, after.memory)
	assert.Same(t, after, build("WECHAT_APPSECRET", "the-secret-of-the-app-1"))

	_, err := w.verify(map[string]string{"WECHAT_APPID": appID(0)}, nil, new(slog.LevelVar))
	require.Error(t, err)
	assert.Same(t, after, build("WECHAT_APPSECRET", "the-secret-of-the-app-1"), "a secret that cannot be used spoils nothing")
}

func takeOut(t *testing.T, document, appID string) string {
	t.Helper()
	var all struct {
		Apps    map[string]map[string]string `json:"apps"`
		Clients map[string]any               `json:"clients"`
	}
	require.NoError(t, json.Unmarshal([]byte(document), &all))
	require.Contains(t, all.Apps, appID, fmt.Sprint(len(all.Apps)))
	delete(all.Apps, appID)
	return string(hosted.JSON(t, map[string]any{"apps": all.Apps, "clients": all.Clients}))
}
