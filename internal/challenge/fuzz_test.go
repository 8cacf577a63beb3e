package challenge_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/soter"
)

// FuzzCheck: a text that was not issued is never taken, an issued one is taken
// for its user alone, and no longer once anything in it is changed.
func FuzzCheck(f *testing.F) {
	// A secret that no corpus has seen.
	issuer := newIssuer(f, newClock().Now, secret.New(rand.Text()+rand.Text()))
	f.Add("", alice, uint8(0), uint8(1))
	f.Add("123456", bob, uint8(24), uint8(0x80))
	f.Add(strings.Repeat("A", challenge.TextLength), alice, uint8(95), uint8(3))
	f.Add(issue(f, newIssuer(f, newClock().Now), alice), alice, uint8(40), uint8(0x20))
	f.Fuzz(func(t *testing.T, text, openid string, place, change uint8) {
		ticket, err := issuer.Check(text, challenge.User{OpenID: openid})
		require.ErrorIs(t, err, challenge.ErrNotOurs)
		require.Zero(t, ticket)

		issued, err := issuer.Issue(openid, "")
		if openid == "" || len(openid) > openapi.MaxOpenID {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		_, err = issuer.Check(issued.Text, challenge.User{OpenID: openid})
		require.NoError(t, err)
		_, err = issuer.Check(issued.Text, challenge.User{OpenID: openid + text + "x"})
		require.ErrorIs(t, err, challenge.ErrOtherUser)

		if change != 0 {
			tampered := []byte(issued.Text)
			tampered[int(place)%len(tampered)] ^= change
			_, err = issuer.Check(string(tampered), challenge.User{OpenID: openid})
			require.ErrorIs(t, err, challenge.ErrNotOurs)
		}
	})
}

// FuzzVerifier: genuine exactly if the text is a result over the challenge that
// was issued and next said so, and then once. In the text, a dollar sign stands
// for the challenge, which no fuzzer can guess.
func FuzzVerifier(f *testing.F) {
	const nextGenuine, nextWrong, nextFails = 0, 1, 2
	f.Add(`{"raw":"$","counter":7,"cpu_id":"c0ffee","uid":"21"}`, uint8(nextGenuine))
	f.Add(`{"raw":"$","counter":"7","cpu_id":"c0ffee","uid":21,"rsa_pss_saltlen":32}`, uint8(nextGenuine))
	f.Add(`{"raw":"$","counter":7,"cpu_id":"c0ffee","uid":"21"}`, uint8(nextWrong))
	f.Add(`{"raw":"$","counter":7,"cpu_id":"c0ffee","uid":"21"}`, uint8(nextFails))
	f.Add(`{"raw":"123456","counter":7,"cpu_id":"$","uid":"21"}`, uint8(nextGenuine))
	f.Add(`{"raw":"$","raw":"x","counter":7,"cpu_id":"c0ffee","uid":"21"}`, uint8(nextGenuine))
	f.Add(`{"raw":"\u0024$","counter":18446744073709551616,"cpu_id":"c0ffee","uid":"21"}`, uint8(nextGenuine))
	f.Add("{\"raw\":\"$\",\"fid\":\"\x00\",\"x\":{\"raw\":1}}", uint8(nextGenuine))
	f.Fuzz(func(t *testing.T, jsonString string, says uint8) {
		d := newDesk(t, nil)
		text := issue(t, d.Issuer, alice)
		jsonString = strings.ReplaceAll(jsonString, "$", text)
		result, malformed := soter.ParseClaims(jsonString)
		isAnswer := malformed == nil && result.Raw == text
		unchecked := 0
		d.OnUnchecked = func(context.Context, string) { unchecked++ }
		failure := errors.New("next fails")
		switch says %= 3; says {
		case nextWrong:
			d.next.verdict = openapi.Wrong("next says so")
		case nextFails:
			d.next.err = failure
		}

		verdict, err := d.Verify(context.Background(), question(alice, jsonString))
		require.Equal(t, isAnswer, d.next.asked == 1)
		require.Equal(t, isAnswer && says == nextGenuine, verdict.IsGenuine())
		require.Equal(t, verdict.IsGenuine() && result.Uncounted != nil, unchecked == 1)
		require.Equal(t, isAnswer && says == nextFails, err != nil)
		require.Equal(t, err == nil && !verdict.IsGenuine(), verdict.Reason() != "")
		assert.LessOrEqual(t, len(verdict.Reason()), 800)

		d.next.verdict, d.next.err = openapi.Genuine(), nil
		again := d.verify(t, question(alice, jsonString))
		require.Equal(t, isAnswer && says != nextGenuine, again.IsGenuine())
	})
}
