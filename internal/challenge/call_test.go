package challenge_test

import (
	"context"
	"errors"
	"net/http"
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

func newCall(t *testing.T) (*challenge.Handler, *challenge.Issuer) {
	issuer, err := challenge.NewIssuer([]secret.Text{secret.New(strings.Repeat("k", 32))}, 2*time.Minute, time.Now)
	require.NoError(t, err)
	return &challenge.Handler{Issuer: issuer}, issuer
}

func TestIssuedChallengeIsTheUsers(t *testing.T) {
	h, issuer := newCall(t)
	page := openapi.WithCaller(t.Context(), openapi.Caller{OpenID: "oUser", FromPage: true})
	for _, c := range []struct {
		name  string
		ctx   context.Context
		event string
	}{
		{"a backend names the user", t.Context(), `{"openid":"oUser"}`},
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
			require.NoError(t, json.Unmarshal(h.Call(c.ctx, []byte(c.event)), &answer, json.RejectUnknownMembers(true)))
			assert.Equal(t, 120, answer.ExpiresIn)
			assert.Equal(t, 0, answer.ErrCode)
			assert.Equal(t, "openapi.soter.issueChallenge:ok", answer.ErrMsg)
			_, err := issuer.Check(answer.Challenge, "oUser")
			require.NoError(t, err)
			_, err = issuer.Check(answer.Challenge, "oOther")
			require.ErrorIs(t, err, challenge.ErrOtherUser)
		})
	}
}

func TestChallengesThatAreNotIssued(t *testing.T) {
	h, _ := newCall(t)
	page := openapi.WithCaller(t.Context(), openapi.Caller{OpenID: "oUser", FromPage: true})
	unconfigured := &challenge.Handler{Unconfigured: errors.New("CHALLENGE_SECRET is not set")}
	for _, c := range []struct {
		name    string
		handler *challenge.Handler
		ctx     context.Context
		event   string
		says    string
	}{
		{"nobody", h, t.Context(), `{}`, `"errCode":-501007`},
		{"junk", h, t.Context(), `{`, `"errCode":-501007`},
		{"a number", h, t.Context(), `{"openid":7}`, `"errCode":-501007`},
		{"twice", h, t.Context(), `{"openid":"a","openid":"b"}`, `"errCode":-501007`},
		{"too long", h, t.Context(), `{"openid":"` + strings.Repeat("o", 129) + `"}`, `"errCode":-501007`},
		{"another user", h, page, `{"openid":"oOther"}`, `"errCode":-604104`},
		{"a page of nobody", h, openapi.WithCaller(t.Context(), openapi.Caller{FromPage: true}), `{"openid":"oOther"}`, `"errCode":-604104`},
		{"not configured", unconfigured, t.Context(), `{"openid":"oUser"}`, `CHALLENGE_SECRET is not set`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var seen *openapi.Error
			c.handler.Observe = func(_ context.Context, _ string, e *openapi.Error) { seen = e }
			answer := string(c.handler.Call(c.ctx, []byte(c.event)))
			assert.Contains(t, answer, c.says)
			assert.NotContains(t, answer, `"challenge"`)
			assert.Contains(t, answer, "openapi.soter.issueChallenge:fail ")
			assert.NotNil(t, seen)
		})
	}
}

func TestIssueOverHTTP(t *testing.T) {
	h, _ := newCall(t)
	open := func(*http.Request) (int, *openapi.Error) { return 0, nil }
	closed := func(*http.Request) (int, *openapi.Error) {
		return 401, openapi.NewError(openapi.CodeNoPermission, "closed", nil)
	}
	for _, c := range []struct {
		method, path string
		gate         openapi.Gate
		status       int
	}{
		{"POST", "/openapi/soter/issueChallenge", open, 200},
		{"POST", "/stage/openapi/soter/issueChallenge", open, 200},
		{"POST", "/", open, 200},
		{"POST", "/", closed, 401},
		{"GET", "/", open, 405},
		{"POST", "/elsewhere", open, 404},
	} {
		w := httptest.NewRecorder()
		h.HTTP(c.gate).ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(`{"openid":"oUser"}`)))
		assert.Equal(t, c.status, w.Code)
		assert.Equal(t, c.status == 200, strings.Contains(w.Body.String(), `"challenge"`))
		assert.Contains(t, w.Body.String(), `"errCode"`)
	}
	w := httptest.NewRecorder()
	h.BadRequest(w, httptest.NewRequest("POST", "/", nil), errors.New("broken"))
	assert.Equal(t, 400, w.Code)
	assert.Contains(t, string(h.Timer(t.Context(), nil)), "timer events carry no request")
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
