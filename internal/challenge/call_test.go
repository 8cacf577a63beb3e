package challenge_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// backend is a context in which the developer's own backend calls.
func backend(t testing.TB) context.Context {
	return openapi.WithCaller(t.Context(), openapi.Backend())
}

func newCall(t *testing.T) (openapi.Call, *challenge.Issuer) {
	issuer, err := challenge.NewIssuer([]secret.Text{secret.New(strings.Repeat("k", 32))}, 2*time.Minute, time.Now)
	require.NoError(t, err)
	return challenge.IssueCall(issuer, nil, openapi.OptionalPurpose), issuer
}

func TestIssuedChallengeIsTheUsers(t *testing.T) {
	h, issuer := newCall(t)
	page := openapi.WithCaller(t.Context(), openapi.User("oUser"))
	for _, c := range []struct {
		name  string
		ctx   context.Context
		event string
	}{
		{"a backend names the user", backend(t), `{"openid":"oUser"}`},
		{"with the name of the call", backend(t), `{"call":"openapi.soter.issueChallenge","openid":"oUser"}`},
		{"with what the platform adds", backend(t), `{"openid":"oUser","userInfo":{"appId":"wx"},"tcbContext":{}}`},
		{"a page names its user", page, `{"openid":"oUser"}`},
		{"a page names nobody", page, `{}`},
		{"a page says nothing", page, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			var answer struct {
				Challenge string `json:"challenge"`
				ExpiresIn int    `json:"expiresIn"`
				ErrCode   int    `json:"errCode"`
				ErrMsg    string `json:"errMsg"`
			}
			require.NoError(t, json.Unmarshal(h.Body(h.Serve(openapi.NewEvent(c.ctx, []byte(c.event)))), &answer, json.RejectUnknownMembers(true)))
			assert.Equal(t, 120, answer.ExpiresIn)
			assert.Equal(t, 0, answer.ErrCode)
			assert.Equal(t, "openapi.soter.issueChallenge:ok", answer.ErrMsg)
			_, err := issuer.Check(answer.Challenge, challenge.User{OpenID: "oUser"})
			require.NoError(t, err)
			_, err = issuer.Check(answer.Challenge, challenge.User{OpenID: "oOther"})
			require.ErrorIs(t, err, challenge.ErrOtherUser)
		})
	}
}

func TestChallengesThatAreNotIssued(t *testing.T) {
	h, _ := newCall(t)
	page := openapi.WithCaller(t.Context(), openapi.User("oUser"))
	for _, c := range []struct {
		name  string
		ctx   context.Context
		event string
		says  string
	}{
		{"nobody", backend(t), `{}`, `"errCode":-501007`},
		{"junk", backend(t), `{`, `"errCode":-501007`},
		{"a number", backend(t), `{"openid":7}`, `"errCode":-501007`},
		{"twice", backend(t), `{"openid":"a","openid":"b"}`, `"errCode":-501007`},
		{"too long", backend(t), `{"openid":"` + strings.Repeat("o", 129) + `"}`, `"errCode":-501007`},
		{"null", backend(t), `null`, `"errCode":-501007`},
		{"another call", backend(t), `{"call":"openapi.soter.enrollAuthKey","openid":"oUser"}`, `"errCode":-501007`},
		{"nobody that is known", t.Context(), `{"openid":"oUser"}`, `"errCode":-604104`},
		{"another user", page, `{"openid":"oOther"}`, `"errCode":-604104`},
		{"a page of nobody", openapi.WithCaller(t.Context(), openapi.Unknown("a page")), `{"openid":"oOther"}`, `"errCode":-604104`},
	} {
		t.Run(c.name, func(t *testing.T) {
			result := h.Serve(openapi.NewEvent(c.ctx, []byte(c.event)))
			answer := string(h.Body(result))
			assert.Contains(t, answer, c.says)
			assert.NotContains(t, answer, `"challenge"`)
			assert.Contains(t, answer, "openapi.soter.issueChallenge:fail ")
			assert.NotNil(t, result.Err)
		})
	}
}

func TestIssueOverHTTP(t *testing.T) {
	h, _ := newCall(t)
	r := httptest.NewRequest("POST", challenge.IssuePath, strings.NewReader(`{"openid":"oUser"}`)).WithContext(backend(t))
	answer := string(h.Body(h.Serve(r)))
	assert.Contains(t, answer, `"errCode":0`)
	assert.Contains(t, answer, `"challenge"`)
	assert.Nil(t, h.Gate, "the one that was given")
}

func TestCountersWithoutChallenges(t *testing.T) {
	genuine := openapi.Genuine()
	next := nextFunc(func() (openapi.Verdict, error) { return genuine, nil })
	text := func(counter string) openapi.Request {
		return openapi.Request{OpenID: "oUser", JSONString: `{"raw":"123456","counter":` + counter + `,"cpu_id":"c1","uid":"1"}`}
	}
	unreadable := openapi.Request{OpenID: "oUser", JSONString: `{"raw":"123456"}`}
	for policy, wantReplay := range map[challenge.CounterPolicy]bool{challenge.LogCounter: true, challenge.EnforceCounter: false} {
		clones := 0
		v := &challenge.Verifier{Next: next, Ledger: new(challenge.Memory), Policy: policy,
			OnPossibleClone: func(context.Context, challenge.PossibleClone) { clones++ }}
		ask := func(r openapi.Request) bool {
			verdict, err := v.Verify(t.Context(), r)
			require.NoError(t, err)
			return verdict.IsGenuine()
		}
		assert.True(t, ask(text("5")))
		assert.Equal(t, wantReplay, ask(text("5")), policy)
		assert.Equal(t, wantReplay, ask(text("4")), policy)
		assert.Equal(t, 2, clones)
		assert.True(t, ask(text("6")))
		assert.Equal(t, wantReplay, ask(unreadable), policy)
	}

	genuine = openapi.Wrong("forged")
	v := &challenge.Verifier{Next: next, Ledger: new(challenge.Memory), Policy: challenge.EnforceCounter}
	verdict, err := v.Verify(t.Context(), text("9"))
	require.NoError(t, err)
	assert.False(t, verdict.IsGenuine())
	genuine = openapi.Genuine()
	verdict, err = v.Verify(t.Context(), text("9"))
	require.NoError(t, err)
	assert.True(t, verdict.IsGenuine(), "a forged signature has raised no counter")
}

type nextFunc func() (openapi.Verdict, error)

func (f nextFunc) Verify(context.Context, openapi.Request) (openapi.Verdict, error) { return f() }
