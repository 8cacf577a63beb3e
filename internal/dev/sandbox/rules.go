package sandbox

import "sotercall/internal/dev/rule"

// rules are all refusals of the sandbox, as WeChat, as CloudBase and as Cloud Hosting. Each
// has the vendor's statement (in our words) and its address.
var rules rule.Book

// The pages of most rules.
const (
	wxCodes     = "developers.weixin.qq.com/doc/offiaccount/Getting_Started/Global_Return_Code.html"
	wxToken     = "developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-access-token/getAccessToken.html"
	wxStable    = "developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-access-token/getStableAccessToken.html"
	wxVerify    = "developers.weixin.qq.com/miniprogram/dev/server/API/soter/api_verifysignature"
	wxCloudCode = "developers.weixin.qq.com/miniprogram/dev/wxcloud/reference/errcode.html"
	wxHosting   = "developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src/guide/weixin/faq.html"
	wxCall      = "developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src/development/call/index.html"
	wxCallFAQ   = "developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src/development/call/faq.html"
	tcbCodes    = "docs.cloudbase.net/error-code/basic"
	tcbParam    = "docs.cloudbase.net/error-code/INVALID_PARAM"
	tcbWXToken  = "docs.cloudbase.net/error-code/INVALID_WX_ACCESS_TOKEN"
	tcbSign     = "docs.cloudbase.net/error-code/SIGN_PARAM_INVALID"
	tcbConfig   = "docs.cloudbase.net/faq/knowledge/cloud-call-604101-permission-error"
	sdkSource   = "npm:wx-server-sdk@4.0.2"
)

// apiRules are those of WeChat's HTTPS API, by errcode.
var apiRules = map[int]*rule.Rule{
	codeBadToken: rules.Documented("40001, access_token",
		"the access_token is invalid or not the latest one", wxVerify),
	codeBadGrantType: rules.Documented("40002, grant_type",
		"grant_type must be client_credential", wxStable),
	codeBadOpenID: rules.Documented("40003, openid",
		"the openid is not legal, or is one of another account's", wxCodes),
	codeBadAppID: rules.Documented("40013, appid",
		"there is no such AppID", wxToken),
	codeBadURL: rules.Documented("40066, path",
		"invalid url, as users of a path that does not exist have reported", "github.com/wechatpy/wechatpy/issues/179"),
	codeBadSecret: rules.Documented("40125, AppSecret",
		"the AppSecret is not valid", wxToken),
	codeNoToken: rules.Documented("41001, access_token",
		"the parameter access_token is missing", wxCodes),
	codeNoAppID: rules.Documented("41002, appid",
		"the parameter appid is missing", wxToken),
	codeNoSecret: rules.Documented("41004, secret",
		"the parameter secret is missing", wxToken),
	codeExpired: rules.Documented("42001, access_token",
		"the access_token has expired", wxCodes),
	codeGetRequired: rules.Documented("43001, GET",
		"the request must be a GET", wxCodes),
	codePostRequired: rules.Documented("43002, POST",
		"the request must be a POST", wxCodes),
	codeEmptyBody: rules.Documented("44002, body",
		"the body of the POST is empty", wxCodes),
	codeDailyQuota: rules.Documented("45009, force_refresh",
		"force_refresh works 20 times a day; 45009 is among the codes of the endpoint", wxStable),
	codeMalformedRequest: rules.Documented("47001, body",
		"the body cannot be parsed as JSON, or a member has the wrong type", wxCodes),
	codeNotListed: rules.Documented("85107, open API service",
		"the path is not on the list of the token permissions", wxHosting),
}

// The rules of CloudBase's gateway.
var (
	gatewayMethod = rules.Documented("gateway: method",
		"the SDK sends every Cloud Call as a POST", sdkSource)
	gatewayForm = rules.Documented("gateway: body",
		"a common parameter of the request is wrong: INVALID_COMMON_PARAM", tcbCodes)
	gatewaySignature = rules.Documented("gateway: signature",
		"no such secret id, an expired signature or none: SIGN_PARAM_INVALID", tcbSign)
	gatewayAction = rules.Documented("gateway: action",
		"a parameter of the request is wrong: INVALID_PARAM; the SDKs send wx.openApi or wx.api", tcbParam)
	gatewayNoTicket = rules.Documented("gateway: no ticket",
		"missing wxCloudApiToken: the call has no ticket for Cloud Calls", tcbParam)
	gatewayTicket = rules.Documented("gateway: ticket or token that is not valid",
		"the Mini Program's access token is not valid: INVALID_WX_ACCESS_TOKEN", tcbWXToken)
	gatewayParameters = rules.Documented("gateway: parameters",
		"check that all required parameters are there, and their types: INVALID_PARAM", tcbParam)
	gatewayAPI = rules.Documented("gateway: API",
		"-604100: the SDK's own table of codes has it as an API that does not exist", sdkSource)
	gatewayPermission = rules.Documented("gateway: permission",
		"-604101: config.json of the function does not list the API in permissions.openapi", tcbConfig)
	gatewayLate = rules.Documented("gateway: WeChat is late",
		"-604102: WeChat did not answer the gateway in time; how long that is is not documented, so only a fault plays it", wxCloudCode)
	gatewayBroken = rules.Documented("gateway: WeChat does not answer",
		"-604103: a system error on the way to WeChat", wxCloudCode)
)

// The rules of Cloud Hosting.
var (
	hostingMethod = rules.Documented("callContainer: method",
		"102005: methods are GET, POST, PUT and DELETE", wxCallFAQ)
	hostingRequest = rules.Documented("callContainer: size of a request",
		"a request of text has 100 KiB at most: -606001", wxCall)
	hostingResponse = rules.Documented("callContainer: size of a response",
		"a response has 1,000 KiB at most: -606002", wxCall)
	hostingTime = rules.Documented("callContainer: time",
		"102002: callContainer waits for 15 s at most", wxCallFAQ)
	hostingStart = rules.Documented("open API service: before the start",
		"no calls while the service starts, the open API service does not work yet: access_token missing", wxHosting)
	hostingOff = rules.Documented("open API service: switched off",
		"access_token missing: the service is not switched on, or no version was built since", wxHosting)
	bodySize = rules.Own("size of a request",
		"1 MB is a thousand times a real one, and bounds what a test can do to this machine")
)
