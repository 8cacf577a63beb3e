package sandbox

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// refusals each break one thing in a good request to either token endpoint.
var refusals = []struct {
	name   string
	params map[string]any
	code   int
	text   string
}{
	{"no appid", without(params(), "appid"), 41002, "appid missing"},
	{"no secret", without(params(), "secret"), 41004, "appsecret missing"},
	{"no grant_type", without(params(), "grant_type"), 40002, "invalid grant_type"},
	{"wrong grant_type", params("grant_type", "authorization_code"), 40002, "invalid grant_type"},
	{"wrong appid and no grant_type", without(params("appid", "wx0000000000000000"), "grant_type"), 40013, "invalid appid"},
	{"wrong appid", params("appid", "wx0000000000000000"), 40013, "invalid appid"},
	{"wrong secret", params("secret", strings.ToUpper(DefaultAppSecret)), 40125, "invalid appsecret"},
}

func TestClassicTokenRefusals(t *testing.T) {
	c := newClient(t, Options{})
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			query := make(url.Values)
			for name, value := range tt.params {
				query.Set(name, value.(string))
			}
			a := c.call("GET", tokenPath+"?"+query.Encode(), "")
			assert.Equal(t, tt.code, a.code())
			assert.Regexp(t, "^"+tt.text+ridForm, a.ErrMsg)
			assert.Empty(t, a.AccessToken)
		})
	}
	good := c.classic()
	assert.NotEmpty(t, good.AccessToken)
	assert.Nil(t, good.ErrCode, "a success has no errcode")
	assert.Equal(t, 7200, good.ExpiresIn)
}

func TestClassicTokenTakesGetAndPost(t *testing.T) {
	c := newClient(t, Options{})
	query := tokenPath + "?grant_type=client_credential&appid=" + DefaultAppID + "&secret=" + DefaultAppSecret
	assert.NotEmpty(t, c.call("POST", query+"&neededText=", "").AccessToken)
	assert.Equal(t, 43001, c.call("PUT", query, "").code())
}

func TestStableTokenRefusals(t *testing.T) {
	c := newClient(t, Options{})
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			a := c.call("POST", stablePath, jsonOf(t, tt.params))
			assert.Equal(t, tt.code, a.code())
			assert.Regexp(t, "^"+tt.text+ridForm, a.ErrMsg)
			assert.Empty(t, a.AccessToken)
		})
	}
	good := c.stable(false)
	assert.NotEmpty(t, good.AccessToken)
	assert.Nil(t, good.ErrCode, "a success has no errcode")
	assert.Equal(t, 7200, good.ExpiresIn)
}

func TestStableTokenRefusesBodies(t *testing.T) {
	c := newClient(t, Options{})
	good := jsonOf(t, params())
	for name, tt := range map[string]struct {
		method, body string
		code         int
		text         string
	}{
		"GET":              {"GET", "", 43002, "require POST method"},
		"empty":            {"POST", "", 44002, "empty post data"},
		"blank":            {"POST", " \n", 44002, "empty post data"},
		"form":             {"POST", "appid=x&secret=y", 47001, "data format error"},
		"array":            {"POST", "[" + good + "]", 47001, "data format error"},
		"null":             {"POST", "null", 47001, "data format error"},
		"trailing data":    {"POST", good + "{}", 47001, "data format error"},
		"duplicate name":   {"POST", good[:len(good)-1] + `,"appid":"x"}`, 47001, "data format error"},
		"number as appid":  {"POST", jsonOf(t, with(params(), "appid", 7)), 47001, `data format error, field "appid" doesn't expect a number value`},
		"text as flag":     {"POST", jsonOf(t, with(params(), "force_refresh", "true")), 47001, `data format error, field "force_refresh" doesn't expect a string value`},
		"object as secret": {"POST", jsonOf(t, with(params(), "secret", params())), 47001, `data format error, field "secret" doesn't expect a object value`},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.call(tt.method, stablePath, tt.body)
			assert.Equal(t, tt.code, a.code())
			assert.Regexp(t, "^"+tt.text+ridForm, a.ErrMsg)
		})
	}
	assert.NotEmpty(t, c.call("POST", stablePath, good).AccessToken)
}

func TestOwnCredentialsReplaceTheDefaults(t *testing.T) {
	c := newClient(t, Options{AppID: "wxown", AppSecret: "own"})
	assert.Equal(t, 40013, c.stable(false).code())
	own := jsonOf(t, params("appid", "wxown", "secret", "own"))
	assert.NotEmpty(t, c.call("POST", stablePath, own).AccessToken)
}

func TestClassicTokenMintsEachTimeAndThePreviousLivesFiveMinutes(t *testing.T) {
	now := newClock()
	c := newClient(t, Options{Now: now.Now})
	first := c.classic().AccessToken
	second := c.classic().AccessToken
	require.NotEqual(t, first, second)
	assert.Zero(t, c.codeOf(first))
	assert.Zero(t, c.codeOf(second))

	now.Advance(overlap - time.Second)
	assert.Zero(t, c.codeOf(first))
	now.Advance(time.Second)
	assert.Equal(t, 40001, c.codeOf(first))
	assert.Zero(t, c.codeOf(second))
}

