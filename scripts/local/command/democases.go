package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/challenge"
	"sotercall/internal/dev/hosting"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secret"
	"sotercall/scripts/local/texts"
)

// Users of the demo.
const (
	alice = "oDemo-Alice_0000000000000001"
	bob   = "oDemo-Bob___0000000000000002"
	eve   = "oDemo-NeverSeen_000000000003"
)

// demoCase is a case of the demo: a request to a function, and the expected response. Its
// heading and name are keys of the texts.
type demoCase struct {
	heading  string
	name     string
	function string
	event    eventOf
	want     verdict
}

// verdict is what an answer comes to.
type verdict struct {
	isOK bool
	code int
	// reason is why the answer is not yes, as the function has logged it.
	reason string
}

func (v verdict) String() string {
	text := fmt.Sprintf("isOk %v, errCode %d", v.isOK, v.code)
	if v.reason != "" {
		text += ": " + v.reason
	}
	return text
}

// cell is how one platform answered.
type cell struct {
	platform platform
	reply    reply
	got      verdict
	problem  string // "" if the answer is ok
}

// title returns the name of c, with the reason why it is refused.
func (c demoCase) title(table texts.Table) string {
	name := table.Say("demo.case." + c.name)
	if c.want.reason == "" {
		return name
	}
	return table.Say("demo.case", name, texts.Reason(table.Language, c.want.reason))
}

// ask sends the request of c.
func (c demoCase) ask(ctx context.Context, w *world, on platform, table texts.Table) (cell, error) {
	signed, err := c.event(ctx, w, on)
	if err != nil {
		return cell{}, err
	}
	got, err := w.call(ctx, call{platform: on.name, function: c.function, event: hosting.Event(signed)})
	if err != nil {
		return cell{}, err
	}
	answered := cell{platform: on, reply: got}
	answered.got, answered.problem = c.judge(got, table)
	return answered, nil
}

// judge reads an answer and its log line, and says what is wrong with it.
func (c demoCase) judge(r reply, table texts.Table) (got verdict, problem string) {
	var answer struct {
		IsOK    *bool   `json:"isOk"`
		ErrMsg  *string `json:"errMsg"`
		ErrCode *int    `json:"errCode"`
	}
	if err := json.Unmarshal(r.answer, &answer); err != nil || answer.IsOK == nil || answer.ErrCode == nil || answer.ErrMsg == nil {
		return verdict{}, table.Say("demo.problem.shape")
	}
	var line struct {
		IsOK   bool   `json:"isOk"`
		Reason string `json:"reason"`
		Error  string `json:"error"`
	}
	if err := json.Unmarshal(r.line, &line); err != nil {
		return verdict{}, table.Say("demo.problem.log")
	}
	// WeChat's name for the request differs each time.
	reason, _, _ := strings.Cut(line.Reason+line.Error, " rid: ")
	got = verdict{*answer.IsOK, *answer.ErrCode, reason}
	switch {
	case r.failed:
		problem = table.Say("demo.problem.failed")
	case got != c.want:
		problem = table.Say("demo.problem.expected", c.want)
	case (*answer.ErrMsg == "openapi.soter.verifySignature:ok") != (c.want.code == 0):
		problem = table.Say("demo.problem.contradiction")
	case line.IsOK != got.isOK:
		problem = table.Say("demo.problem.logged")
	}
	return got, problem
}

const wrong = "WeChat says that the signature is wrong"

// yes is the verdict on what is genuine.
var yes = verdict{isOK: true}

// no returns the verdict isOk: false with this reason.
func no(reason string) verdict { return verdict{reason: reason} }

// cases signs what the demo shows.
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
		return demoCase{"verify", name, "verify", always(event), want}
	}
	return append([]demoCase{
		judged("android", genuine[sandbox.Android], yes),
		judged("huawei", genuine[sandbox.Huawei], yes),
		judged("ios", genuine[sandbox.IOS], yes),
		judged("unknown-openid", changed(func(e *sandbox.Signed) { e.OpenID = eve }), verdict{code: 40003, reason: "errCode 40003: invalid openid"}),
		judged("changed-text", changed(func(e *sandbox.Signed) { e.JSONString = strings.Replace(e.JSONString, "demo", "dem0", 1) }), no(wrong)),
		judged("changed-signature", changed(func(e *sandbox.Signed) { e.JSONSignature = changeByte(e.JSONSignature) }), no(wrong)),
		judged("another-key", changed(func(e *sandbox.Signed) { e.JSONString, e.JSONSignature = others.JSONString, others.JSONSignature }), no(wrong)),
		judged("pkcs1", pkcs1, no(wrong)),
	}, challengeCases(alices, bobs)...), nil
}

// challengeCases show what a challenge is good for: once, for a while, for one user.
func challengeCases(alices, bobs *sandbox.Phone) []demoCase {
	answered := map[platform]sandbox.Signed{}
	strict := func(name string, event eventOf, want verdict) demoCase {
		return demoCase{"challenges", name, strictVerify, event, want}
	}
	return []demoCase{
		strict("issued", func(ctx context.Context, w *world, on platform) (event sandbox.Signed, err error) {
			event, err = signedBy(alices)(ctx, w, on)
			answered[on] = event
			return event, err
		}, yes),
		strict("replayed", func(_ context.Context, _ *world, on platform) (sandbox.Signed, error) {
			return answered[on], nil
		}, no("the challenge was used before")),
		strict("late", func(context.Context, *world, platform) (sandbox.Signed, error) {
			expired, err := expiredChallenge(alice)
			if err != nil {
				return sandbox.Signed{}, err
			}
			return alices.Sign(expired)
		}, no("the challenge has expired")),
		strict("stolen", signedBy(bobs), no("the challenge was issued to another user")),
		strict("made-up", func(context.Context, *world, platform) (sandbox.Signed, error) {
			return alices.Sign("123456")
		}, no("the challenge is not one that we issued")),
	}
}

// eventOf makes the event that is asked on a platform.
type eventOf func(ctx context.Context, w *world, on platform) (sandbox.Signed, error)

func always(event sandbox.Signed) eventOf {
	return func(context.Context, *world, platform) (sandbox.Signed, error) { return event, nil }
}

// signedBy is a new challenge for Alice, signed by somebody.
func signedBy(phone *sandbox.Phone) eventOf {
	return func(ctx context.Context, w *world, on platform) (sandbox.Signed, error) {
		issued, err := issue(ctx, w, on, alice)
		if err != nil {
			return sandbox.Signed{}, err
		}
		return phone.Sign(issued)
	}
}

// issue asks a platform's challenge function for a challenge.
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

// expiredChallenge returns a challenge of ours that was issued some minutes ago, so the
// demo need not wait.
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
