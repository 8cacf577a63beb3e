package sotercall_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"sotercall"
	"sotercall/sotercalltest"
)

// openid is the user as the session says; see the pages of WeChat's wx.login.
const openid = "oUser-0123456789-0123456789"

// A service opens once, when the program starts. In production the AppID and the AppSecret
// are those of the Mini Program, and the secrets come from where the program keeps its own.
func Example() {
	wechat := sotercalltest.NewServer() // in production: WeChat itself
	defer wechat.Close()
	appID, appSecret := wechat.Config().Apps[0].AppID, wechat.Config().Apps[0].AppSecret
	const challengeSecret = "32 random bytes or more, as text"

	config := sotercall.Config{
		Apps:             []sotercall.App{{AppID: appID, AppSecret: appSecret}},
		ChallengeSecrets: []string{challengeSecret},
	}
	config.APIBases, config.Logger = []string{wechat.URL}, wechat.Config().Logger // in this test
	service, err := sotercall.Open(config)
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	ctx := context.Background()
	const purpose = "pay order 2026-0042: 12.00 CNY"
	challenge, err := service.IssueChallenge(ctx, sotercall.ChallengeRequest{OpenID: openid, Purpose: purpose})
	if err != nil {
		log.Fatal(err)
	}

	signed := wechat.Phone(openid).Sign(challenge.Text) // what the page sends
	verified, err := service.Verify(ctx, sotercall.Request{
		OpenID: openid, Purpose: purpose, // what the session and the order say
		JSONString: signed.JSONString, JSONSignature: signed.JSONSignature,
	})
	fmt.Println(verified.Purpose, err)
	// Output: pay order 2026-0042: 12.00 CNY <nil>
}

// A caller does one of three things.
func ExampleService_Verify() {
	wechat := sotercalltest.NewServer()
	defer wechat.Close()
	service, err := sotercall.Open(wechat.Config())
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	phone := wechat.Phone(openid)
	ctx := context.Background()
	pay := func(r sotercall.Request) string {
		_, err := service.Verify(ctx, r)
		if refused, ok := errors.AsType[*sotercall.RefusedError](err); ok {
			return "refuse: " + string(refused.Reason) // for the log; tell the user that it failed
		}
		if err != nil {
			return "try again later" // nothing is known of the signature
		}
		return "pay"
	}
	challenge := func() string {
		c, err := service.IssueChallenge(ctx, sotercall.ChallengeRequest{OpenID: openid})
		if err != nil {
			log.Fatal(err)
		}
		return c.Text
	}

	genuine := phone.Sign(challenge())
	fmt.Println(pay(genuine))
	fmt.Println(pay(genuine))
	fmt.Println(pay(phone.SignWrongly(challenge())))
	wechat.Fail(sotercalltest.Down)
	fmt.Println(pay(phone.Sign(challenge())))
	// Output:
	// pay
	// refuse: used
	// refuse: wrong signature
	// try again later
}

// The handler answers what the deployed functions answer, under a prefix of the program's.
func ExampleService_Handler() {
	wechat := sotercalltest.NewServer()
	defer wechat.Close()
	config := wechat.Config()
	config.Auth.BearerTokens = []string{"a secret of the other backend"}
	service, err := sotercall.Open(config)
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	mux := http.NewServeMux()
	mux.Handle("/soter/", http.StripPrefix("/soter", service.Handler()))
	server := httptest.NewServer(mux) // in production: http.ListenAndServe
	defer server.Close()

	for _, token := range []string{"a secret of the other backend", "a guess"} {
		body := strings.NewReader(`{"openid":"` + openid + `"}`)
		r, err := http.NewRequest(http.MethodPost, server.URL+"/soter/openapi/soter/issueChallenge", body)
		if err != nil {
			log.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		response.Body.Close()
		fmt.Println(response.Status)
	}
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// 200 OK
	// 401 Unauthorized
}