func TestStrictEndsThePreviousTokenAtOnce(t *testing.T) {
	now := newClock()
	c := newClient(t, Options{Strict: true, Now: now.Now})
	first := c.classic().AccessToken
	assert.Zero(t, c.codeOf(first))
	second := c.classic().AccessToken
	assert.Equal(t, 40001, c.codeOf(first))
	assert.Zero(t, c.codeOf(second))

	stable := c.stable(false).AccessToken
	now.Advance(7200*time.Second - overlap)
	assert.Zero(t, c.codeOf(stable))
	assert.Zero(t, c.codeOf(c.stable(false).AccessToken))
	assert.Equal(t, 40001, c.codeOf(stable))
}

func TestTokenExpires(t *testing.T) {
	now := newClock()
	c := newClient(t, Options{Now: now.Now, ExpiresIn: time.Minute})
	a := c.classic()
	assert.Equal(t, 60, a.ExpiresIn)
	now.Advance(time.Minute - 1)
	assert.Zero(t, c.codeOf(a.AccessToken))
	now.Advance(1)
	assert.Equal(t, 42001, c.codeOf(a.AccessToken))
	now.Advance(48 * time.Hour)
	c.classic()
	assert.Equal(t, 40001, c.codeOf(a.AccessToken), "forgotten after a day")
}

func TestStableTokenStaysTheSameUntilFiveMinutesBeforeItsEnd(t *testing.T) {
	now := newClock()
	c := newClient(t, Options{Now: now.Now})
	first := c.stable(false)
	now.Advance(6900*time.Second - time.Second)
	again := c.stable(false)
	assert.Equal(t, first.AccessToken, again.AccessToken)
	assert.Equal(t, 301, again.ExpiresIn)

	now.Advance(time.Second)
	next := c.stable(false)
	assert.NotEqual(t, first.AccessToken, next.AccessToken)
	assert.Equal(t, 7200, next.ExpiresIn)
	assert.Zero(t, c.codeOf(first.AccessToken), "both are valid for five minutes")
	now.Advance(overlap)
	assert.Equal(t, 42001, c.codeOf(first.AccessToken))
	assert.Zero(t, c.codeOf(next.AccessToken))
}

func TestShortLivedStableTokenIsHandedOutMoreThanOnce(t *testing.T) {
	now := newClock()
	c := newClient(t, Options{Now: now.Now, ExpiresIn: time.Minute})
	first := c.stable(false)
	now.Advance(53 * time.Second)
	assert.Equal(t, first.AccessToken, c.stable(false).AccessToken)
	now.Advance(time.Second)
	next := c.stable(false)
	assert.NotEqual(t, first.AccessToken, next.AccessToken)
	assert.Equal(t, 60, next.ExpiresIn)
}

func TestForcedRefreshRetiresTheOldTokenAtOnce(t *testing.T) {
	c := newClient(t, Options{})
	old := c.stable(false).AccessToken
	forced := c.stable(true).AccessToken
	assert.NotEqual(t, old, forced)
	assert.Equal(t, 40001, c.codeOf(old))
	assert.Zero(t, c.codeOf(forced))
	assert.Equal(t, forced, c.stable(false).AccessToken)
}

func TestForcedRefreshWithinThirtySecondsRefreshesNothing(t *testing.T) {
	now := newClock()
	c := newClient(t, Options{Now: now.Now})
	first := c.stable(true).AccessToken
	now.Advance(forcedSpacing - 1)
	assert.Equal(t, first, c.stable(true).AccessToken)
	assert.Zero(t, c.codeOf(first))
	now.Advance(1)
	second := c.stable(true).AccessToken
	assert.NotEqual(t, first, second, "what came too soon did not restart the 30 s")
	assert.Zero(t, c.codeOf(second))
}

func TestForcedRefreshHasABudgetOfTwentyADay(t *testing.T) {
	now := newClock()
	c := newClient(t, Options{Now: now.Now})
	token := ""
	for i := range forcedPerDay {
		a := c.stable(true)
		require.NotEqual(t, token, a.AccessToken, "forced %d", i+1)
		token = a.AccessToken
		now.Advance(forcedSpacing)
	}
	a := c.stable(true)
	assert.Equal(t, 45009, a.code())
	assert.Empty(t, a.AccessToken)
	assert.Equal(t, token, c.stable(false).AccessToken, "normal fetches go on")
	assert.Zero(t, c.codeOf(token))

	// 17:38:32 in Beijing: six and a half hours later it is the next day there.
	now.Advance(6*time.Hour + 30*time.Minute)
	next := c.stable(true)
	assert.Zero(t, next.code(), next.ErrMsg)
	assert.NotEqual(t, token, next.AccessToken)
}

func TestTokenEndpointsAreIndependent(t *testing.T) {
	c := newClient(t, Options{Strict: true})
	stable := c.stable(false).AccessToken
	classic := c.classic().AccessToken
	assert.Zero(t, c.codeOf(stable))
	c.stable(true)
	assert.Zero(t, c.codeOf(classic))
}

