package sandbox

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWordsAreWeChats holds answers against recorded ones, each with its source:
// a transcript by its rid or place, or a page of the documentation.
func TestWordsAreWeChats(t *testing.T) {
	const (
		badToken = "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
		recorded = "answers of api.weixin.qq.com as issue 11 of this project lists them"
		ordered  = "WeChat documentation, getAccessToken, table of error codes; of the order only the appid is known"
	)
	c := newClient(t, Options{})
	good := "access_token=" + c.stable(false).AccessToken
	classic := func(query string) string { return tokenPath + "?" + query }
	const credentials = "appid=" + DefaultAppID + "&secret=" + DefaultAppSecret

	for _, tt := range []struct {
		method, target, body string
		code                 int
		text, source         string
	}{
		{"POST", verifyPath + "?access_token=x", "{}", 40001, badToken, "WeChat community, oCJUsw4h191Fs-VORKfTeUvuPItk/question, rid 655d9278-7c157f97-69055077"},
		{"POST", verifyPath, "{}", 41001, "access_token missing", "WeChat global error codes, errCode.html"},

		{"GET", "/cgi-bin/menu/get", "", 41001, "access_token missing", recorded},
		{"GET", "/cgi-bin/menu/get?access_token=", "", 41001, "access_token missing", recorded},
		{"GET", "/cgi-bin/menu/get?access_token=x", "", 40001, badToken, recorded},
		{"POST", "/cgi-bin/no/such/path?access_token=x", "{}", 40001, badToken, recorded},
		{"POST", "/wxa/no_such_path", "{}", 41001, "access_token missing", recorded},
		{"GET", "/cgi-bin/no/such/path?" + good, "", 40066, "invalid url", "wechatpy issues 179 and 289"},
		{"POST", "/wxa/no_such_path?" + good, "{}", 40066, "invalid url", "wechatpy issues 179 and 289"},

		{"GET", classic("grant_type=client_credential&appid=" + DefaultAppID + "&secret=x"), "", 40125, "invalid appsecret", "WeChat community, oCJUsw0AQzT1_UyhA_yfSI8y66BY/question, rid 671b9ddb-6ce940c8-7d5bcaf9"},
		{"GET", classic("appid=wx0000000000000000&secret=x"), "", 40013, "invalid appid", recorded},
		{"GET", classic("appid=wx0000000000000000"), "", 40013, "invalid appid", ordered},
		{"GET", classic(credentials), "", 40002, "invalid grant_type", ordered},
		{"GET", classic(""), "", 41002, "appid missing", ordered},
		{"POST", stablePath, `{"grant_type":"client_credential"}`, 41002, "appid missing", "WeChat community, oCJUsw532SE01TQCwAAu5ksAH9lQ/question, rid 645a6274-7b8e3e26-083122bf"},
	} {
		a := c.call(tt.method, tt.target, tt.body)
		assert.Equal(t, tt.code, a.code(), "%s %s: %s", tt.method, tt.target, tt.source)
		assert.Regexp(t, "^"+regexp.QuoteMeta(tt.text)+ridForm, a.ErrMsg, tt.source)
	}
}

// TestFaultsHaveWeChatsWords: the text of an injected errcode, from recorded
// answers where there are any, otherwise from the documentation's tables.
func TestFaultsHaveWeChatsWords(t *testing.T) {
	const (
		tokenPage  = "WeChat documentation, getAccessToken, table of error codes"
		stablePage = "WeChat documentation, getStableAccessToken, table of error codes"
		olderPage  = "WeChat documentation, auth.getAccessToken, older table of error codes"
	)
	for _, tt := range []struct {
		code               int
		path, text, source string
	}{
		{40164, tokenPath, "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist", "easywechat issue 1331, and newer answers with ipv6"},
		{40243, tokenPath, "AppSecret已被冻结，请解冻后再次调用。", tokenPage},
		{45009, tokenPath, "reach max api daily quota limit, could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r", "transcripts of /cgi-bin/token"},
		{45009, stablePath, "reach max api daily quota limit", stablePage},
		{45011, stablePath, "api minute-quota reach limit, must slower, retry next minute", "WeChat global error codes, errCode.html"},
		{48001, verifyPath, "api unauthorized", "WeChat global error codes, errCode.html"},
		{50002, tokenPath, "user limited", "WeChat community, oCJUsw0AV-HECDmDHlej0VPucz0g/question, rid 639d9c3a-734734d7-678da90c"},
		{50004, tokenPath, "user not allow to use accesstoken, maybe for punishment", "WeChat community, oCJUsw7a-B5fcOedOdsI7FVZb4FI/answer, rid 64d5f9a9-63208b5d-00ed75a8"},
		{50007, tokenPath, "账号已冻结", tokenPage},
		{61024, tokenPath, "第三方平台 API 需要使用第三方平台专用 token", olderPage},
		{89501, tokenPath, "此IP正在等待管理员确认,请联系管理员", olderPage},
		{89503, stablePath, "此次调用需要管理员确认，请耐心等候", stablePage},
		{89506, stablePath, "该IP调用求请求已被公众号管理员拒绝，请24小时后再试，建议调用前与管理员沟通确认", stablePage},
		{89507, stablePath, "该IP调用求请求已被公众号管理员拒绝，请1小时后再试，建议调用前与管理员沟通确认", stablePage},
	} {
		c := newClient(t, Options{})
		require.NoError(t, c.s.Inject(Fault{Kind: FaultErrCode, ErrCode: tt.code, Path: tt.path}))
		a := c.call("POST", tt.path, "{}")
		assert.Equal(t, tt.code, a.code(), tt.source)
		assert.Regexp(t, "^"+regexp.QuoteMeta(tt.text)+ridForm, a.ErrMsg, tt.source)
	}
}
