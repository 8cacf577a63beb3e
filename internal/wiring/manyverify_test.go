package wiring

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/adapter"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

const (
	ofFirst, ofSecond = "oUser-of-the-first", "oUser-of-the-second"
	bearerToken       = "a-bearer-token-of-the-test"
)

// service is everything in one function, for two apps.
func service(t *testing.T, variables map[string]string) *many {
	t.Helper()
	return newMany(t, stores.Service, 2, nil, hosted.With(map[string]string{"HTTP_BEARER_TOKENS": bearerToken}, variables))
}

// without takes a member out of a question.
func without(t *testing.T, question string, names ...string) string {
	t.Helper()
	var members map[string]string
	require.NoError(t, json.Unmarshal([]byte(question), &members))
	for _, name := range names {
		delete(members, name)
	}
	return string(hosted.JSON(t, members))
}

func with(t *testing.T, question, name, value string) string {
	t.Helper()
	return strings.Replace(without(t, question, name), "{", fmt.Sprintf("{%q:%q,", name, value), 1)
}

func TestBackendNamesTheApp(t *testing.T) {
	m := service(t, nil)
	first, second := m.question(t, m.ids[0], ofFirst), m.question(t, m.ids[1], ofSecond)
	assert.Equal(t, hosted.Verified, m.invoke(t, first))
	assert.Equal(t, hosted.Verified, m.invoke(t, second))
	assert.Contains(t, m.invoke(t, with(t, first, "appid", m.ids[1])), `"errCode":40003`, "the user is another app's")
	for _, c := range []struct{ question, says string }{
		{without(t, first, "appid"), "-501007 invalid parameters. parameter.appid is missing: this function works for several apps"},
		{with(t, first, "appid", "wxnone"), "-501007 invalid parameters. parameter.appid is not an app that this function works for"},
	} {
		answer := m.invoke(t, c.question)
		assert.Contains(t, answer, c.says)
		assert.Contains(t, answer, `"isOk":false`)
	}
	bearer := http.Header{"Authorization": {"Bearer " + bearerToken}}
	assert.Equal(t, hosted.Verified, m.post("/", second, bearer))
	assert.Contains(t, m.post("/", without(t, second, "appid"), bearer), "parameter.appid is missing")
}

func TestPlatformNamesTheAppOfAUser(t *testing.T) {
	m := service(t, map[string]string{"HTTP_AUTH": "wechat"})
	first := without(t, m.question(t, m.ids[0], ofFirst), "appid", "openid")
	ways := map[string]func(openid, appID, question string) string{
		"an event function": func(openid, appID, question string) string {
			return m.invokeBy(t, adapter.Invocation{Platform: adapter.SCF, Authorized: true,
				Environment: map[string]string{"WX_OPENID": openid, "WX_APPID": appID, "TCB_SOURCE": "wx_client"}}, question)
		},
		"Cloud Hosting": func(openid, appID, question string) string {
			return m.post("/", question, http.Header{"X-Wx-Openid": {openid}, "X-Wx-Appid": {appID}})
		},
	}
	for name, ask := range ways {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, hosted.Verified, ask(ofFirst, m.ids[0], first))
			assert.Equal(t, hosted.Verified, ask(ofFirst, m.ids[0], with(t, first, "appid", m.ids[0])))
			assert.Contains(t, ask(ofFirst, m.ids[1], first), `"errCode":40003`, "WeChat knows no such user there")
			for _, refused := range []string{
				ask(ofFirst, m.ids[0], with(t, first, "appid", m.ids[1])),
				ask(ofFirst, "wxnone", first),
				ask(ofFirst, "", first),
				ask(ofFirst, "", with(t, first, "appid", m.ids[0])),
			} {
				assert.Contains(t, refused, `"errCode":-604104`)
				assert.Contains(t, refused, `"isOk":false`)
			}
		})
	}
}

