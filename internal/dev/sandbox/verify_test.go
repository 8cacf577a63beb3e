package sandbox

import (
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/deploy/events"
)

// demoSigned is the event that users of the repository try first.
func demoSigned(testing.TB) Signed { return Signed(events.Direct()) }

func TestVerifySignatureAcceptsTheDemoEvent(t *testing.T) {
	c := newClient(t, Options{})
	_, _, text := c.send("POST", verifyURL(c.classic().AccessToken), jsonOf(t, bodyOf(demoSigned(t))))
	assert.Equal(t, `{"errcode":0,"errmsg":"ok","is_ok":true}`, text)
}

func TestVerifySignatureAcceptsEveryPhone(t *testing.T) {
	c := newClient(t, Options{})
	token := c.stable(false).AccessToken
	for _, info := range Devices() {
		device := info.Device
		signed := c.sign(alice, device, "challenge-"+string(device))
		a := c.verify(token, signed)
		require.NotNil(t, a.IsOK, device)
		assert.True(t, *a.IsOK, device)
		assert.True(t, *c.verify(token, signed).IsOK, "%s: a repeated counter is the caller's business", device)
	}
}

// TestVerifySignatureAnswersFalse has cases that each spoil one thing in a
// genuine question. The answer is the one to a wrong signature, and no errcode.
func TestVerifySignatureAnswersFalse(t *testing.T) {
	c := newClient(t, Options{})
	token := c.stable(false).AccessToken
	genuine := c.sign(alice, AndroidSlash, "a/challenge")
	other := c.sign(alice, AndroidSlash, "another challenge")
	c.sign(bob, Android, "so that bob is known")
	phone, err := c.s.Phone(alice, AndroidSlash)
	require.NoError(t, err)
	pkcs, err := phone.SignPKCS1v15("challenge")
	require.NoError(t, err)

	for name, spoil := range map[string]func(s *Signed){
		"text changed":             func(s *Signed) { s.JSONString = strings.Replace(s.JSONString, "challenge", "Challenge", 1) },
		"blank added":              func(s *Signed) { s.JSONString += " " },
		"slash not escaped":        func(s *Signed) { s.JSONString = strings.ReplaceAll(s.JSONString, `\/`, "/") },
		"escaped twice":            func(s *Signed) { s.JSONString = jsonOf(t, s.JSONString) },
		"text empty":               func(s *Signed) { s.JSONString = "" },
		"text not JSON":            func(s *Signed) { s.JSONString = "resultJSON" },
		"signature of another":     func(s *Signed) { s.JSONSignature = other.JSONSignature },
		"signature cut":            func(s *Signed) { s.JSONSignature = s.JSONSignature[:340] },
		"signature empty":          func(s *Signed) { s.JSONSignature = "" },
		"signature URL-safe":       func(s *Signed) { s.JSONSignature = urlSafe(t, s.JSONSignature) },
		"bit of the signature":     func(s *Signed) { s.JSONSignature = flipLastBit(t, s.JSONSignature) },
		"PKCS #1 v1.5":             func(s *Signed) { *s = pkcs },
		"another known user":       func(s *Signed) { s.OpenID = bob },
		"the demo user's identity": func(s *Signed) { s.OpenID = DemoOpenID },
	} {
		t.Run(name, func(t *testing.T) {
			spoilt := genuine
			spoil(&spoilt)
			require.NotEqual(t, genuine, spoilt)
			_, _, text := c.send("POST", verifyURL(token), jsonOf(t, bodyOf(spoilt)))
			assert.Equal(t, `{"errcode":0,"errmsg":"ok","is_ok":false}`, text)
		})
	}
	assert.True(t, *c.verify(token, genuine).IsOK)
}

func urlSafe(t *testing.T, signature string) string {
	raw, err := base64.StdEncoding.DecodeString(signature)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(raw)
}

func flipLastBit(t *testing.T, signature string) string {
	raw, err := base64.StdEncoding.DecodeString(signature)
	require.NoError(t, err)
	raw[len(raw)-1] ^= 1
	return base64.StdEncoding.EncodeToString(raw)
}

