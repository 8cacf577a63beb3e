package sotercall_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"sotercall"
	"sotercall/sotercalltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const alice, bob = "oAlice-0123456789-0123456789", "oBobby-0123456789-0123456789"

// open opens a Service in front of a stand-in for WeChat. change may be nil.
func open(t *testing.T, change func(c *sotercall.Config), apps ...sotercall.App) (*sotercall.Service, *sotercalltest.Server) {
	t.Helper()
	wechat := sotercalltest.NewServer(apps...)
	t.Cleanup(wechat.Close)
	config := wechat.Config()
	if change != nil {
		change(&config)
	}
	service, err := sotercall.Open(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, service.Close()) })
	return service, wechat
}

func issue(t *testing.T, s *sotercall.Service, r sotercall.ChallengeRequest) string {
	t.Helper()
	challenge, err := s.IssueChallenge(t.Context(), r)
	require.NoError(t, err)
	return challenge.Text
}

// requireRefused demands a RefusedError of that reason.
func requireRefused(t *testing.T, want sotercall.Reason, v sotercall.Verification, err error) {
	t.Helper()
	refused, ok := errors.AsType[*sotercall.RefusedError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, want, refused.Reason, refused.Detail)
	assert.NotEmpty(t, refused.Detail)
	_, isError := errors.AsType[*sotercall.Error](err)
	assert.False(t, isError, "a refusal is no failure")
	assert.Zero(t, v)
}

// requireError demands an Error of that code.
func requireError(t *testing.T, code int, v any, err error) *sotercall.Error {
	t.Helper()
	failed, ok := errors.AsType[*sotercall.Error](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, code, failed.Code, failed.Message)
	assert.NotEmpty(t, failed.Message)
	_, isRefused := errors.AsType[*sotercall.RefusedError](err)
	assert.False(t, isRefused, "a failure is no refusal")
	assert.Zero(t, v)
	return failed
}

func TestGenuineSignatureIsAcceptedOnce(t *testing.T) {
	service, wechat := open(t, nil)
	for _, purpose := range []string{"", "pay order 2026-0042: 12.00 CNY"} {
		text := issue(t, service, sotercall.ChallengeRequest{OpenID: alice, Purpose: purpose})
		r := wechat.Phone(alice).Sign(text)
		r.Purpose = purpose
		got, err := service.Verify(t.Context(), r)
		require.NoError(t, err)
		assert.Equal(t, sotercall.Verification{AppID: r.AppID, OpenID: alice, Purpose: purpose, Challenge: text}, got)
		got, err = service.Verify(t.Context(), r)
		requireRefused(t, sotercall.Used, got, err)
	}
}

// Each request differs from a genuine one in one thing.
func TestEachReasonForARefusal(t *testing.T) {
	service, wechat := open(t, nil)
	phone := wechat.Phone(alice)
	wechat.Phone(bob)
	const purpose = "pay order 2026-0042"
	for reason, change := range map[sotercall.Reason]func(text string, r *sotercall.Request){
		"":                       func(string, *sotercall.Request) {},
		sotercall.WrongSignature: func(text string, r *sotercall.Request) { r.JSONSignature = phone.SignWrongly(text).JSONSignature },
		sotercall.OtherUser:      func(_ string, r *sotercall.Request) { r.OpenID = bob },
		sotercall.OtherPurpose:   func(_ string, r *sotercall.Request) { r.Purpose = "pay order 2026-0043" },
		sotercall.UnknownChallenge: func(_ string, r *sotercall.Request) {
			r.JSONString = phone.Sign("a challenge of somebody else").JSONString
		},
	} {
		t.Run(string(reason), func(t *testing.T) {
			text := issue(t, service, sotercall.ChallengeRequest{OpenID: alice, Purpose: purpose})
			r := phone.Sign(text)
			r.Purpose = purpose
			change(text, &r)
			asked := wechat.Verifications()
			got, err := service.Verify(t.Context(), r)
			if reason == "" {
				require.NoError(t, err, "the twin")
				return
			}
			requireRefused(t, reason, got, err)
			assert.Equal(t, reason == sotercall.WrongSignature, wechat.Verifications() > asked, "only WeChat can judge a signature")
		})
	}
}

// A challenge lives for Config.ChallengeTTL, two minutes if that is not set. WeChat, which
// is not there, is not asked.
func TestExpiredChallenge(t *testing.T) {
	for set, lives := range map[time.Duration]time.Duration{0: 2 * time.Minute, time.Hour: time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			service, err := sotercall.Open(sotercall.Config{
				Apps:             []sotercall.App{{AppID: "wx00000000000000a1", AppSecret: "the-secret-of-the-first-app"}},
				ChallengeSecrets: []string{strings.Repeat("s", 32)}, ChallengeTTL: set, Logger: slog.New(slog.DiscardHandler),
			})
			require.NoError(t, err)
			defer service.Close()
			challenge, err := service.IssueChallenge(t.Context(), sotercall.ChallengeRequest{OpenID: alice})
			require.NoError(t, err)
			assert.Equal(t, lives, challenge.ExpiresIn)
			time.Sleep(lives)
			got, err := service.Verify(t.Context(), sotercall.Request{
				OpenID: alice, JSONString: `{"raw":"` + challenge.Text + `"}`, JSONSignature: strings.Repeat("A", 344),
			})
			requireRefused(t, sotercall.Expired, got, err)
		})
	}
}

