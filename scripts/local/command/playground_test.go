package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/scripts/local/playground"
)

// answered is an answer as the playground tells it.
type answered struct {
	Verdict, Reason string
	Code            int
	Answer, Log     json.RawMessage
	Advice          map[string]struct{ Meaning, Do, Reason string }
}

// copied is what the page offers to copy.
type copied struct {
	Curl, Event, Command string
	Fresh                bool
}

// told is what a run of the playground has told.
type told struct {
	spans        []playground.Span // as they ended
	answers      []answered
	sent, signed map[string]string
	copies       copied
	ended        bool
	raw          string
}

func (r told) last() answered { return r.answers[len(r.answers)-1] }

// stations are those that were asked, in the order in which they answered.
func (r told) stations() string {
	var names []string
	for _, span := range r.spans {
		names = append(names, span.Station)
	}
	return strings.Join(names, " ")
}

func press(t *testing.T, base string, q playground.Question) (r told) {
	t.Helper()
	question, err := json.Marshal(q)
	require.NoError(t, err)
	resp, text := ask(t, base, "/playground/run", func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(question)), int64(len(question))
	})
	require.Equal(t, http.StatusOK, resp.StatusCode, text)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	r.raw = text
	for event := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		name, data, found := strings.Cut(strings.TrimPrefix(event, "event: "), "\ndata: ")
		require.True(t, found, event)
		var span playground.Span
		var answer answered
		var pair struct {
			Sent, Signed map[string]string
			Copies       copied
		}
		into := map[string]any{"span": &span, "answer": &answer, "event": &pair}[name]
		if into != nil {
			require.NoError(t, json.Unmarshal([]byte(data), into), event)
		}
		switch name {
		case "span":
			if span.Outcome != "" {
				r.spans = append(r.spans, span)
			}
		case "answer":
			r.answers = append(r.answers, answer)
		case "event":
			r.sent, r.signed, r.copies = pair.Sent, pair.Signed, pair.Copies
		case "end":
			r.ended = true
		case "failed":
			t.Fatal(data)
		}
	}
	require.True(t, r.ended, text)
	return r
}

// secrets are what the functions trust each other with, and the sandbox's tokens.
var secrets = regexp.MustCompile(`access_token=|sandbox_[A-Za-z0-9_-]{100}|` + clientSecret + "|" + challengeSecret + "|" + sandbox.DefaultAppSecret)

// TestPlayground presses each button on each platform, with and without challenges.
func TestPlayground(t *testing.T) {
	base, _, ready := servePlayground(t)
	ready()
	const (
		genuine = "genuine"
		refused = "refused"
		wrong   = "WeChat says that the signature is wrong"
	)
	for _, c := range []struct {
		mistake       string
		with, without string // verdict and reason, with challenges and without
		code          int
		plain         string // with challenges that have no purpose, where that differs
	}{
		{"", genuine, genuine, 0, ""},
		{"change-byte", refused + ": " + wrong, refused + ": " + wrong, 0, ""},
		{"stringify-twice", "unanswered", "unanswered", -501007, ""},
		{"swap", "unanswered", "unanswered", -501007, ""},
		{"another-user", refused + ": the challenge was issued to another user", refused + ": " + wrong, 0, ""},
		{"foreign-user", "unanswered", "unanswered", 40003, ""},
		{"replay", refused + ": the challenge was used before", genuine, 0, ""},
		{"another-order", refused + ": the challenge was issued for another purpose", genuine, 0, genuine},
		{"expired", refused + ": the challenge has expired", genuine, 0, ""},
		{"made-up", refused + ": the challenge is not one that we issued", genuine, 0, ""},
		{"busy", "unanswered", "unanswered", -1, ""},
		{"revoked", genuine, genuine, 0, ""},
		{"cut", "unanswered", "unanswered", -604103, ""},
		{"", genuine, genuine, 0, ""}, // nothing of it stays
	} {
		for _, platform := range platformNames() {
			for _, bound := range []struct {
				challenges, purpose bool
				want                string
			}{{true, true, c.with}, {true, false, cmp.Or(c.plain, c.with)}, {false, true, c.without}} {
				challenges, want := bound.challenges, bound.want
				q := playground.Question{
					Device: "huawei", User: "bob", Platform: platform, Order: "set",
					Challenges: challenges, Purpose: bound.purpose, Mistake: c.mistake,
				}
				r := press(t, base, q)
				got := r.last()
				said := got.Verdict
				if said == refused {
					said += ": " + got.Reason
				}
				assert.Equal(t, want, said, "%+v", q)
				assert.Equal(t, c.code, got.Code, "%+v", q)
				assert.Contains(t, string(got.Log), `"platform":"`+platform+`"`)
				assert.NotContains(t, string(got.Log), "_aws")
				switch got.Verdict {
				case "unanswered":
					assert.NotEmpty(t, got.Advice["en"].Do, "%+v", q)
					assert.NotEqual(t, got.Advice["en"].Do, got.Advice["zh"].Do, "%+v", q)
				case refused:
					assert.Equal(t, got.Reason, got.Advice["en"].Reason, "%+v", q)
					assert.NotEqual(t, got.Reason, got.Advice["zh"].Reason, "%+v", q)
				}
				assert.False(t, secrets.MatchString(r.raw), "%+v: %s", q, secrets.FindString(r.raw))
				changed := slices.Contains([]string{"change-byte", "stringify-twice", "swap", "another-user", "foreign-user"}, c.mistake)
				changed = changed || c.mistake == "another-order" && challenges && bound.purpose
				assert.Equal(t, changed, !maps.Equal(r.sent, r.signed), "%+v", q)
				_, named := r.sent["purpose"]
				assert.Equal(t, challenges && bound.purpose, named, "a purpose is sent where it is bound: %+v", q)
			}
		}
	}
}

