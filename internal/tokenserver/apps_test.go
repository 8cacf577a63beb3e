package tokenserver_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/accesstoken"
	"sotercall/internal/adapter"
	"sotercall/internal/function"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/tokenserver"
)

const shop, game = "wxshop", "wxgame"

func secrets(texts ...string) (all []secret.Text) {
	for _, text := range texts {
		all = append(all, secret.New(text))
	}
	return all
}

// newServer has two apps, a client with the right to one of them, one with the right
// to both, and one with the right to an app that is not there.
func newServer() (h *tokenserver.Server, shops, games *source) {
	shops, games = new(source), new(source)
	return &tokenserver.Server{
		Apps: map[string]tokenserver.Source{shop: shops, game: games},
		Clients: []tokenserver.Client{
			{Name: "shop", Secrets: secrets("shop-new", "shop-old"), Apps: []string{shop}},
			{Name: "all", Secrets: secrets("all")},
			{Name: "gone", Secrets: secrets("gone"), Apps: []string{"wxgone"}},
		},
		Operators: function.Bearer(secrets("operator")),
		Now:       func() time.Time { return now },
	}, shops, games
}

func stable(h *tokenserver.Server, appID, presented string) string {
	body := `{"grant_type":"client_credential","appid":"` + appID + `","secret":"` + presented + `"}`
	return serve(h, httptest.NewRequest("POST", "/cgi-bin/stable_token", strings.NewReader(body))).Body.String()
}

func TestClientGetsTheTokensOfItsApps(t *testing.T) {
	h, shops, games := newServer()
	for _, c := range []struct{ appID, presented string }{
		{shop, "shop-new"}, {shop, "shop-old"}, {shop, "all"}, {game, "all"},
	} {
		*shops, *games = source{}, source{}
		assert.Equal(t, `{"access_token":"TOKEN-token","expires_in":3600}`, stable(h, c.appID, c.presented), c)
		assert.Equal(t, c.appID == shop, shops.asked != "", "from its own source")
		assert.Equal(t, c.appID == game, games.asked != "")
	}
}

// Whoever has no right to an app does not learn whether there is one.
func TestRefusalDoesNotTellWhichAppsThereAre(t *testing.T) {
	const refused = `{"errcode":40125,"errmsg":"invalid appsecret"}`
	h, shops, games := newServer()
	for _, presented := range []string{"shop-new", "shop-old", "gone", "wrong", "al", "all "} {
		for _, appID := range []string{game, "wxnone", "wxgone", "x"} {
			if presented == "gone" && appID == "wxgone" {
				continue // that is its own
			}
			assert.Equal(t, refused, stable(h, appID, presented), "%s for %s", presented, appID)
			classic := serve(h, httptest.NewRequest("GET", "/cgi-bin/token?grant_type=client_credential&appid="+appID+"&secret="+strings.ReplaceAll(presented, " ", "%20"), nil))
			assert.Equal(t, refused, classic.Body.String())
			assert.Equal(t, 200, classic.Code)
		}
	}
	assert.Empty(t, shops.asked+games.asked)
	assert.Equal(t, `{"errcode":40013,"errmsg":"invalid appid"}`, stable(h, "wxnone", "all"), "who may have all is told")
	assert.Equal(t, `{"errcode":40013,"errmsg":"invalid appid"}`, stable(h, "wxgone", "gone"), "or was told of it before")
}

func TestLogSaysWhoAsksForWhat(t *testing.T) {
	h, _, _ := newServer()
	for _, c := range []struct{ appID, presented, log string }{
		{shop, "shop-new", "[client=shop appid=wxshop]"},
		{game, "shop-new", "[client=shop reason=the client has no right to this app]"},
		{"wxnone", "all", "[client=all reason=there is no such app]"},
		{shop, "wrong", "[reason=no client has this secret]"},
	} {
		r := httptest.NewRequest("GET", "/cgi-bin/token?grant_type=client_credential&appid="+c.appID+"&secret="+c.presented, nil)
		assert.Equal(t, c.log, slog.GroupValue(h.Calls()[1].Serve(r).Log...).String())
	}
}

func TestDirectEventNamesItsApp(t *testing.T) {
	const ok = `{"accessToken":"TOKEN-token","expiresIn":3600,"errCode":0,"errMsg":"openapi.auth.getAccessToken:ok"}`
	h, shops, games := newServer()
	assert.Equal(t, ok, direct(backend(t), h, `{"appid":"wxgame"}`))
	assert.Equal(t, "token", games.asked)
	assert.Empty(t, shops.asked)
	assert.Contains(t, direct(backend(t), h, `{"appid":"wxshop","staleToken":"OLD"}`), "TOKEN-refresh")
	assert.Equal(t, "OLD", shops.staled)
	assert.Equal(t, ok, direct(openapi.WithCaller(t.Context(), openapi.Backend().From(shop)), h, `{}`), "the platform says it")
	for event, says := range map[string]string{
		`{}`:                   "parameter.appid is missing: this function works for several apps",
		`{"staleToken":"OLD"}`: "parameter.appid is missing",
		`{"appid":"wxnone"}`:   "parameter.appid is not an app that this function works for",
		`{"appid":7}`:          "expected exactly {}",
	} {
		answer := direct(backend(t), h, event)
		assert.Contains(t, answer, `"errCode":-501007`, event)
		assert.Contains(t, answer, says)
		assert.NotContains(t, answer, "TOKEN")
	}
	page := openapi.WithCaller(t.Context(), openapi.User("oUser").From(shop))
	assert.Contains(t, direct(page, h, `{"appid":"wxshop"}`), `"errCode":-604104`)
}

