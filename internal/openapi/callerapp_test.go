package openapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/openapi"
)

func TestWhichAppIsMeant(t *testing.T) {
	const shop, game, other = "wxshop", "wxgame", "wxother"
	none, one, two := []string(nil), []string{shop}, []string{shop, game}
	backend, user := openapi.Backend(), openapi.User("oUser")
	for _, c := range []struct {
		name   string
		caller openapi.Caller
		asked  string
		served []string
		means  string
		code   int
	}{
		{"a backend, one app", backend, "", one, shop, 0},
		{"a backend names the one app", backend, shop, one, shop, 0},
		{"a backend names another", backend, game, one, "", openapi.CodeInvalidParam},
		{"a backend, several apps", backend, "", two, "", openapi.CodeInvalidParam},
		{"a backend names one of several", backend, game, two, game, 0},
		{"a backend names none of several", backend, other, two, "", openapi.CodeInvalidParam},
		{"a backend from an app", backend.From(game), "", two, game, 0},
		{"a backend from an app names another", backend.From(game), shop, two, shop, 0},
		{"a backend from an app that is not served, one app", backend.From(other), "", one, shop, 0},
		{"a backend from an app that is not served, several", backend.From(other), "", two, "", openapi.CodeInvalidParam},
		{"a backend, the platform's app", backend, "", none, "", 0},
		{"a backend from the platform's app", backend.From(shop), "", none, shop, 0},
		{"a backend names the platform's app", backend.From(shop), shop, none, shop, 0},
		{"a backend names another than the platform's app", backend.From(shop), game, none, "", openapi.CodeInvalidParam},
		{"a backend names an app, the platform none", backend, shop, none, shop, 0},

		{"a user's app", user.From(game), "", two, game, 0},
		{"a user names his app", user.From(game), game, two, game, 0},
		{"a user names another app", user.From(game), shop, two, "", openapi.CodeIllegalSource},
		{"a user of the one app", user.From(shop), "", one, shop, 0},
		{"a user of an app that is not served", user.From(other), "", one, "", openapi.CodeIllegalSource},
		{"a user of an app that is not served names one", user.From(other), shop, one, "", openapi.CodeIllegalSource},
		{"a user of no app, one app", user, "", one, shop, 0},
		{"a user of no app names the one app", user, shop, one, shop, 0},
		{"a user of no app names another", user, game, one, "", openapi.CodeIllegalSource},
		{"a user of no app, several apps", user, "", two, "", openapi.CodeIllegalSource},
		{"a user of no app names one of several", user, shop, two, "", openapi.CodeIllegalSource},
		{"a user of the platform's app", user.From(shop), "", none, shop, 0},
		{"a user of no app, the platform's app", user, "", none, "", 0},
		{"a user of no app names one, the platform's app", user, shop, none, "", openapi.CodeIllegalSource},

		{"a token's app", backend.OnlyFor(game), "", two, game, 0},
		{"a token's app is named", backend.OnlyFor(game), game, two, game, 0},
		{"another than the token's app", backend.OnlyFor(game), shop, two, "", openapi.CodeIllegalSource},
		{"a token's app beats the platform's", backend.From(shop).OnlyFor(game), "", two, game, 0},
		{"a user with a token of his app", user.From(game).OnlyFor(game), "", two, game, 0},
		{"a user with a token of another app", user.From(shop).OnlyFor(game), "", two, "", openapi.CodeIllegalSource},
	} {
		t.Run(c.name, func(t *testing.T) {
			means, e := c.caller.ResolveAppID(c.asked, c.served)
			assert.Equal(t, c.means, means)
			if c.code == 0 {
				assert.Nil(t, e)
				return
			}
			require.NotNil(t, e)
			assert.Equal(t, c.code, e.Code)
		})
	}
}

// held says that every access_token is of one app.
type held string

func (h held) Owner(context.Context, string) (string, error) { return string(h), nil }

func TestQuestionIsAboutAnApp(t *testing.T) {
	j := judge{verdict: openapi.Genuine()}
	handler := &openapi.VerifySignature{Verifier: &j, Apps: []string{"wxshop", "wxgame"}}
	named := func(body, appID string) string { return strings.Replace(body, "{", `{"appid":"`+appID+`",`, 1) }

	call := handler.Calls(nil, nil)[0]
	r := call.Serve(openapi.NewEvent(backend(t), []byte(named(cloudCall, "wxgame"))))
	assert.Nil(t, r.Err)
	assert.Equal(t, "wxgame", j.asked[0].AppID)
	assert.Contains(t, r.Log[1].String(), "appid=wxgame")

	for body, says := range map[string]string{
		cloudCall:                   "parameter.appid is missing: this function works for several apps",
		named(cloudCall, "wxother"): "parameter.appid is not an app that this function works for",
		named(cloudCall, strings.Repeat("w", 65)):                  "parameter.appid has 65 bytes",
		strings.Replace(cloudCall, "{", `{"appid":7,`, 1):          "parameter.appid must be a string",
		named(named(cloudCall, "wxgame"), "wxgame"):                "parameter.appid is duplicated",
		strings.Replace(cloudCall, "{", `{"appid":["wxgame"],`, 1): "parameter.appid must be a string",
	} {
		r := call.Serve(openapi.NewEvent(backend(t), []byte(body)))
		if assert.NotNil(t, r.Err, body) {
			assert.Equal(t, openapi.CodeInvalidParam, r.Err.Code)
			assert.Contains(t, r.Err.Message, says)
		}
	}
	assert.Len(t, j.asked, 1, "nobody was asked")

	// At the HTTPS Call's door the access_token says it.
	https := handler.Calls(nil, held("wxshop"))[1]
	ask := func(body string) openapi.Result {
		request := httptest.NewRequest(http.MethodPost, "/cgi-bin/soter/verify_signature?access_token=T", strings.NewReader(body))
		caller, e := https.Gate(request)
		require.Nil(t, e)
		ctx := openapi.WithCaller(t.Context(), caller)
		return https.Serve(request.WithContext(ctx))
	}
	assert.Nil(t, ask(httpsCall).Err)
	assert.Equal(t, "wxshop", j.asked[1].AppID)
	assert.Nil(t, ask(named(httpsCall, "wxshop")).Err)
	r = ask(named(httpsCall, "wxgame"))
	require.NotNil(t, r.Err)
	assert.Equal(t, openapi.CodeIllegalSource, r.Err.Code)
}
