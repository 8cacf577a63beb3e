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

// A user whom WeChat names gets nothing from a secret that his request carries: no
// token, no status, no verdict about another user. The same secrets without the user
// are a backend's.
func TestAUserBehindWeChatGetsNothingFromASecret(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	clientSecret := strings.Repeat("s", 32)
	s := serve(t, hosted.With(wechat.Variables(), map[string]string{
		"HTTP_AUTH": "wechat", "HTTP_BEARER_TOKENS": bearer, "TOKEN_CLIENT_SECRETS": clientSecret,
	}))
	token := hosted.StableToken(t, s.URL, sandbox.DefaultAppID, clientSecret)
	sample := hosted.Sample(t)
	credentials := map[string]string{"grant_type": "client_credential", "appid": sandbox.DefaultAppID, "secret": clientSecret}
	asked := hosted.JSON(t, map[string]string{"openid": sample.OpenID, "json_string": sample.JSONString, "json_signature": sample.JSONSignature})
	httpsCall := s.URL + "/cgi-bin/soter/verify_signature?access_token=" + token
	classic := s.URL + "/cgi-bin/token?grant_type=client_credential&appid=" + sandbox.DefaultAppID + "&secret=" + clientSecret
	withBearer := http.Header{"Authorization": {"Bearer " + bearer}}

	for what, header := range map[string]http.Header{
		"the backend":                   {},
		"the user of the sample":        {"X-Wx-Openid": {sample.OpenID}},
		"another user":                  {"X-Wx-Openid": {bob}},
		"a user named twice":            {"X-Wx-Openid": {sample.OpenID, sample.OpenID}},
		"a user without an openid":      {"X-Wx-Unionid": {"u"}},
		"another app's user":            {"X-Wx-Openid": {sample.OpenID}, "X-Wx-From-Openid": {bob}},
		"another user who says backend": {"X-Wx-Openid": {bob}, "X-Wx-Source": {"scf"}},
	} {
		own, backend := what == "the user of the sample", what == "the backend"
		post := func(url string, body []byte, more http.Header) string {
			all := header.Clone()
			for name, values := range more {
				all[name] = values
			}
			_, answer := hosted.Post(t, url, body, all)
			return answer
		}
		says := func(answer, ok string, allowed bool, code string) {
			if allowed {
				assert.Contains(t, answer, ok, what)
				return
			}
			assert.Contains(t, answer, code, what)
			assert.NotContains(t, answer, token, what)
			assert.NotContains(t, answer, ok, what)
		}
		says(post(s.URL+"/cgi-bin/stable_token", hosted.JSON(t, credentials), nil), `"access_token":"`, backend, `"errcode":-604104`)
		says(post(s.URL+"/openapi/auth/getTokenStatus", []byte(`{}`), withBearer), `"errCode":0`, backend, `"errCode":-604104`)
		says(post(httpsCall, asked, nil), `"is_ok":true`, backend || own, `"errcode":-604104`)

		r, err := http.NewRequest(http.MethodGet, classic, nil)
		require.NoError(t, err)
		r.Header = header.Clone()
		reply, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		answer := make([]byte, 4096)
		n, _ := reply.Body.Read(answer)
		require.NoError(t, reply.Body.Close())
		says(string(answer[:n]), `"access_token":"`, backend, `"errcode":-604104`)
	}
}