// TestTheBytesAreJudgedAndNothingThatTheySay: whatever the key signed is
// genuine, also what no parser of ours would read, and one bit less is not.
func TestTheBytesAreJudgedAndNothingThatTheySay(t *testing.T) {
	s := newSandbox(t, Options{})
	phone := newPhone(t, s, alice, Android)
	for _, text := range []string{
		`{"raw":"a","raw":"b"}`, "{\"raw\":\"\x01\xff\"}", "{", "", `{"rsa_pss_saltlen":32}`, strings.Repeat(" ", 9<<10),
	} {
		spoken := *phone
		spoken.model.result = text
		signed, err := spoken.Sign("challenge")
		require.NoError(t, err)
		require.Equal(t, text, signed.JSONString)
		ok, err := s.app.genuine(alice, signed.JSONString, signed.JSONSignature)
		require.NoError(t, err)
		assert.True(t, ok, text)
		ok, err = s.app.genuine(alice, signed.JSONString+" ", signed.JSONSignature)
		require.NoError(t, err)
		assert.False(t, ok, text)
	}
}

// TestTheSaltIsThatOfThePhone: a signature with another length of salt is wrong,
// also when the text announces it.
func TestTheSaltIsThatOfThePhone(t *testing.T) {
	s := newSandbox(t, Options{})
	for device, salts := range map[Device][2]int{Android: {20, 32}, Huawei: {32, 20}, Salt64: {64, 20}} {
		for i, salt := range salts {
			other := *newPhone(t, s, alice, device)
			other.model.salt = salt
			signed, err := other.Sign("challenge")
			require.NoError(t, err)
			ok, err := s.app.genuine(alice, signed.JSONString, signed.JSONSignature)
			require.NoError(t, err)
			assert.Equal(t, i == 0, ok, "%s with %d", device, salt)
		}
	}
}

func TestVerifySignatureRefusals(t *testing.T) {
	c := newClient(t, Options{})
	token := c.stable(false).AccessToken
	signed := demoSigned(t)
	body := bodyOf(signed)
	good := jsonOf(t, body)
	path := verifyURL(token)

	for name, tt := range map[string]struct {
		method, path, body string
		code               int
		text               string
	}{
		"no token":           {"POST", verifyPath, good, 41001, "access_token missing"},
		"token in the body":  {"POST", verifyPath, jsonOf(t, with(body, "access_token", token)), 41001, "access_token missing"},
		"unknown token":      {"POST", path + "x", good, 40001, "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"},
		"GET":                {"GET", path, "", 43002, "require POST method"},
		"no body":            {"POST", path, "", 44002, "empty post data"},
		"form":               {"POST", path, "openid=" + DemoOpenID, 47001, "data format error"},
		"object for text":    {"POST", path, strings.Replace(good, jsonOf(t, signed.JSONString), signed.JSONString, 1), 47001, `data format error, field "json_string" doesn't expect a object value`},
		"number for openid":  {"POST", path, jsonOf(t, with(body, "openid", 1)), 47001, `data format error, field "openid" doesn't expect a number value`},
		"invalid UTF-8":      {"POST", path, strings.Replace(good, DemoOpenID, DemoOpenID[1:]+"\xff", 1), 47001, "data format error"},
		"lone surrogate":     {"POST", path, strings.Replace(good, DemoOpenID, DemoOpenID[1:]+`\ud800`, 1), 47001, "data format error"},
		"duplicate":          {"POST", path, good[:len(good)-1] + `,"openid":"` + DemoOpenID + `"}`, 47001, "data format error"},
		"stranger":           {"POST", path, jsonOf(t, with(body, "openid", "oNobody")), 40003, "invalid openid"},
		"other case":         {"POST", path, jsonOf(t, with(body, "openid", strings.ToUpper(DemoOpenID))), 40003, "invalid openid"},
		"no openid":          {"POST", path, jsonOf(t, with(body, "openid", "")), 40003, "invalid openid"},
		"openid of a volume": {"POST", path, jsonOf(t, with(body, "openid", strings.Repeat("o", 129))), 40003, "invalid openid"},
		"camelCase openid":   {"POST", path, strings.Replace(good, `"openid"`, `"openId"`, 1), 40003, "invalid openid"},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.call(tt.method, tt.path, tt.body)
			assert.Equal(t, tt.code, a.code())
			assert.Regexp(t, "^"+tt.text+ridForm, a.ErrMsg)
			assert.Nil(t, a.IsOK)
		})
	}
	assert.True(t, *c.call("POST", path, good).IsOK)
}

