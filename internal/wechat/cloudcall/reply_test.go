package cloudcall_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/openapi"
	"sotercall/internal/wechat/cloudcall"
)

const (
	protobuf = "application/octet-stream"
	weChats  = "application/json; encoding=utf-8"
)

func wrapped(contentType, reply string) string {
	return string(cloudcall.Response{Data: []byte(reply), ContentType: contentType}.Marshal())
}

func TestReplyThatAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		contentType, body string
		genuine           bool
	}{
		"genuine":                     {protobuf, wrapped(weChats, `{"errcode":0,"errmsg":"ok","is_ok":true}`), true},
		"wrong":                       {protobuf, wrapped(weChats, `{"errcode":0,"errmsg":"ok","is_ok":false}`), false},
		"genuine without errcode":     {protobuf, wrapped(weChats, `{"is_ok":true}`), true},
		"wrong without errcode":       {protobuf, wrapped(weChats, `{"is_ok":false}`), false},
		"typed as text":               {protobuf, wrapped("text/plain", `{"is_ok":true}`), true},
		"fields that nobody knows":    {protobuf, wrapped(weChats, `{"is_ok":true,"more":[{}]}`), true},
		"typed as a page":             {"text/html", wrapped(weChats, `{"is_ok":true}`), true},
		"typed as the gateway's JSON": {cloudcall.ErrorType, wrapped(weChats, `{"is_ok":true}`), true},
		"of no type":                  {"", wrapped(weChats, `{"is_ok":true}`), true},
	} {
		t.Run(name, func(t *testing.T) {
			verdict, err := cloudcall.Read(http.StatusOK, c.contentType, []byte(c.body))
			require.NoError(t, err)
			assert.Equal(t, c.genuine, verdict.IsGenuine())
			assert.Equal(t, c.genuine, verdict.Reason() == "")
		})
	}
}

func TestReplyThatIsAnError(t *testing.T) {
	const invalidParam = `{"code":"INVALID_PARAM","message":"parameter.openid is missing","requestId":"r-1"}`
	for name, c := range map[string]struct {
		contentType, body string
		code              int
		message           string
	}{
		"errcode": {protobuf, wrapped(weChats, `{"errcode":40003,"errmsg":"invalid openid rid: 1-2-3"}`),
			40003, "invalid openid rid: 1-2-3"},
		"errcode with is_ok": {protobuf, wrapped(weChats, `{"errcode":48001,"errmsg":"api unauthorized","is_ok":true}`),
			48001, "api unauthorized"},
		"errcode typed as text": {protobuf, wrapped("text/plain; charset=utf-8", `{"errcode":-1,"errmsg":"system error"}`),
			-1, "system error"},

		"no permission": {protobuf, refusal(-604101), -604101,
			"-604101 function has no permission to call this API. config.json of the function must list soter.verifySignature under permissions.openapi; a change counts about ten minutes after the function was uploaded anew by WeChat's developer tools"},
		"platform timeout":   {protobuf, refusal(-604102), -604102, "-604102 call open API timeout. the platform did not wait for WeChat any longer"},
		"platform error":     {protobuf, refusal(-604103), -604103, "-604103 call open API system error. the platform could not ask WeChat"},
		"illegal source":     {protobuf, refusal(-604104), -604104, "-604104 illegal source of invocation. the platform does not take this call from here"},
		"no such API":        {protobuf, refusal(-604100), -604100, "-604100 API not found. the platform refused the call"},
		"refusal of no text": {protobuf, refusal(-699999), -699999, "-699999 unknown error. the platform refused the call"},
		"refusal with a reply": {protobuf, string(cloudcall.Response{Data: []byte(`{"is_ok":true}`), ContentType: weChats, ErrorCode: -604102}.Marshal()),
			-604102, "-604102 call open API timeout. the platform did not wait for WeChat any longer"},

		"gateway error": {cloudcall.ErrorType, invalidParam, -501007, "-501007 invalid parameters. parameter.openid is missing"},
		"gateway error of another type": {"application/json", invalidParam,
			-501007, "-501007 invalid parameters. parameter.openid is missing"},
		"gateway timeout": {cloudcall.ErrorType, `{"code":"SERVER_TIMEOUT","message":"m"}`, -501002, "-501002 resource server timeout. m"},
		"gateway error of no table": {cloudcall.ErrorType, `{"code":"SIGN_PARAM_INVALID","message":"signature is expired","requestId":"r"}`,
			-501001, "-501001 resource system error. signature is expired (the credentials of this invocation are not valid: TENCENTCLOUD_SECRETID and its kin must be those that the platform gives, and not set by hand; a wrong clock does the same)"},
		"quota used up": {cloudcall.ErrorType, `{"code":"EXCEED_REQUEST_LIMIT","message":"m"}`, -501003, "-501003 exceed request limit. m (" +
			"the requests of the environment's plan are used up: see its usage in the console of CloudBase; buy more, or wait for the next period)"},
		"no such environment, as CloudBase spells it": {cloudcall.ErrorType, `{"code":"INVALID_ENV","message":"m"}`, -501001, "-501001 resource system error. m (" +
			"there is no such environment, or it is isolated for arrears, or not bound to this Mini Program: look at its id, its bill and its binding in the console of CloudBase)"},
		"gateway error without advice": {cloudcall.ErrorType, `{"code":"SYS_ERR","message":"m"}`, -501001, "-501001 resource system error. m"},
	} {
		t.Run(name, func(t *testing.T) {
			verdict, err := cloudcall.Read(http.StatusOK, c.contentType, []byte(c.body))
			var e *openapi.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, c.code, e.Code)
			assert.Equal(t, c.message, e.Message)
			assert.Zero(t, verdict)
		})
	}
	_, err := cloudcall.Read(http.StatusOK, cloudcall.ErrorType, []byte(invalidParam))
	assert.ErrorContains(t, err, "gateway: INVALID_PARAM, request r-1", "for the log")
}

