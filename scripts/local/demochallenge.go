package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/challenge"
	"sotercall/internal/emulator"
	"sotercall/internal/sandbox"
	"sotercall/internal/secret"
)

// challengeScenes shows what a challenge is good for: once, for a while, for one
// user.
func challengeScenes(ctx context.Context, w *world, t *teller) error {
	phone, err := w.sandbox.Phone(alice, sandbox.Android)
	if err != nil {
		return err
	}
	bobsPhone, err := w.sandbox.Phone(bob, sandbox.Android)
	if err != nil {
		return err
	}
	for _, on := range platforms(w) {
		issued, err := issue(ctx, on.functions["challenge"], alice)
		if err != nil {
			return err
		}
		answered, err := phone.Sign(issued)
		if err != nil {
			return err
		}
		another, err := issue(ctx, on.functions["challenge"], alice)
		if err != nil {
			return err
		}
		bobs, err := bobsPhone.Sign(another)
		if err != nil {
			return err
		}
		expired, err := expiredChallenge(alice)
		if err != nil {
			return err
		}
		late, err := phone.Sign(expired)
		if err != nil {
			return err
		}
		made, err := phone.Sign("123456")
		if err != nil {
			return err
		}
		for _, s := range []scene{
			{"challenge answered", answered, true, 0},
			{"the same a second time", answered, false, 0},
			{"challenge expired", late, false, 0},
			{"challenge of another user", bobs, false, 0},
			{"challenge made up", made, false, 0},
		} {
			if err := t.play(ctx, s, on); err != nil {
				return err
			}
		}
	}
	return nil
}

// issue asks the challenge function for a challenge.
func issue(ctx context.Context, function emulator.Runtime, openid string) (string, error) {
	event, err := json.Marshal(map[string]string{"openid": openid})
	if err != nil {
		return "", err
	}
	got, err := function.Invoke(ctx, emulator.Call{Payload: event})
	if err != nil {
		return "", err
	}
	var answer struct {
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal(got.Payload, &answer); err != nil || answer.Challenge == "" {
		return "", errors.Join(fmt.Errorf("no challenge: %s", got.Payload), err)
	}
	return answer.Challenge, nil
}

// expiredChallenge is one of ours, issued some minutes ago: nobody has to wait.
func expiredChallenge(openid string) (string, error) {
	ago := func() time.Time { return time.Now().Add(-2 * challenge.DefaultTTL) }
	issuer, err := challenge.NewIssuer([]secret.Text{secret.New(challengeSecret)}, challenge.DefaultTTL, ago)
	if err != nil {
		return "", err
	}
	c, err := issuer.Issue(openid)
	return c.Text, err
}