func TestAccessTokenNamesTheApp(t *testing.T) {
	m := service(t, nil)
	first := m.question(t, m.ids[0], ofFirst)
	snake := strings.NewReplacer("jsonString", "json_string", "jsonSignature", "json_signature").Replace(first)
	tokens := map[string]string{}
	for _, id := range m.ids {
		tokens[id], _ = m.token(id, clientSecret, "")
		require.NotEmpty(t, tokens[id])
	}
	const path = "/cgi-bin/soter/verify_signature?access_token="
	const genuine = `{"errcode":0,"errmsg":"ok","is_ok":true}`
	assert.Equal(t, genuine, m.post(path+tokens[m.ids[0]], without(t, snake, "appid"), nil))
	assert.Equal(t, genuine, m.post(path+tokens[m.ids[0]], snake, nil))
	assert.Contains(t, m.post(path+tokens[m.ids[1]], without(t, snake, "appid"), nil), `"errcode":40003`)
	assert.Contains(t, m.post(path+tokens[m.ids[1]], snake, nil), `"errcode":-604104`, "the question names another")
	assert.Contains(t, m.post(path+"nobody's", snake, nil), `"errcode":40001`)
	for _, id := range m.ids {
		assert.Equal(t, 1, m.fetched(t, id))
	}
	token, _ := m.token(m.ids[1], firstSecret, "")
	assert.Empty(t, token, "a client whose right is to the other app")
}

// A challenge of one app is nothing in another, and one of no app nothing in either.
func TestChallengesOfSeveralApps(t *testing.T) {
	m := service(t, map[string]string{"CHALLENGE_SECRET": "a-challenge-secret-of-this-test-1"})
	challengeFor := func(appID, openid string) string {
		answer := m.invoke(t, fmt.Sprintf(`{"call":"openapi.soter.issueChallenge","appid":%q,"openid":%q}`, appID, openid))
		var got struct {
			Challenge string `json:"challenge"`
		}
		require.NoError(t, json.Unmarshal([]byte(answer), &got), answer)
		require.NotEmpty(t, got.Challenge, answer)
		return got.Challenge
	}
	app, err := m.App(m.ids[0])
	require.NoError(t, err)
	phone, err := app.Phone(ofFirst, sandbox.Huawei)
	require.NoError(t, err)
	ask := func(challenge string) string {
		signed, err := phone.Sign(challenge)
		require.NoError(t, err)
		return m.invoke(t, string(hosted.JSON(t, map[string]string{
			"appid": m.ids[0], "openid": ofFirst, "jsonString": signed.JSONString, "jsonSignature": signed.JSONSignature})))
	}
	assert.Equal(t, hosted.Verified, ask(challengeFor(m.ids[0], ofFirst)))
	assert.Contains(t, ask(challengeFor(m.ids[1], ofFirst)), `"isOk":false,"errMsg":"openapi.soter.verifySignature:ok"`)
	assert.Contains(t, m.logs.String(), `"reason":"the challenge was issued in another app"`)
	refused := m.invoke(t, fmt.Sprintf(`{"call":"openapi.soter.issueChallenge","openid":%q}`, ofFirst))
	assert.Contains(t, refused, "parameter.appid is missing")

	single, err := stores.Challenge(map[string]string{"CHALLENGE_SECRET": "a-challenge-secret-of-this-test-1"}, nil, new(slog.LevelVar))
	require.NoError(t, err)
	require.Len(t, single.Calls, 1, "the function alone knows of no apps")
}

// Who operates the service sees each app; who only has a right to tokens does not.
func TestOperatorSeesEachApp(t *testing.T) {
	m := service(t, nil)
	token, _ := m.token(m.ids[0], nextSecret, "")
	require.NotEmpty(t, token, "the next secret of the client is in force beside the first")
	const path = "/openapi/auth/getTokenStatus"
	answer := m.post(path, "", http.Header{"Authorization": {"Bearer " + bearerToken}})
	assert.Equal(t, 2, strings.Count(answer, `"appid"`), answer)
	assert.Equal(t, 1, strings.Count(answer, `"fetchedAt"`), answer)
	assert.NotContains(t, answer, token)
	assert.Contains(t, m.post(path, "", http.Header{"Authorization": {"Bearer " + clientSecret}}), `-604101`)
}