func TestRevokeTokensSetsTheSameTokenTrap(t *testing.T) {
	c := newClient(t, Options{})
	classic, stable := c.classic().AccessToken, c.stable(false).AccessToken
	require.Zero(t, c.codeOf(classic))
	require.Zero(t, c.codeOf(stable))

	c.s.RevokeTokens()
	assert.Equal(t, 40001, c.codeOf(classic))
	assert.Equal(t, 40001, c.codeOf(stable))
	assert.Equal(t, stable, c.stable(false).AccessToken, "the trap")
	assert.Zero(t, c.codeOf(c.stable(true).AccessToken), "the way out")
	assert.Zero(t, c.codeOf(c.classic().AccessToken))
}

func TestRotateTokensIsCuredByANormalFetch(t *testing.T) {
	c := newClient(t, Options{})
	classic, stable := c.classic().AccessToken, c.stable(false).AccessToken
	c.s.RotateTokens()
	assert.Equal(t, 40001, c.codeOf(classic))
	assert.Equal(t, 40001, c.codeOf(stable))
	fresh := c.stable(false).AccessToken
	assert.NotEqual(t, stable, fresh)
	assert.Zero(t, c.codeOf(fresh))
}

func TestTokenAlphabets(t *testing.T) {
	for range 20 {
		plain := newClient(t, Options{}).classic().AccessToken
		assert.Regexp(t, `^[A-Za-z0-9_-]{136}$`, plain)
	}
	c := newClient(t, Options{HostileTokens: true})
	hostile := c.classic().AccessToken
	for _, char := range "+/=&" {
		assert.Contains(t, hostile, string(char))
	}
	assert.LessOrEqual(t, len(hostile), 512)
	assert.Zero(t, c.codeOf(hostile), "escaped")
	unescaped := c.call("POST", verifyPath+"?access_token="+hostile, jsonOf(t, bodyOf(demoSigned(t))))
	assert.Equal(t, 40001, unescaped.code())
}

func TestCloudbaseAccessTokenIsTakenInItsOwnParameter(t *testing.T) {
	now := newClock()
	c := newClient(t, Options{Now: now.Now})
	path := verifyPath + "?cloudbase_access_token=" + c.s.CloudbaseAccessToken()
	body := jsonOf(t, bodyOf(demoSigned(t)))
	a := c.call("POST", path, body)
	require.NotNil(t, a.IsOK)
	assert.True(t, *a.IsOK)

	now.Advance(cloudbaseLife)
	assert.Equal(t, 42001, c.call("POST", path, body).code())
}

// TestAFreshTokenHasItsWholeLifeBeforeIt with a clock that does not stand still:
// expires_in is 7200 (WeChat's documentation of both endpoints).
func TestAFreshTokenHasItsWholeLifeBeforeIt(t *testing.T) {
	ticking := newClock()
	c := newClient(t, Options{Now: func() time.Time { ticking.Advance(time.Microsecond); return ticking.Now() }})
	assert.Equal(t, 7200, c.classic().ExpiresIn)
	assert.Equal(t, 7200, c.stable(false).ExpiresIn)
	assert.Equal(t, 7199, c.stable(false).ExpiresIn, "the same a moment later")
	ticking.Advance(forcedSpacing)
	assert.Equal(t, 7200, c.stable(true).ExpiresIn)
}

// TestTheEventTokenIsLikeTheOthers: the recorded events carry it, and a sandbox
// that hands it out first takes them.
func TestTheEventTokenIsLikeTheOthers(t *testing.T) {
	assert.Regexp(t, `^[A-Za-z0-9_-]{136}$`, EventToken)
	files, err := filepath.Glob("../../../deploy/events/*https-call.json")
	require.NoError(t, err)
	require.Len(t, files, 2)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, string(text), EventToken, file)
	}
	c := newClient(t, Options{FirstToken: EventToken})
	assert.Equal(t, 40001, c.codeOf(EventToken), "not handed out yet")
	assert.Equal(t, EventToken, c.stable(false).AccessToken)
	assert.Zero(t, c.codeOf(EventToken))
	assert.Equal(t, EventToken, c.s.AccessToken())
	assert.NotEqual(t, EventToken, c.classic().AccessToken)
}

func TestSimultaneousFetches(t *testing.T) {
	s := newSandbox(t, Options{Strict: true})
	var wg sync.WaitGroup
	stable := make([]string, 20)
	classic := make([]string, 20)
	for i := range stable {
		wg.Go(func() {
			a, err := s.app.tokens.fetchStable(false)
			assert.NoError(t, err)
			stable[i] = a.AccessToken
			classic[i] = s.app.tokens.fetchClassic().AccessToken
		})
	}
	wg.Wait()
	good := 0
	for i := range stable {
		assert.Equal(t, stable[0], stable[i])
		if _, code := s.appOfToken(classic[i]); code == 0 {
			good++
		}
	}
	assert.Equal(t, 1, good, "strict: one of %d classic tokens survives", len(classic))
}