// TestVerifySignatureToleratesClients has what existing SDKs send.
func TestVerifySignatureToleratesClients(t *testing.T) {
	c := newClient(t, Options{})
	token := c.stable(false).AccessToken
	signed := demoSigned(t)
	id, text, signature := jsonOf(t, signed.OpenID), jsonOf(t, signed.JSONString), jsonOf(t, signed.JSONSignature)
	good := jsonOf(t, bodyOf(signed))

	for name, tt := range map[string]struct{ query, body, contentType string }{
		"charset":           {"", good, "application/json; charset=utf-8"},
		"form type":         {"", good, "application/x-www-form-urlencoded"},
		"no type":           {"", good, ""},
		"unknown parameter": {"&neededText=&x;y=%zz", good, "application/json"},
		"trailing newline":  {"", good + "\r\n", "application/json"},
		"key order":         {"", `{"json_signature":` + signature + `,"json_string":` + text + `,"openid":` + id + `}`, ""},
		"unknown field":     {"", `{"appid":[1],"json_signature":` + signature + `,"json_string":` + text + `,"openid":` + id + `}`, ""},
		"escaped slashes":   {"", strings.ReplaceAll(good, "/", `\/`), ""},
		"escaped letters":   {"", strings.ReplaceAll(good, "oSandbox", `\u006f\u0053andbox`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.call("POST", verifyPath+"?access_token="+token+tt.query, tt.body, "Content-Type", tt.contentType)
			require.NotNil(t, a.IsOK, a.ErrMsg)
			assert.True(t, *a.IsOK)
		})
	}
}

// TestUnreadablePhonesAreNotAVerdict keeps "could not find out" apart from
// "wrong signature".
func TestUnreadablePhonesAreNotAVerdict(t *testing.T) {
	dir := t.TempDir()
	c := newClient(t, Options{Dir: dir})
	token := c.stable(false).AccessToken
	signed := c.sign(alice, IOS, "challenge")
	require.True(t, *c.verify(token, signed).IsOK)

	files, err := filepath.Glob(filepath.Join(dir, "*", "ios.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.NoError(t, os.WriteFile(files[0], []byte(`{"openid":`), 0o600))

	a := c.verify(token, signed)
	assert.Equal(t, -1, a.code())
	assert.Regexp(t, "^system error"+ridForm, a.ErrMsg)
	assert.Nil(t, a.IsOK)
}

func TestEnrolmentFailureIsReported(t *testing.T) {
	s := newSandbox(t, Options{})
	broken := errors.New("no entropy")
	s.newKey = func() (*rsa.PrivateKey, error) { return nil, broken }
	_, err := s.Phone(alice, Android)
	require.ErrorIs(t, err, broken)
	ok, err := s.app.genuine(alice, "", "")
	assert.False(t, ok)
	var refusal *apiError
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, codeBadOpenID, refusal.code)
}

func TestOversizedBodyIsRefusedBeforeItIsRead(t *testing.T) {
	c := newClient(t, Options{})
	path := verifyURL(c.stable(false).AccessToken)
	blanks := strings.Repeat(" ", maxBody)
	status, _, _ := c.send("POST", path, blanks+" ")
	assert.Equal(t, http.StatusRequestEntityTooLarge, status)
	assert.Equal(t, 44002, c.call("POST", path, blanks).code())
}

func TestErrorsHoldNoTokenAndNoSecret(t *testing.T) {
	c := newClient(t, Options{HostileTokens: true})
	token := c.stable(false).AccessToken
	c.s.RevokeTokens()
	_, _, text := c.send("POST", verifyURL(token), jsonOf(t, bodyOf(demoSigned(t))))
	assert.NotContains(t, text, token)
	assert.NotContains(t, text, url.QueryEscape(token))
	_, _, text = c.send("POST", stablePath, jsonOf(t, map[string]any{"secret": []string{DefaultAppSecret}}))
	assert.NotContains(t, text, DefaultAppSecret)
}