func TestTimerRenewsEveryApp(t *testing.T) {
	h, shops, games := newServer()
	call := h.Calls()[0]
	r := call.Timer(t.Context())
	assert.Equal(t, `{"expiresIn":3600,"errCode":0,"errMsg":"openapi.auth.getAccessToken:ok"}`, string(call.Body(r)))
	assert.Equal(t, "[apps=2 apps_failed=0]", slog.GroupValue(r.Log...).String())
	assert.Equal(t, "tokentoken", shops.asked+games.asked)

	*shops, *games = source{err: &accesstoken.Refusal{ErrCode: 50007, ErrMsg: "frozen"}}, source{}
	r = call.Timer(t.Context())
	assert.Contains(t, string(call.Body(r)), `"errCode":50007`, "an alarm is raised")
	assert.Equal(t, "[apps=2 apps_failed=1 failed=wxshop]", slog.GroupValue(r.Log...).String())
	assert.Equal(t, "token", games.asked, "the other is renewed all the same")
}

func TestStatus(t *testing.T) {
	h, _, games := newServer()
	games.err = &accesstoken.Refusal{ErrCode: 45009, ErrMsg: "reach max api daily quota limit"}
	const ofShop = `{"appid":"wxshop","fetchedAt":"2026-11-22T11:00:00Z","expiresAt":"2026-11-22T13:00:00Z","forcedRefreshesLeft":19}`
	const ofGame = `{"appid":"wxgame","fetchedAt":"2026-11-22T11:00:00Z","expiresAt":"2026-11-22T13:00:00Z","forcedRefreshesLeft":19,` +
		`"lastFailure":{"at":"2026-11-22T12:00:00Z","errCode":45009,"errMsg":"reach max api daily quota limit"}}`
	ask := func(ctx context.Context, event string) string {
		call := h.Calls()[3]
		return string(call.Body(call.Serve(openapi.NewEvent(ctx, []byte(event)))))
	}
	all := `{"apps":[` + ofGame + `,` + ofShop + `],"errCode":0,"errMsg":"openapi.auth.getTokenStatus:ok"}`
	for _, event := range []string{`{"call":"openapi.auth.getTokenStatus"}`, `{}`, ``} {
		assert.Equal(t, all, ask(backend(t), event))
	}
	assert.Contains(t, ask(backend(t), `{"appid":"wxshop"}`), `{"apps":[`+ofShop+`],`)
	for _, event := range []string{`{"appid":"wxnone"}`, `{"x":1}`, `[]`, `{`, `{"call":"openapi.auth.getAccessToken"}`} {
		assert.Contains(t, ask(backend(t), event), `"errCode":-501007`, event)
	}
	for _, who := range []openapi.Caller{{}, openapi.User("oUser").From(shop), openapi.Nameless("x")} {
		assert.Contains(t, ask(openapi.WithCaller(t.Context(), who), `{}`), `"errCode":-604104`)
	}

	// Over HTTP, an operator has a token of his own: a client's secret is none.
	for authorization, status := range map[string]int{"Bearer operator": 200, "": 401, "Bearer all": 401, "Bearer shop-new": 401} {
		r := httptest.NewRequest("POST", "/openapi/auth/getTokenStatus", nil)
		r.Header.Set("Authorization", authorization)
		w := serve(h, r)
		assert.Equal(t, status, w.Code, authorization)
		assert.Equal(t, status == 200, w.Body.String() == all)
	}
	h.Operators = nil
	w := serve(h, httptest.NewRequest("POST", "/openapi/auth/getTokenStatus", nil))
	assert.Equal(t, 403, w.Code)
	assert.Contains(t, w.Body.String(), "set HTTP_BEARER_TOKENS")
	page := adapter.Invocation{Platform: adapter.SCF, Authorized: true, Environment: map[string]string{"WX_OPENID": "oUser"}}
	h.Operators = function.Bearer(secrets("operator"))
	r := httptest.NewRequest("POST", "/openapi/auth/getTokenStatus", nil)
	r.Header.Set("Authorization", "Bearer operator")
	assert.Equal(t, http.StatusForbidden, serveFor(page, h, r).Code, "a page remains one")
}
