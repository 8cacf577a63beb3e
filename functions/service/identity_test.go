package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// Who a request comes from, as the service must take it.
const (
	nobody  = "nobody"
	backend = "the backend"
	itself  = "the user of the sample"
	another = "another user"
)

// headers are what a request may carry, by names.
func headers(openid, platformToken string) map[string]http.Header {
	with := func(h http.Header, name string, values ...string) http.Header {
		h = h.Clone()
		h[name] = values
		return h
	}
	none := http.Header{}
	user, other := with(none, "X-Wx-Openid", openid), with(none, "X-Wx-Openid", bob)
	token := with(none, "Authorization", "Bearer "+bearer)
	return map[string]http.Header{
		"nothing":                     none,
		"a user":                      user,
		"another user":                other,
		"no user's name":              with(none, "X-Wx-Openid", ""),
		"two users":                   with(none, "X-Wx-Openid", openid, bob),
		"a user twice":                with(none, "X-Wx-Openid", openid, openid),
		"a user, otherwise spelled":   with(none, "X_WX_OPENID", openid),
		"a user's person":             with(none, "X-Wx-Unionid", "u"),
		"a user of another app":       with(user, "X-Wx-From-Openid", bob),
		"a person of another app":     with(none, "X-Wx-From-Unionid", "u"),
		"a source":                    with(none, "X-Wx-Source", "scf"),
		"another user and a source":   with(other, "X-Wx-Source", "wx_client,scf"),
		"an app":                      with(none, "X-Wx-Appid", sandbox.DefaultAppID),
		"the platform's token":        with(none, "X-Wx-Cloudbase-Access-Token", platformToken),
		"this machine":                with(none, "X-Forwarded-For", "127.0.0.1"),
		"a token":                     token,
		"a wrong token":               with(none, "Authorization", "Bearer wrong"),
		"a token of another scheme":   with(none, "Authorization", "Basic "+bearer),
		"another user and a token":    with(other, "Authorization", "Bearer "+bearer),
		"a user and a wrong token":    with(user, "Authorization", "Bearer wrong"),
		"a person and a token":        with(token, "X-Wx-Unionid", "u"),
		"a source and a token":        with(token, "X-Wx-Source", "wx_client"),
		"a user of another and token": with(token, "X-Wx-From-Openid", bob),
	}
}

// TestWhoEntersAService asks with each kind of headers on each setting. What a
// setting does not list is nobody to it.
func TestWhoEntersAService(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	_, err := wechat.Phone(bob, sandbox.Android)
	require.NoError(t, err)
	sample := hosted.Sample(t)
	asked := headers(sample.OpenID, wechat.CloudbaseAccessToken())
	// Where the gateway's headers prove nothing, they take nothing away either.
	tokens := map[string]string{
		"a token": backend, "another user and a token": backend, "a person and a token": backend,
		"a source and a token": backend, "a user of another and token": backend,
	}
	users := map[string]string{
		"a user": itself, "another user": another, "another user and a source": another,
		"another user and a token": another, "a user and a wrong token": itself,
	}
	both := map[string]string{"a token": backend, "a source and a token": backend}
	for who, is := range users {
		both[who] = is
	}
	// The deployer says that an authorizer stands in front of the port: whoever
	// arrives is its backend.
	everybody := map[string]string{}
	for who := range asked {
		everybody[who] = backend
	}
	for setting, c := range map[string]struct {
		variables map[string]string
		enter     map[string]string
	}{
		"not set":           {nil, nil},
		"bearer, no tokens": {map[string]string{"HTTP_AUTH": "bearer"}, nil},
		"tokens only":       {map[string]string{"HTTP_BEARER_TOKENS": bearer}, tokens},
		"bearer":            {map[string]string{"HTTP_AUTH": "bearer", "HTTP_BEARER_TOKENS": bearer}, tokens},
		"wechat":            {map[string]string{"HTTP_AUTH": "wechat"}, users},
		"wechat and tokens": {map[string]string{"HTTP_AUTH": "wechat", "HTTP_BEARER_TOKENS": bearer}, both},
		"platform":          {map[string]string{"HTTP_AUTH": "platform"}, everybody},
	} {
		verifies := serve(t, hosted.With(wechat.Variables(), c.variables))
		issues := serve(t, hosted.With(hosted.With(wechat.Variables(), c.variables),
			map[string]string{"CHALLENGE_SECRET": strings.Repeat("c", 32)}))
		for who, header := range asked {
			is := c.enter[who]
			if is == "" {
				is = nobody
			}
			t.Run(setting+"/"+who, func(t *testing.T) {
				entersAs(t, is, verifies.URL, issues.URL, header)
			})
		}
	}
}

// entersAs asks everything that depends on who asks.
func entersAs(t *testing.T, is, verifies, issues string, header http.Header) {
	sample := hosted.Sample(t)
	unnamed := sample
	unnamed.OpenID = ""
	const verify, issue = "/openapi/soter/verifySignature", "/openapi/soter/issueChallenge"
	missing := "parameter.openid is missing"
	for _, c := range []struct {
		what, url string
		body      any
		says      map[string]string // by who asks; others are refused
	}{
		{"verifies, named", verifies + "/", sample, map[string]string{backend: hosted.Verified, itself: hosted.Verified}},
		{"verifies, named, by path", verifies + verify, sample, map[string]string{backend: hosted.Verified, itself: hosted.Verified}},
		// Nobody else's signature becomes his by his name in a header.
		{"verifies, unnamed", verifies + "/", unnamed, map[string]string{
			backend: missing, itself: hosted.Verified, another: `"isOk":false,"errMsg":"openapi.soter.verifySignature:ok"`}},
		{"is challenged", issues + issue, map[string]string{}, map[string]string{
			backend: missing, itself: `"challenge":"`, another: `"challenge":"`}},
		{"is challenged, named", issues + issue, map[string]string{"openid": sample.OpenID}, map[string]string{
			backend: `"challenge":"`, itself: `"challenge":"`}},
	} {
		_, answer := hosted.Post(t, c.url, hosted.JSON(t, c.body), header)
		if says, ok := c.says[is]; ok {
			assert.Contains(t, answer, says, c.what)
			continue
		}
		assert.Regexp(t, `"errCode":-60410[14]`, answer, c.what)
		assert.NotContains(t, answer, `"isOk":true`, c.what)
		assert.NotContains(t, answer, `"challenge"`, c.what)
	}
	// WeChat's own path asks for WeChat's own token, whoever asks.
	_, answer := hosted.Post(t, verifies+"/cgi-bin/soter/verify_signature", []byte(`{}`), header)
	assert.Contains(t, answer, `"errcode":41001`)
}
