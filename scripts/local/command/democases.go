package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/challenge"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secret"
)

// Users of the demo.
const (
	alice = "oDemo-Alice_0000000000000001"
	bob   = "oDemo-Bob___0000000000000002"
	eve   = "oDemo-NeverSeen_000000000003"
)

// demoCase is one of the demo: a request to a function, and the expected response.
type demoCase struct {
	heading  string
	name     string
	function string
	event    eventOf
	want     verdict
}

// verdict is the result of a response.
type verdict struct {
	isOK bool
	code int
	// reason is why the verdict is not yes, from the function's log.
	reason string
}

func (v verdict) String() string {
	text := fmt.Sprintf("isOk %v, errCode %d", v.isOK, v.code)
	if v.reason != "" {
		text += ": " + v.reason
	}
	return text
}

// cell is one platform's response.
type cell struct {
	platform platform
	reply    reply
	got      verdict
	problem  string // "" if the response is right
}

// ask makes the call of c.
func (c demoCase) ask(ctx context.Context, w *world, on platform) (cell, error) {
	signed, err := c.event(ctx, w, on)
	if err != nil {
		return cell{}, err
	}
	event, err := json.Marshal(signed)
	if err != nil {
		return cell{}, err
	}
	got, err := w.call(ctx, call{platform: on.name, function: c.function, event: event})
	if err != nil {
		return cell{}, err
	}
	answered := cell{platform: on, reply: got}
	answered.got, answered.problem = c.judge(got)
	return answered, nil
}

// judge reads a response and its log line, and says what is wrong with it.
func (c demoCase) judge(r reply) (got verdict, problem string) {
	var answer struct {
		IsOK    *bool   `json:"isOk"`
		ErrMsg  *string `json:"errMsg"`
		ErrCode *int    `json:"errCode"`
	}
	if err := json.Unmarshal(r.answer, &answer); err != nil || answer.IsOK == nil || answer.ErrCode == nil || answer.ErrMsg == nil {
		return verdict{}, "this is no answer to verifySignature"
	}
	var line struct {
		IsOK   bool   `json:"isOk"`
		Reason string `json:"reason"`
		Error  string `json:"error"`
	}
	if err := json.Unmarshal(r.line, &line); err != nil {
		return verdict{}, "there is no log line"
	}
	// WeChat's ID of the request differs each time
	reason, _, _ := strings.Cut(line.Reason+line.Error, " rid: ")
	got = verdict{*answer.IsOK, *answer.ErrCode, reason}
	switch {
	case r.failed:
		problem = "the function itself failed"
	case got != c.want:
		problem = fmt.Sprintf("must be %v", c.want)
	case (*answer.ErrMsg == "openapi.soter.verifySignature:ok") != (c.want.code == 0):
		problem = "errMsg and errCode contradict each other"
	case line.IsOK != got.isOK:
		problem = "the log line says something else"
	}
	return got, problem
}

const wrong = "WeChat says that the signature is wrong"

// yes is the verdict on a genuine signature.
var yes = verdict{isOK: true}

// no returns the verdict on another one, with the reason.
func no(reason string) verdict { return verdict{reason: reason} }

// cases returns the signed cases of the demo.
func cases(s *sandbox.Sandbox) ([]demoCase, error) {
	phones := map[sandbox.Device]*sandbox.Phone{}
	genuine := map[sandbox.Device]sandbox.Signed{}
	var err error
	for _, device := range []sandbox.Device{sandbox.Android, sandbox.Huawei, sandbox.IOS} {
		if phones[device], err = s.Phone(alice, device); err != nil {
			return nil, err
		}
		if genuine[device], err = phones[device].Sign("demo-challenge-" + string(device)); err != nil {
			return nil, err
		}
	}
	alices := phones[sandbox.Android]
	bobs, err := s.Phone(bob, sandbox.Android)
	if err != nil {
		return nil, err
	}
	others, err := bobs.Sign("demo-challenge-bob")
	if err != nil {
		return nil, err
	}
	pkcs1, err := alices.SignPKCS1v15("demo-challenge-pkcs1")
	if err != nil {
		return nil, err
	}

	changed := func(f func(*sandbox.Signed)) sandbox.Signed {
		event := genuine[sandbox.Android]
		f(&event)
		return event
	}
	judged := func(name string, event sandbox.Signed, want verdict) demoCase {
		return demoCase{"WeChat judges the signature", name, "verify", always(event), want}
	}
	return append([]demoCase{
		judged("genuine, Android", genuine[sandbox.Android], yes),
		judged("genuine, Huawei", genuine[sandbox.Huawei], yes),
		judged("genuine, iOS", genuine[sandbox.IOS], yes),
		judged("unknown openid", changed(func(e *sandbox.Signed) { e.OpenID = eve }), verdict{code: 40003, reason: "errCode 40003: invalid openid"}),
		judged("changed jsonString", changed(func(e *sandbox.Signed) { e.JSONString = strings.Replace(e.JSONString, "demo", "dem0", 1) }), no(wrong)),
		judged("changed signature", changed(func(e *sandbox.Signed) { e.JSONSignature = changeByte(e.JSONSignature) }), no(wrong)),
		judged("another user's key", changed(func(e *sandbox.Signed) { e.JSONString, e.JSONSignature = others.JSONString, others.JSONSignature }), no(wrong)),
		judged("PKCS #1 v1.5", pkcs1, no(wrong)),
	}, challengeCases(alices, bobs)...), nil
}

