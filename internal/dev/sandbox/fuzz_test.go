package sandbox

import (
	stdjson "encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ask sends a request past the network and demands the shape of every answer.
func ask(t *testing.T, s *Sandbox, method, target, body string) map[string]any {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
	require.True(t, strings.HasPrefix(w.Header().Get("Content-Type"), "application/json"))
	var a map[string]any
	require.NoError(t, stdjson.Unmarshal(w.Body.Bytes(), &a))
	if code, ok := a["errcode"]; ok && code != float64(0) {
		require.Len(t, a, 2, "a failure says nothing but its code and text")
		require.Regexp(t, ` rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$`, a["errmsg"])
	}
	return a
}

// FuzzVerifySignature: whatever the body, is_ok is true only if a decoder that
// shares no code with the sandbox finds the genuine triple in it.
func FuzzVerifySignature(f *testing.F) {
	s := newSandbox(f, Options{})
	path := verifyURL(s.app.tokens.fetchClassic().AccessToken)
	genuine := demoSigned(f)
	good := jsonOf(f, bodyOf(genuine))
	for _, body := range []string{
		good,
		good + "\n",
		strings.ReplaceAll(good, "/", `\/`),
		strings.Replace(good, `"openid"`, `"openId"`, 1),
		strings.Replace(good, "==", "", 1),
		good[:len(good)-1] + `,"json_string":"{}"}`,
		`{"openid":"` + DemoOpenID + `","json_string":{"raw":"x"},"json_signature":null}`,
		`{}`, `null`, `[]`, `"`, ``, "\xff",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		a := ask(t, s, "POST", path, body)
		if _, failed := a["is_ok"]; !failed {
			require.NotZero(t, a["errcode"])
			return
		}
		if a["is_ok"] != true {
			return
		}
		var seen map[string]any
		require.NoError(t, stdjson.Unmarshal([]byte(body), &seen))
		require.Equal(t, genuine.OpenID, seen["openid"])
		require.Equal(t, genuine.JSONString, seen["json_string"])
		require.Equal(t, genuine.JSONSignature, seen["json_signature"])
	})
}

// FuzzStableToken: no token without the right credentials.
func FuzzStableToken(f *testing.F) {
	s := newSandbox(f, Options{})
	good := jsonOf(f, params())
	for _, body := range []string{
		good,
		jsonOf(f, with(params(), "force_refresh", true)),
		jsonOf(f, with(params(), "force_refresh", 1)),
		jsonOf(f, with(params(), "secret", nil)),
		strings.Replace(good, `"secret"`, `"SECRET"`, 1),
		good[:len(good)-1] + `,"secret":""}`,
		`{}`, `null`, ``, "\xff",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		a := ask(t, s, "POST", stablePath, body)
		if a["access_token"] == nil {
			require.NotZero(t, a["errcode"])
			return
		}
		var seen map[string]any
		require.NoError(t, stdjson.Unmarshal([]byte(body), &seen))
		require.Equal(t, DefaultAppID, seen["appid"])
		require.Equal(t, DefaultAppSecret, seen["secret"])
		_, code := s.appOfToken(a["access_token"].(string))
		require.Zero(t, code)
	})
}

// FuzzClassicToken: no token without the right credentials in the query.
func FuzzClassicToken(f *testing.F) {
	s := newSandbox(f, Options{})
	good := "grant_type=client_credential&appid=" + DefaultAppID + "&secret=" + DefaultAppSecret
	for _, query := range []string{good, good + "&secret=x", "secret=x&" + good, "", ";", "%zz", good + ";x=1"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", tokenPath, nil)
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code)
		var a map[string]any
		require.NoError(t, stdjson.Unmarshal(w.Body.Bytes(), &a))
		if a["access_token"] == nil {
			require.NotZero(t, a["errcode"])
			return
		}
		require.Equal(t, DefaultAppID, r.URL.Query().Get("appid"))
		require.Equal(t, DefaultAppSecret, r.URL.Query().Get("secret"))
	})
}

// FuzzSign: every challenge that is taken comes back whole from a genuine
// result, whatever the device.
func FuzzSign(f *testing.F) {
	s := newSandbox(f, Options{})
	for _, challenge := range []string{"c", `"\/`, "\x00", "\u2028", "😀", "\xff"} {
		f.Add(challenge)
	}
	f.Fuzz(func(t *testing.T, challenge string) {
		for _, m := range models {
			phone := newPhone(t, s, alice, m.Device)
			signed, err := phone.Sign(challenge)
			if err != nil {
				require.ErrorIs(t, err, ErrArgument)
				require.Zero(t, signed)
				continue
			}
			require.Equal(t, challenge, judge(t, phone, signed).Raw)
			ok, err := s.app.genuine(signed.OpenID, signed.JSONString, signed.JSONSignature)
			require.NoError(t, err)
			require.True(t, ok)
		}
	})
}
