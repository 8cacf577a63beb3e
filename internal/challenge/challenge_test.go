package challenge_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

var anyOpenID = rapid.Custom(func(t *rapid.T) string {
	return string(rapid.SliceOfN(rapid.Byte(), 1, openapi.MaxOpenID).Draw(t, "openid"))
})

func TestChallengeOfAnyUserIsRecognizedAndFitsTheClient(t *testing.T) {
	clock := newClock()
	issuer := newIssuer(t, clock.Now)
	text := regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	rapid.Check(t, func(t *rapid.T) {
		openid := anyOpenID.Draw(t, "openid")
		issued, err := issuer.Issue(openid, "")
		require.NoError(t, err)
		assert.Regexp(t, text, issued.Text)
		assert.Len(t, issued.Text, challenge.TextLength)
		assert.Equal(t, challenge.DefaultTTL, issued.ExpiresIn)

		ticket, err := issuer.Check(issued.Text, challenge.User{OpenID: openid})
		require.NoError(t, err)
		assert.True(t, ticket.Expires.Equal(clock.Now().Add(challenge.DefaultTTL)), ticket.Expires)
		assert.NotEmpty(t, ticket.ID)
	})
}

func TestChallengeOfAnotherUserIsToldFromAForgedOne(t *testing.T) {
	issuer := newIssuer(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		owner := anyOpenID.Draw(t, "owner")
		other := anyOpenID.Filter(func(s string) bool { return s != owner }).Draw(t, "other")
		text := issue(t, issuer, owner)
		ticket, err := issuer.Check(text, challenge.User{OpenID: other})
		require.ErrorIs(t, err, challenge.ErrOtherUser)
		assert.Zero(t, ticket)
		_, err = issuer.Check(text, challenge.User{OpenID: owner})
		require.NoError(t, err)
	})
}

func TestNobodyOwnsAChallengeWithoutAName(t *testing.T) {
	issuer := newIssuer(t, nil)
	_, err := issuer.Check(issue(t, issuer, alice), challenge.User{OpenID: ""})
	assert.ErrorIs(t, err, challenge.ErrOtherUser)
}

// The whole alphabet in every place, so that no character has bits to spare.
func TestChallengeWithOneOtherCharacterIsNotOurs(t *testing.T) {
	issuer := newIssuer(t, nil)
	text := issue(t, issuer, alice)
	_, err := issuer.Check(text, challenge.User{OpenID: alice})
	require.NoError(t, err)
	for place := range len(text) {
		for _, c := range []byte(alphabet + "=+/ \r\n\x00\xff") {
			if text[place] == c {
				continue
			}
			tampered := []byte(text)
			tampered[place] = c
			ticket, err := issuer.Check(string(tampered), challenge.User{OpenID: alice})
			require.ErrorIs(t, err, challenge.ErrNotOurs, "place %d, character %q", place, c)
			require.Zero(t, ticket)
		}
	}
}

func TestChallengeOfAnotherShapeIsNotOurs(t *testing.T) {
	issuer := newIssuer(t, nil)
	text, other := issue(t, issuer, alice), issue(t, issuer, alice)
	_, err := issuer.Check(text, challenge.User{OpenID: alice})
	require.NoError(t, err)
	for name, foreign := range map[string]string{
		"empty":                   "",
		"everybody's favourite":   "123456",
		"one character less":      text[:len(text)-1],
		"one character more":      text + "A",
		"padding":                 text + "=",
		"a line break at the end": text + "\n",
		"a line break inside":     text[:50] + "\n" + text[50:],
		"a line break in place":   text[:50] + "\n" + text[51:],
		"blank before":            " " + text,
		"twice":                   text + text,
		"zeros":                   strings.Repeat("A", challenge.TextLength),
		"halves of two":           text[:48] + other[48:],
		"id of another":           other[:20] + text[20:],
		"upper case":              strings.ToUpper(text),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := issuer.Check(foreign, challenge.User{OpenID: alice})
			assert.ErrorIs(t, err, challenge.ErrNotOurs)
		})
	}
}

func TestChallengeExpires(t *testing.T) {
	for _, test := range []struct {
		after time.Duration
		err   error
	}{
		{0, nil},
		{challenge.DefaultTTL - time.Millisecond, nil},
		{challenge.DefaultTTL - time.Nanosecond, nil},
		{challenge.DefaultTTL, challenge.ErrExpired},
		{challenge.DefaultTTL + time.Nanosecond, challenge.ErrExpired},
		{365 * 24 * time.Hour, challenge.ErrExpired},
	} {
		t.Run(test.after.String(), func(t *testing.T) {
			clock := newClock()
			issuer := newIssuer(t, clock.Now)
			text := issue(t, issuer, alice)
			clock.pass(test.after)
			ticket, err := issuer.Check(text, challenge.User{OpenID: alice})
			require.ErrorIs(t, err, test.err)
			assert.Equal(t, test.err == nil, ticket != challenge.Ticket{})
		})
	}
}

func TestInstancesWhoseClockIsBehindTakeAChallenge(t *testing.T) {
	ahead, behind := newClock(), newClock()
	ahead.pass(30 * time.Second)
	text := issue(t, newIssuer(t, ahead.Now), alice)
	_, err := newIssuer(t, behind.Now).Check(text, challenge.User{OpenID: alice})
	assert.NoError(t, err)
}