// challengeCases show the limits of a challenge: once, for a while, for one user.
func challengeCases(alices, bobs *sandbox.Phone) []demoCase {
	answered := map[platform]sandbox.Signed{}
	strict := func(name string, event eventOf, want verdict) demoCase {
		return demoCase{"With CHALLENGE_SECRET it must answer our question, once", name, strictVerify, event, want}
	}
	return []demoCase{
		strict("our challenge, answered", func(ctx context.Context, w *world, on platform) (event sandbox.Signed, err error) {
			event, err = signedBy(alices)(ctx, w, on)
			answered[on] = event
			return event, err
		}, yes),
		strict("replayed", func(_ context.Context, _ *world, on platform) (sandbox.Signed, error) {
			return answered[on], nil
		}, no("the challenge was used before")),
		strict("too late", func(context.Context, *world, platform) (sandbox.Signed, error) {
			expired, err := expiredChallenge(alice)
			if err != nil {
				return sandbox.Signed{}, err
			}
			return alices.Sign(expired)
		}, no("the challenge has expired")),
		strict("stolen", signedBy(bobs), no("the challenge was issued to another user")),
		strict("made up", func(context.Context, *world, platform) (sandbox.Signed, error) {
			return alices.Sign("123456")
		}, no("the challenge is not one that we issued")),
	}
}

// eventOf returns the event for a platform.
type eventOf func(ctx context.Context, w *world, on platform) (sandbox.Signed, error)

func always(event sandbox.Signed) eventOf {
	return func(context.Context, *world, platform) (sandbox.Signed, error) { return event, nil }
}

// signedBy returns a new challenge for Alice, signed on the phone.
func signedBy(phone *sandbox.Phone) eventOf {
	return func(ctx context.Context, w *world, on platform) (sandbox.Signed, error) {
		issued, err := issue(ctx, w, on, alice)
		if err != nil {
			return sandbox.Signed{}, err
		}
		return phone.Sign(issued)
	}
}

// issue calls a platform's challenge function.
func issue(ctx context.Context, w *world, on platform, openid string) (string, error) {
	event, err := json.Marshal(map[string]string{"openid": openid})
	if err != nil {
		return "", err
	}
	got, err := w.call(ctx, call{platform: on.name, function: "challenge", event: event})
	if err != nil {
		return "", err
	}
	var answer struct {
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal(got.answer, &answer); err != nil || answer.Challenge == "" {
		return "", errors.Join(fmt.Errorf("no challenge: %s", got.answer), err)
	}
	return answer.Challenge, nil
}

// expiredChallenge returns one of ours, issued some minutes ago, so that the demo need not
// wait.
func expiredChallenge(openid string) (string, error) {
	ago := func() time.Time { return time.Now().Add(-2 * challenge.DefaultTTL) }
	issuer, err := challenge.NewIssuer([]secret.Text{secret.New(challengeSecret)}, challenge.DefaultTTL, ago)
	if err != nil {
		return "", err
	}
	c, err := issuer.Issue(openid, "")
	return c.Text, err
}

// changeByte replaces one character in the middle of a base64 text by another.
func changeByte(text string) string {
	b := []byte(text)
	if i := len(b) / 2; b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}
