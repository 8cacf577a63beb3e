package sotercalltest_test

import (
	"context"
	"fmt"
	"log"

	"sotercall"
	"sotercall/sotercalltest"
)

// A test signs with a phone of each kind of user that it is about.
func Example() {
	wechat := sotercalltest.NewServer()
	defer wechat.Close()
	service, err := sotercall.Open(wechat.Config())
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	ctx := context.Background()
	challenge, err := service.IssueChallenge(ctx, sotercall.ChallengeRequest{OpenID: "oAlice"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = service.Verify(ctx, wechat.Phone("oMallory").Sign(challenge.Text))
	fmt.Println(err)
	_, err = service.Verify(ctx, wechat.Phone("oAlice").Sign(challenge.Text))
	fmt.Println(err)
	fmt.Println(wechat.Verifications())
	// Output:
	// sotercall: the signature is refused (other user): the challenge was issued to another user
	// <nil>
	// 1
}