func TestDocumentsThatCannotWork(t *testing.T) {
	base := map[string]string{"WECHAT_APPS": documentOf(t, 2, nil)}
	for says, variables := range map[string]map[string]string{
		"WECHAT_APPS /apps/" + appID(0) + "/secret is missing":                  {"WECHAT_APPS": strings.Replace(documentOf(t, 1, nil), "secret-of-"+appID(0), "", 1)},
		"WECHAT_APPS /apps is missing":                                          {"WECHAT_APPS": "{}"},
		"WECHAT_APPS / is not valid JSON":                                       {"WECHAT_APPS": "wx0123456789abcdef=secret"},
		"WECHAT_APPS is not used with WECHAT_APPS_FILE: set one of the two":     {"WECHAT_APPS_FILE": "testdata/apps.json"},
		"WECHAT_APPS_FILE names a file that is not there":                       {"WECHAT_APPS": "", "WECHAT_APPS_FILE": "testdata/none.json"},
		"WECHAT_APPS_FILE names a file that cannot be read":                     {"WECHAT_APPS": "", "WECHAT_APPS_FILE": "testdata"},
		"WECHAT_APPID is not used with WECHAT_APPS":                             {"WECHAT_APPID": "wx1"},
		"WECHAT_APPSECRET is not used with WECHAT_APPS":                         {"WECHAT_APPSECRET": "a-secret"},
		"ACCESS_TOKEN_MODE is not used with WECHAT_APPS":                        {"ACCESS_TOKEN_MODE": "classic"},
		"TOKEN_CLIENT_SECRETS must not hold the AppSecret":                      {"TOKEN_CLIENT_SECRETS": "secret-of-" + appID(1)},
		"TOKEN_CLIENT_SECRETS must not hold a secret of a client in the docume": {"TOKEN_CLIENT_SECRETS": firstSecret},
		"HTTP_BEARER_TOKENS must not hold a secret of an app":                   {"HTTP_BEARER_TOKENS": "secret-of-" + appID(1)},
		"HTTP_BEARER_TOKENS must not hold a secret of a client":                 {"HTTP_BEARER_TOKENS": nextSecret},
	} {
		_, err := readTokenSettings(hosted.With(base, variables))
		if assert.ErrorContains(t, err, says) {
			for _, hidden := range []string{"secret-of-", clientSecret, nextSecret, firstSecret} {
				assert.NotContains(t, err.Error(), hidden)
			}
		}
	}
	_, err := readTokenSettings(base)
	require.NoError(t, err, "the twin")
	s, err := readTokenSettings(map[string]string{"WECHAT_APPS_FILE": "testdata/apps.json", "TOKEN_CLIENT_SECRETS": "sixteen-bytes-01"})
	require.NoError(t, err)
	assert.Len(t, s.apps.Apps, 2)
	assert.Len(t, clientsOf(s.ClientSecrets, s.apps), 2, "those of the variable have a right to all apps")

	_, err = readVerifySettings(hosted.With(base, map[string]string{"CHALLENGE_SECRET": nextSecret}))
	require.ErrorContains(t, err, "CHALLENGE_SECRET must not hold a secret of a client")
	_, err = stores.Verify(hosted.With(base, map[string]string{"SOTER_VERIFIER": "cloudcall"}), slog.New(slog.DiscardHandler), new(slog.LevelVar))
	require.ErrorContains(t, err, "WECHAT_APPS is not used with SOTER_VERIFIER=cloudcall")
	_, err = stores.Service(hosted.With(base, map[string]string{"WECHAT_TOKEN_BASE": "https://token.example.com"}), slog.New(slog.DiscardHandler), new(slog.LevelVar))
	require.ErrorContains(t, err, "WECHAT_APPS /clients are not used with WECHAT_TOKEN_BASE")
}