// The way is told as it was: who was asked, in which order, and what they said.
func TestTheWay(t *testing.T) {
	base, _, ready := servePlayground(t)
	ready()
	q := playground.Question{Device: "ios", User: "alice", Platform: "scf", Challenges: true}
	first := press(t, base, q)
	assert.Equal(t, "challenge phone token wechat function", first.stations(), "the first call on SCF fetches a token")
	way := func(mistake string, challenges bool) string {
		q.Mistake, q.Challenges = mistake, challenges
		return press(t, base, q).stations()
	}
	assert.Equal(t, "challenge phone wechat function", way("", true), "and the next has one")
	assert.Equal(t, "challenge phone wechat function wechat function", way("replay", true))
	assert.Equal(t, "phone function", way("expired", true), "WeChat is not asked about what is refused before")
	assert.Equal(t, "phone function", way("made-up", true))
	q.Purpose = true
	assert.Equal(t, "challenge phone function", way("another-order", true))
	q.Purpose = false
	assert.Equal(t, "challenge phone wechat function", way("another-order", true), "the twin: for no purpose, WeChat is asked")
	assert.Contains(t, way("revoked", true), "wechat wechat token wechat function", "refused, a new token, asked again")
	way("", false) // its function fetches a token, too
	assert.Equal(t, "phone wechat function", way("", false))

	q.Mistake = "slow"
	slow := press(t, base, q)
	assert.Equal(t, -604102, slow.last().Code)
	assert.NotContains(t, slow.raw, `"outcome":"cut"`)
	for _, span := range slow.spans {
		if span.Station == "wechat" {
			assert.Equal(t, "left", span.Outcome, "WeChat was not waited for any longer")
		}
	}
	q.Mistake = "cut"
	cut := press(t, base, q)
	assert.Contains(t, cut.raw, `"outcome":"cut"`)
	for _, r := range []told{first, slow, cut} {
		for _, span := range r.spans {
			assert.LessOrEqual(t, span.Start, span.End, "%+v", span)
			if span.Outcome == "left" {
				continue // WeChat's side notices it a little later
			}
			assert.LessOrEqual(t, span.End, r.spans[len(r.spans)-1].End, "the function is done last: %+v", span)
		}
	}
}

// Each of the sandbox's devices can be chosen, and its signature is genuine.
func TestEveryDeviceCanBePressed(t *testing.T) {
	base, _, ready := servePlayground(t)
	ready()
	for _, device := range sandbox.Devices() {
		q := playground.Question{Device: string(device.Device), User: "alice", Platform: "http", Challenges: true}
		r := press(t, base, q)
		assert.Equal(t, "genuine", r.last().Verdict, device.Device)
		assert.Equal(t, r.signed, r.sent)
	}
}

// What the playground does to its WeChat does not reach the WeChat that everybody
// else on the server asks, nor the other way round.
func TestThePlaygroundKeepsItsTroubleToItself(t *testing.T) {
	w := openWorld(t, settings{platforms: []string{"scf"}})
	play, err := w.play(t.Context(), "")
	require.NoError(t, err)
	defer func() { assert.NoError(t, play.Close()) }()
	play.Ready(stage{w})

	require.NoError(t, w.sandbox.Inject(sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: 45009}))
	asked := w.sandbox.Requests("")
	q := playground.Question{Device: "ios", User: "alice", Platform: "lambda", Challenges: true, Mistake: "cut"}
	assert.Equal(t, -604103, press(t, w.base, q).last().Code)
	q.Mistake = ""
	assert.Equal(t, "genuine", press(t, w.base, q).last().Verdict)
	assert.Len(t, w.sandbox.Faults(), 1, "a fault that somebody has injected stays")
	assert.Equal(t, asked, w.sandbox.Requests(""))

	// At / both are served: the page to browsers, Tencent Cloud's API to its SDKs.
	resp, page := get(t, w.base+"/", nil)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, page, "<!DOCTYPE html>")
	resp, answer := get(t, w.base+"/", func(r *http.Request) {
		r.Header.Set("X-TC-Action", "InvokeFunction")
		r.Header.Set("X-TC-Version", "2018-04-16")
	})
	assert.NotContains(t, answer, "<!DOCTYPE html>", resp.Status)
	_, answer = ask(t, w.base, "/", nil)
	assert.Contains(t, answer, "openapi.soter.verifySignature", "POST / is the function's")
}

func get(t *testing.T, url string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}