func TestTooManyWrongSignatures(t *testing.T) {
	service, wechat := open(t, nil)
	text := issue(t, service, sotercall.ChallengeRequest{OpenID: alice})
	for range 5 {
		got, err := service.Verify(t.Context(), wechat.Phone(alice).SignWrongly(text))
		requireRefused(t, sotercall.WrongSignature, got, err)
	}
	got, err := service.Verify(t.Context(), wechat.Phone(alice).Sign(text))
	requireRefused(t, sotercall.TooManyFailures, got, err)
}

// Whatever keeps WeChat from answering says nothing of the signature, and the signature is
// still good afterwards.
func TestWhatCouldNotBeFoundOut(t *testing.T) {
	for name, fault := range map[string]struct {
		is        sotercalltest.Fault
		code      int
		temporary bool
	}{
		"down":    {sotercalltest.Down, -604103, true},
		"busy":    {sotercalltest.Busy, -1, true},
		"quota":   {sotercalltest.QuotaUsedUp, 45009, false},
		"unknown": {sotercalltest.UnknownUser, 40003, false},
	} {
		t.Run(name, func(t *testing.T) {
			service, wechat := open(t, nil)
			r := wechat.Phone(alice).Sign(issue(t, service, sotercall.ChallengeRequest{OpenID: alice}))
			_, err := service.Verify(t.Context(), wechat.Phone(alice).SignWrongly(issue(t, service, sotercall.ChallengeRequest{OpenID: alice})))
			require.Error(t, err, "a token is at hand")
			wechat.Fail(fault.is)
			got, err := service.Verify(t.Context(), r)
			failed := requireError(t, fault.code, got, err)
			assert.Equal(t, fault.temporary, failed.Temporary)
			wechat.Recover()
			_, err = service.Verify(t.Context(), r)
			require.NoError(t, err, "the twin")
		})
	}
}

func TestRevokedTokensCostNothing(t *testing.T) {
	service, wechat := open(t, nil)
	for range 2 {
		_, err := service.Verify(t.Context(), wechat.Phone(alice).Sign(issue(t, service, sotercall.ChallengeRequest{OpenID: alice})))
		require.NoError(t, err)
		wechat.Fail(sotercalltest.TokensRevoked)
	}
}

// The time of the caller counts, and nothing goes on behind it.
func TestSilenceEndsWithTheContext(t *testing.T) {
	service, wechat := open(t, nil)
	r := wechat.Phone(alice).Sign(issue(t, service, sotercall.ChallengeRequest{OpenID: alice}))
	wechat.Fail(sotercalltest.Silent)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := service.Verify(ctx, r)
	failed := requireError(t, -604102, got, err)
	assert.True(t, failed.Temporary)
	require.ErrorIs(t, err, context.Canceled)
}

func TestRequestsThatCannotBeRight(t *testing.T) {
	service, wechat := open(t, nil)
	good := wechat.Phone(alice).Sign(issue(t, service, sotercall.ChallengeRequest{OpenID: alice}))
	for name, change := range map[string]func(r *sotercall.Request){
		"no openid":      func(r *sotercall.Request) { r.OpenID = "" },
		"no text":        func(r *sotercall.Request) { r.JSONString = "" },
		"no signature":   func(r *sotercall.Request) { r.JSONSignature = "" },
		"not UTF-8":      func(r *sotercall.Request) { r.JSONString = "\xff" },
		"of another app": func(r *sotercall.Request) { r.AppID = "wx0123456789abcdef" },
	} {
		t.Run(name, func(t *testing.T) {
			r := good
			change(&r)
			got, err := service.Verify(t.Context(), r)
			assert.False(t, requireError(t, -501007, got, err).Temporary)
		})
	}
	_, err := service.Verify(t.Context(), good)
	require.NoError(t, err, "the twin")

	challenge, err := service.IssueChallenge(t.Context(), sotercall.ChallengeRequest{})
	requireError(t, -501007, challenge, err)
}

var twoApps = []sotercall.App{
	{AppID: "wx00000000000000a1", AppSecret: "the-secret-of-the-first-app"}, {AppID: "wx00000000000000b2", AppSecret: "the-secret-of-the-other-one", Classic: true},
}