func refusal(code int32) string { return string(cloudcall.Response{ErrorCode: code}.Marshal()) }

// TestReplyThatDoesNotSay is about answers of which the SDK resolves some with
// errCode 0 and no isOk at all.
func TestReplyThatDoesNotSay(t *testing.T) {
	genuine := wrapped(weChats, `{"is_ok":true}`)
	for name, c := range map[string]struct {
		status            int
		contentType, body string
		cause             string
	}{
		"HTTP 502 around a genuine reply": {502, protobuf, genuine, "HTTP status 502"},
		"HTTP 302":                        {302, "", "", "HTTP status 302"},
		"HTTP 201":                        {201, protobuf, genuine, "HTTP status 201"},
		"nothing":                         {200, "", "", `typed ""`},
		"a page":                          {200, "text/html", "<html>", `content type "text/html"`},
		"JSON without code":               {200, cloudcall.ErrorType, `{"is_ok":true}`, "not the protobuf message"},
		"JSON with an empty code":         {200, cloudcall.ErrorType, `{"code":"","message":"x"}`, "not the protobuf message"},
		"JSON with another code":          {200, cloudcall.ErrorType, `{"code":0,"isOk":true}`, "not the protobuf message"},
		"no type inside":                  {200, protobuf, wrapped("", `{"is_ok":true}`), `typed ""`},
		"a page inside":                   {200, protobuf, wrapped("text/html", `{"is_ok":true}`), `typed "text/html"`},
		"no reply inside":                 {200, protobuf, wrapped(weChats, ""), "WeChat's reply"},
		"text inside":                     {200, protobuf, wrapped("text/plain", "true"), "WeChat's reply"},
		"null inside":                     {200, protobuf, wrapped(weChats, "null"), "has no is_ok"},
		"no is_ok":                        {200, protobuf, wrapped(weChats, `{"errcode":0,"errmsg":"ok"}`), "has no is_ok"},
		"is_ok null":                      {200, protobuf, wrapped(weChats, `{"is_ok":null}`), "has no is_ok"},
		"isOk":                            {200, protobuf, wrapped(weChats, `{"isOk":true}`), "has no is_ok"},
		"is_ok in another case":           {200, protobuf, wrapped(weChats, `{"IS_OK":true}`), "has no is_ok"},
		"is_ok as a text":                 {200, protobuf, wrapped(weChats, `{"is_ok":"true"}`), "WeChat's reply"},
		"is_ok as a number":               {200, protobuf, wrapped(weChats, `{"is_ok":1}`), "WeChat's reply"},
		"is_ok twice":                     {200, protobuf, wrapped(weChats, `{"is_ok":false,"is_ok":true}`), "WeChat's reply"},
		"two replies":                     {200, protobuf, wrapped(weChats, `{"is_ok":true}{"is_ok":true}`), "WeChat's reply"},
		"a reply that breaks off":         {200, protobuf, wrapped(weChats, `{"is_ok":true`), "WeChat's reply"},
		"errcode as a text":               {200, protobuf, wrapped(weChats, `{"errcode":"40001","is_ok":true}`), "WeChat's reply"},
		"respData twice":                  {200, protobuf, genuine + genuine, "not the protobuf message"},
		"a message that breaks off":       {200, protobuf, genuine[:len(genuine)-1], "not the protobuf message"},
	} {
		t.Run(name, func(t *testing.T) {
			verdict, err := cloudcall.Read(c.status, c.contentType, []byte(c.body))
			var e *openapi.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, openapi.CodeSystem, e.Code)
			assert.Equal(t, "-604103 call open API system error. the gateway's answer is not one that wx-server-sdk knows", e.Message)
			require.ErrorContains(t, errors.Unwrap(e), c.cause)
			assert.Zero(t, verdict)
		})
	}
}

func TestQuoteIsJSON(t *testing.T) {
	for in, want := range map[string]string{
		"":                     `""`,
		"a/<>&'😀中":             `"a/<>&'😀中"`,
		"\"\\\b\t\n\f\r":       `"\"\\\b\t\n\f\r"`,
		"\x00\x0b\x1f\x7f":     `"\u0000\u000b\u001f\u007f"`,
		"\u2028\ufeff\uffff":   `"\u2028\ufeff\uffff"`,
		strings.Repeat("a", 9): `"aaaaaaaaa"`,
	} {
		got, err := cloudcall.Quote(in)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	_, err := cloudcall.Quote("a\xff")
	require.Error(t, err)
}
