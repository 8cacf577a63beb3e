package main

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// TestPurposeThroughTheFunctions signs for one order, and presents the signature for
// another, for none, and for its own, through the real functions.
func TestPurposeThroughTheFunctions(t *testing.T) {
	const order, other = "pay order 2026-0042, 42.00 CNY", "pay order 2026-0043, 42.00 CNY"
	f := newFleetOf(t, 1, nil)
	phone, err := f.Phone(alice, sandbox.Android)
	require.NoError(t, err)
	ask := func(event map[string]string) string {
		return hosted.Invoke(t, f.verify[0], hosted.JSON(t, event), nil)
	}
	issueFor := func(purpose string) (string, string) {
		event := map[string]string{"openid": alice}
		if purpose != "" {
			event["purpose"] = purpose
		}
		answer := hosted.Invoke(t, f.challenge, hosted.JSON(t, event), nil)
		var issued struct {
			Challenge string `json:"challenge"`
		}
		require.NoError(t, json.Unmarshal([]byte(answer), &issued))
		require.NotEmpty(t, issued.Challenge, answer)
		signed, err := phone.Sign(issued.Challenge)
		require.NoError(t, err)
		return signed.JSONString, signed.JSONSignature
	}
	request := func(text, signature, purpose string) map[string]string {
		event := map[string]string{"openid": alice, "jsonString": text, "jsonSignature": signature}
		if purpose != "" {
			event["purpose"] = purpose
		}
		return event
	}

	text, signature := issueFor(order)
	before := f.Requests(verifyPath)
	for range 4 { // more often than a challenge may have wrong signatures
		for _, purpose := range []string{other, "", order + " "} {
			assert.Equal(t, refused, ask(request(text, signature, purpose)), purpose)
		}
	}
	assert.Equal(t, before, f.Requests(verifyPath), "WeChat was not asked")
	assert.Equal(t, hosted.Verified, ask(request(text, signature, order)))
	sent, ok := f.LastRequest(verifyPath)
	require.True(t, ok)
	assert.NotContains(t, string(sent.Body), "urpose", "it is not sent upstream")
	assert.NotContains(t, string(sent.Body), "pay order")
	assert.Equal(t, refused, ask(request(text, signature, order)), "it counts once")

	login, loginSignature := issueFor("")
	assert.Equal(t, refused, ask(request(login, loginSignature, order)), "a login does not pay")
	assert.Equal(t, hosted.Verified, ask(request(login, loginSignature, "")))

	log := f.logs.String()
	assert.NotContains(t, log, "pay order")
	for _, reason := range []string{"for another purpose", "for no purpose, and the request names one", "for a purpose, and the request names none"} {
		assert.Contains(t, log, reason)
	}
}

func TestPurposeIsRequiredWhereYouSaySo(t *testing.T) {
	const order = "pay order 2026-0042"
	logs := new(hosted.Log)
	s := hosted.NewSandbox(t, sandbox.Options{})
	required := map[string]string{"CHALLENGE_SECRET": secretText, "CHALLENGE_PURPOSE": "required"}
	issuing := hosted.SCF(t, "challenge", required, hosted.Ample, logs)
	strict := hosted.SCF(t, "verify", hosted.With(s.Variables(), required), hosted.Ample, logs)
	off := hosted.SCF(t, "verify", s.Variables(), hosted.Ample, logs)
	misplaced := hosted.SCF(t, "verify", hosted.With(s.Variables(), map[string]string{"CHALLENGE_PURPOSE": "required"}), hosted.Ample, logs)

	assert.Contains(t, hosted.Invoke(t, issuing, []byte(`{"openid":"`+alice+`"}`), nil), `-501007`)
	issued := hosted.Invoke(t, issuing, []byte(`{"openid":"`+alice+`","purpose":"`+order+`"}`), nil)
	_, rest, _ := strings.Cut(issued, `{"challenge":"`)
	text, _, _ := strings.Cut(rest, `"`)
	phone, err := s.Phone(alice, sandbox.IOS)
	require.NoError(t, err)
	signed, err := phone.Sign(text)
	require.NoError(t, err)
	without := hosted.JSON(t, signed)
	with := []byte(`{"purpose":"` + order + `",` + string(without[1:]))

	assert.Contains(t, hosted.Invoke(t, strict, without, nil), "parameter.purpose is missing")
	assert.Contains(t, hosted.Invoke(t, off, with, nil), "parameter.purpose is not possible here")
	assert.Zero(t, s.Requests(verifyPath))
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, strict, with, nil))
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, off, without, nil), "no challenges, no purpose: as ever")
	assert.Contains(t, hosted.Invoke(t, misplaced, without, nil), "CHALLENGE_PURPOSE")
}