func TestSeveralApps(t *testing.T) {
	service, wechat := open(t, nil, twoApps...)
	users := map[string]string{twoApps[0].AppID: alice, twoApps[1].AppID: bob}
	for appID, user := range users {
		text := issue(t, service, sotercall.ChallengeRequest{AppID: appID, OpenID: user})
		r := wechat.PhoneIn(appID, user).Sign(text)
		for _, other := range twoApps {
			if other.AppID != appID {
				r.AppID = other.AppID
				got, err := service.Verify(t.Context(), r)
				requireRefused(t, sotercall.OtherApp, got, err)
			}
		}
		r.AppID = ""
		got, err := service.Verify(t.Context(), r)
		requireError(t, -501007, got, err)
		r.AppID = appID
		got, err = service.Verify(t.Context(), r)
		require.NoError(t, err)
		assert.Equal(t, appID, got.AppID)
	}
}

// Without secrets there are no challenges of the service's own: the caller compares the text.
func TestWithoutChallenges(t *testing.T) {
	service, wechat := open(t, func(c *sotercall.Config) { c.ChallengeSecrets = nil })
	challenge, err := service.IssueChallenge(t.Context(), sotercall.ChallengeRequest{OpenID: alice})
	assert.Contains(t, requireError(t, -604101, challenge, err).Message, "ChallengeSecrets")
	r := wechat.Phone(alice).Sign("a challenge of the caller's")
	for range 2 {
		got, err := service.Verify(t.Context(), r)
		require.NoError(t, err)
		assert.Equal(t, "a challenge of the caller's", got.Challenge)
	}
	r.Purpose = "pay"
	got, err := service.Verify(t.Context(), r)
	requireError(t, -501007, got, err)
}

// WeChat judges the bytes that the page got: nothing on the way changes one.
func TestTextIsPassedOnAsItIs(t *testing.T) {
	service, wechat := open(t, func(c *sotercall.Config) { c.ChallengeSecrets = nil })
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringN(1, 100, 400).Filter(utf8.ValidString).Draw(rt, "challenge")
		r := wechat.Phone(alice).Sign(text)
		got, err := service.Verify(t.Context(), r)
		require.NoError(rt, err)
		require.Equal(rt, text, got.Challenge)
	})
}

func TestOneOfManyAtOnceIsAccepted(t *testing.T) {
	service, wechat := open(t, nil)
	r := wechat.Phone(alice).Sign(issue(t, service, sotercall.ChallengeRequest{OpenID: alice}))
	var genuine, used atomic.Int64
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			_, err := service.Verify(t.Context(), r)
			refused, isRefused := errors.AsType[*sotercall.RefusedError](err)
			switch {
			case err == nil:
				genuine.Add(1)
			case isRefused && refused.Reason == sotercall.Used:
				used.Add(1)
			}
		})
	}
	calls.Wait()
	assert.EqualValues(t, 1, genuine.Load())
	assert.EqualValues(t, 19, used.Load())
}

func TestClosedServiceAnswersNothing(t *testing.T) {
	service, wechat := open(t, nil)
	text := issue(t, service, sotercall.ChallengeRequest{OpenID: alice})
	require.NoError(t, service.Close())
	challenge, err := service.IssueChallenge(t.Context(), sotercall.ChallengeRequest{OpenID: alice})
	assert.False(t, requireError(t, -604103, challenge, err).Temporary)
	got, err := service.Verify(t.Context(), wechat.Phone(alice).Sign(text))
	assert.Contains(t, requireError(t, -604103, got, err).Message, "the service is closed")
	require.NoError(t, service.Close(), "once more")
}

// Close ends a call that would wait for long, and leaves no goroutine: TestMain looks.
func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	for name, call := range map[string]func(s *sotercall.Service, r sotercall.Request) string{
		"Verify": func(s *sotercall.Service, r sotercall.Request) string {
			_, err := s.Verify(context.Background(), r)
			return err.Error()
		},
		"Handler": func(s *sotercall.Service, r sotercall.Request) string {
			_, body := answered(s.Handler(), post("/", sotercalltest.BearerToken, r))
			return body
		},
	} {
		t.Run(name, func(t *testing.T) {
			came := make(chan struct{}, 8)
			silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client leaves
				came <- struct{}{}
				<-r.Context().Done()
			}))
			t.Cleanup(silent.Close)
			service, wechat := open(t, func(c *sotercall.Config) { c.APIBases = []string{silent.URL} })
			r := wechat.Phone(alice).Sign(issue(t, service, sotercall.ChallengeRequest{OpenID: alice}))
			ended := make(chan string, 1)
			go func() { ended <- call(service, r) }()
			<-came
			begin := time.Now()
			require.NoError(t, service.Close())
			assert.Contains(t, <-ended, "-60410")
			assert.Less(t, time.Since(begin), 8*time.Second, "by itself it would take 10 s")
		})
	}
}