func TestSecretsRotate(t *testing.T) {
	old := newIssuer(t, nil, firstSecret)
	prepared := newIssuer(t, nil, firstSecret, secondSecret)
	changed := newIssuer(t, nil, secondSecret, firstSecret)
	done := newIssuer(t, nil, secondSecret)
	for _, test := range []struct {
		name   string
		issuer *challenge.Issuer
		takers []*challenge.Issuer
		others []*challenge.Issuer
	}{
		{"old", old, []*challenge.Issuer{old, prepared, changed}, []*challenge.Issuer{done}},
		{"prepared", prepared, []*challenge.Issuer{old, prepared, changed}, []*challenge.Issuer{done}},
		{"changed", changed, []*challenge.Issuer{prepared, changed, done}, []*challenge.Issuer{old}},
		{"done", done, []*challenge.Issuer{prepared, changed, done}, []*challenge.Issuer{old}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := issue(t, test.issuer, alice)
			for n, taker := range test.takers {
				_, err := taker.Check(text, challenge.User{OpenID: alice})
				assert.NoError(t, err, "taker %d", n)
				_, err = taker.Check(text, challenge.User{OpenID: bob})
				assert.ErrorIs(t, err, challenge.ErrOtherUser, "taker %d", n)
			}
			for n, other := range test.others {
				_, err := other.Check(text, challenge.User{OpenID: alice})
				assert.ErrorIs(t, err, challenge.ErrNotOurs, "other %d", n)
			}
		})
	}
}

// Two challenges of one user in the same millisecond share the expiry and nothing
// else that somebody who sees them could connect.
func TestChallengesAreAllDifferentAndUnlinkable(t *testing.T) {
	issuer := newIssuer(t, newClock().Now)
	const many = 1000
	ids, users, macs := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for range many {
		text := issue(t, issuer, alice)
		ticket, err := issuer.Check(text, challenge.User{OpenID: alice})
		require.NoError(t, err)
		ids[ticket.ID], users[text[32:53]], macs[text[54:]] = true, true, true
	}
	assert.Len(t, ids, many)
	assert.Len(t, users, many)
	assert.Len(t, macs, many)
}

func TestIssueWantsAUser(t *testing.T) {
	issuer := newIssuer(t, nil)
	for name, openid := range map[string]string{"none": "", "too long": strings.Repeat("o", openapi.MaxOpenID+1)} {
		t.Run(name, func(t *testing.T) {
			issued, err := issuer.Issue(openid, "")
			require.ErrorContains(t, err, fmt.Sprintf("openid has %d bytes", len(openid)))
			assert.Zero(t, issued)
		})
	}
	_, err := issuer.Issue(strings.Repeat("o", openapi.MaxOpenID), "")
	assert.NoError(t, err)
}

func TestNewIssuerRefusesWhatIsUnsafe(t *testing.T) {
	good := secret.New(strings.Repeat("s", challenge.MinSecret))
	short := secret.New(strings.Repeat("s", challenge.MinSecret-1))
	for _, test := range []struct {
		name    string
		secrets []secret.Text
		ttl     time.Duration
		reason  string // empty: it is good
	}{
		{"the shortest secret", []secret.Text{good}, challenge.DefaultTTL, ""},
		{"the shortest life", []secret.Text{good}, challenge.MinTTL, ""},
		{"the longest life", []secret.Text{good, good}, challenge.MaxTTL, ""},
		{"no secret", nil, challenge.DefaultTTL, "there is no secret"},
		{"an empty secret", []secret.Text{{}}, challenge.DefaultTTL, "secret 1 of 1 has fewer than 32 bytes"},
		{"a short secret", []secret.Text{short}, challenge.DefaultTTL, "secret 1 of 1 has fewer than 32 bytes"},
		{"a short second secret", []secret.Text{good, short}, challenge.DefaultTTL, "secret 2 of 2 has fewer than 32 bytes"},
		{"no life", []secret.Text{good}, 0, "cannot live for 0s"},
		{"a negative life", []secret.Text{good}, -time.Minute, "cannot live for -1m0s"},
		{"too short a life", []secret.Text{good}, challenge.MinTTL - 1, "cannot live for"},
		{"too long a life", []secret.Text{good}, challenge.MaxTTL + 1, "cannot live for"},
	} {
		t.Run(test.name, func(t *testing.T) {
			issuer, err := challenge.NewIssuer(test.secrets, test.ttl, nil)
			if test.reason == "" {
				require.NoError(t, err)
				assert.NotNil(t, issuer)
				return
			}
			require.ErrorContains(t, err, test.reason)
			assert.NotContains(t, err.Error(), "sss")
			assert.Nil(t, issuer)
		})
	}
}

func TestIssuerPrintsNoSecretAndIsNotChangedFromOutside(t *testing.T) {
	secrets := []secret.Text{firstSecret}
	issuer := newIssuer(t, nil, secrets...)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		assert.NotContains(t, fmt.Sprintf(verb, issuer), "first-")
		assert.NotContains(t, fmt.Sprintf(verb, issuer), fmt.Sprintf("%x", "first-"))
	}
	text := issue(t, issuer, alice)
	secrets[0] = secondSecret
	_, err := issuer.Check(text, challenge.User{OpenID: alice})
	assert.NoError(t, err)
}

func BenchmarkIssueAndCheck(b *testing.B) {
	issuer := newIssuer(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		issued, err := issuer.Issue(alice, "")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := issuer.Check(issued.Text, challenge.User{OpenID: alice}); err != nil {
			b.Fatal(err)
		}
	}
}
