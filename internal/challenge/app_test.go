package challenge_test

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
)

const shop, game = "wx0123456789abcdef", "wxfedcba9876543210"

// before is a challenge for alice in format 1, the only one before there were apps.
// It was computed outside of Go, from the format that Issuer documents.
const before = "AAECAwQFBgcICQoLDA0ODwAAAaBc2QHVaKC7WfO644mVvZxjduJW8DIscjha9SwsM6SahbeY--UFJf8Bp_4M518PqT7xzbS3"

func TestChallengeIsBoundToItsApp(t *testing.T) {
	clock := newClock()
	issuer := newIssuer(t, clock.Now)
	ofShop, err := issuer.Issue(alice, shop)
	require.NoError(t, err)
	assert.Len(t, ofShop.Text, challenge.AppTextLength)
	assert.Regexp(t, `^[A-Za-z0-9_-]+$`, ofShop.Text)
	ofNone := issue(t, issuer, alice)
	user := func(appID string, several bool) challenge.User {
		return challenge.User{OpenID: alice, AppID: appID, OneOfSeveral: several}
	}
	for _, c := range []struct {
		name, text string
		user       challenge.User
		err        error
	}{
		{"its app of several", ofShop.Text, user(shop, true), nil},
		{"its app, the only one", ofShop.Text, user(shop, false), nil},
		{"another app of several", ofShop.Text, user(game, true), challenge.ErrOtherApp},
		{"another app, the only one", ofShop.Text, user(game, false), challenge.ErrOtherApp},
		{"an app that nobody knows", ofShop.Text, user("", false), nil},
		{"another user of the app", ofShop.Text, challenge.User{OpenID: bob, AppID: shop}, challenge.ErrOtherUser},
		{"no app, the only one", ofNone, user(shop, false), nil},
		{"no app, an app that nobody knows", ofNone, user("", false), nil},
		{"no app, one of several", ofNone, user(shop, true), challenge.ErrNoApp},
		{"from before there were apps", before, user(shop, false), nil},
		{"from before there were apps, one of several", before, user(shop, true), challenge.ErrNoApp},
		{"from before there were apps, another user", before, challenge.User{OpenID: bob}, challenge.ErrOtherUser},
	} {
		t.Run(c.name, func(t *testing.T) {
			ticket, err := issuer.Check(c.text, c.user)
			assert.Equal(t, c.err, err)
			assert.Equal(t, err == nil, ticket.ID != "")
		})
	}
	clock.pass(challenge.DefaultTTL)
	_, err = issuer.Check(ofShop.Text, user(shop, true))
	assert.Equal(t, challenge.ErrExpired, err)
}

// The whole of it is under the MAC, and neither format can be made of the other.
func TestChallengeOfAnAppCannotBeChanged(t *testing.T) {
	issuer := newIssuer(t, newClock().Now)
	issued, err := issuer.Issue(alice, shop)
	require.NoError(t, err)
	user := challenge.User{OpenID: alice, AppID: shop}
	_, err = issuer.Check(issued.Text, user)
	require.NoError(t, err)
	for place := range issued.Text {
		tampered := []byte(issued.Text)
		tampered[place] ^= 1
		_, err := issuer.Check(string(tampered), user)
		assert.ErrorIs(t, err, challenge.ErrNotOurs, place)
	}
	ofNone := issue(t, issuer, alice)
	for name, text := range map[string]string{
		"one more":                  issued.Text + "A",
		"one less":                  issued.Text[1:],
		"the app taken out":         issued.Text[:54] + issued.Text[78:],
		"as long as the other":      issued.Text[:challenge.TextLength],
		"an app put into the other": ofNone[:54] + issued.Text[54:78] + ofNone[54:],
	} {
		_, err := issuer.Check(text, user)
		assert.ErrorIs(t, err, challenge.ErrNotOurs, name)
	}
	_, err = issuer.Issue(alice, strings.Repeat("a", openapi.MaxAppID+1))
	assert.ErrorContains(t, err, "appid has 65 bytes")
}

// A recorded answer to one app's challenge is nothing in another.
func TestAnswerCountsInItsAppOnly(t *testing.T) {
	d := newDesk(t, nil)
	d.SeveralApps = true
	issued, err := d.Issuer.Issue(alice, shop)
	require.NoError(t, err)
	asked := question(alice, resultJSON(issued.Text, 1))
	asked.AppID = game
	verdict := d.verify(t, asked)
	assert.False(t, verdict.IsGenuine())
	assert.Equal(t, challenge.ErrOtherApp.Error(), verdict.Reason())
	assert.Zero(t, d.next.asked, "nobody was asked")
	asked.AppID = shop
	assert.True(t, d.verify(t, asked).IsGenuine(), "the twin, and nothing was consumed")

	asked.JSONString = resultJSON(issue(t, d.Issuer, alice), 2)
	assert.Equal(t, challenge.ErrNoApp.Error(), d.verify(t, asked).Reason())
}

func TestChallengeIsIssuedInTheAppThatIsMeant(t *testing.T) {
	issuer := newIssuer(t, nil)
	page := openapi.WithCaller(t.Context(), openapi.User(alice).From(shop))
	for _, c := range []struct {
		name    string
		page    bool
		event   string
		served  []string
		app     string // empty: bound to none
		errCode int
	}{
		{"a page", true, "{}", nil, shop, 0},
		{"a page names its app", true, `{"appid":"` + shop + `"}`, nil, shop, 0},
		{"a page names another", true, `{"appid":"` + game + `"}`, nil, "", openapi.CodeIllegalSource},
		{"a page, of several", true, "{}", []string{shop, game}, shop, 0},
		{"a page, of others", true, "{}", []string{game, "wxother"}, "", openapi.CodeIllegalSource},
		{"a backend", false, `{"openid":"` + alice + `"}`, nil, "", 0},
		{"a backend names an app", false, `{"appid":"` + game + `","openid":"` + alice + `"}`, nil, game, 0},
		{"a backend, the only app", false, `{"openid":"` + alice + `"}`, []string{shop}, "", 0},
		{"a backend names one of several", false, `{"appid":"` + game + `","openid":"` + alice + `"}`, []string{shop, game}, game, 0},
		{"a backend names none of several", false, `{"openid":"` + alice + `"}`, []string{shop, game}, "", openapi.CodeInvalidParam},
		{"an appid that is too long", false, `{"appid":"` + strings.Repeat("w", 65) + `","openid":"` + alice + `"}`, nil, "", openapi.CodeInvalidParam},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := backend(t)
			if c.page {
				ctx = page
			}
			call := challenge.IssueCall(issuer, nil, openapi.OptionalPurpose, c.served...)
			result := call.Serve(openapi.NewEvent(ctx, []byte(c.event)))
			var answer struct {
				Challenge string `json:"challenge"`
				ErrCode   int    `json:"errCode"`
			}
			require.NoError(t, json.Unmarshal(call.Body(result), &answer))
			require.Equal(t, c.errCode, answer.ErrCode)
			if c.errCode != 0 {
				assert.Empty(t, answer.Challenge)
				return
			}
			_, err := issuer.Check(answer.Challenge, challenge.User{OpenID: alice, AppID: "wxanother"})
			if c.app == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, challenge.ErrOtherApp)
			_, err = issuer.Check(answer.Challenge, challenge.User{OpenID: alice, AppID: c.app, OneOfSeveral: true})
			assert.NoError(t, err)
		})
	}
}
