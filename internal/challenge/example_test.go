package challenge_test

import (
	"fmt"
	"time"

	"sotercall/internal/challenge"
	"sotercall/internal/secret"
)

func ExampleIssuer() {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	secrets := []secret.Text{secret.New("32 bytes or more, made by a generator")}
	issuer, err := challenge.NewIssuer(secrets, challenge.DefaultTTL, clock)
	if err != nil {
		panic(err)
	}
	c, err := issuer.Issue("oUser", "")
	if err != nil {
		panic(err)
	}
	fmt.Println(len(c.Text), c.ExpiresIn)

	_, err = issuer.Check(c.Text, challenge.User{OpenID: "oUser"})
	fmt.Println(err)
	_, err = issuer.Check(c.Text, challenge.User{OpenID: "oOther"})
	fmt.Println(err)
	now = now.Add(3 * time.Minute)
	_, err = issuer.Check(c.Text, challenge.User{OpenID: "oUser"})
	fmt.Println(err)
	// Output:
	// 96 2m0s
	// <nil>
	// the challenge was issued to another user
	// the challenge has expired
}
