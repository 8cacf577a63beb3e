package sandbox

import (
	"maps"
	"slices"

	"sotercall/internal/dev/rule"
)

// rules are all refusals of the sandbox, as WeChat, as CloudBase and as Cloud Hosting. Each
// has the vendor's statement (in our words) and its address.
var rules rule.Book

// Rules returns all refusals of the sandbox, and what it accepts although the platform
// forbids it.
func Rules() *rule.Book { return &rules }

// The pages of most rules.
const (
	// wxCommon lists WeChat's common codes, with their texts, for one of its products.
	wxCommon    = "developers.weixin.qq.com/doc/channels/API/basics/commErrCode.html"
	wxCodes     = rule.Unconfirmed + "developers.weixin.qq.com/doc/offiaccount/Getting_Started/Global_Return_Code.html"
	wxToken     = rule.Unconfirmed + "developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-access-token/getAccessToken.html"
	wxStable    = "developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken"
	wxVerify    = "developers.weixin.qq.com/miniprogram/dev/server/API/soter/api_verifysignature"
	wxCloudCode = "developers.weixin.qq.com/miniprogram/dev/wxcloud/reference/errcode.html"
	wxHosting   = "developers.weixin.qq.com/minigame/dev/wxcloudrun/src/guide/weixin/faq.html"
	wxCall      = "developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src/development/call"
	wxCallFAQ   = "developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/call/faq.html"
	tcbCodes    = "docs.cloudbase.net/error-code/basic"
	tcbParam    = "docs.cloudbase.net/error-code/INVALID_PARAM"
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
		"the openid is not legal, or is one of another account's", wxCommon),
	codeBadAppID: rules.Documented("40013, appid",
		"there is no such AppID", wxCommon),
	codeBadURL: rules.Documented("40066, path",
		"invalid url: check the path; so users of a path that does not exist have reported (wechatpy, issue 179)", wxCommon),
	codeBadSecret: rules.Documented("40125, AppSecret",
		"the AppSecret is not valid", wxToken),
	codeNoToken: rules.Documented("41001, access_token",
		"the parameter access_token is missing", wxCommon),
	codeNoAppID: rules.Documented("41002, appid",
		"the parameter appid is missing", wxCommon),
	codeNoSecret: rules.Documented("41004, secret",
		"the parameter secret is missing", wxToken),
	codeExpired: rules.Documented("42001, access_token",
		"the access_token has expired", wxCommon),
	codeGetRequired: rules.Documented("43001, GET",
		"the request must be a GET", wxCodes),
	codePostRequired: rules.Documented("43002, POST",
		"the request must be a POST", wxCommon),
	codeEmptyBody: rules.Documented("44002, body",
		"the body of the POST is empty", wxCommon),
	codeDailyQuota: rules.Documented("45009, force_refresh",
		"force_refresh works 20 times a day; 45009 is among the codes of the endpoint", wxStable),
	codeMalformedRequest: rules.Documented("47001, body",
		"the body cannot be parsed as JSON, or a member has the wrong type", wxCommon),
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
		"the Mini Program's access token is not valid: INVALID_WX_ACCESS_TOKEN", tcbCodes)
	gatewayParameters = rules.Documented("gateway: parameters",
		"check that all required parameters are there, and their types: INVALID_PARAM", tcbParam)
	gatewayAPI = rules.Documented("gateway: API",
		"-604100: the SDK's own table of codes has it as an API that does not exist", sdkSource)
	gatewayPermission = rules.Documented("gateway: permission",
		"-604101: config.json of the function does not list the API in permissions.openapi", tcbConfig)
	gatewayFresh = rules.Documented("gateway: permission that was just uploaded",
		"-604101 for about ten minutes after the upload: the permissions are cached; the fault permission simulates it", tcbConfig)
	gatewayLate = rules.Documented("gateway: WeChat is late",
		"-604102: WeChat did not answer the gateway in time; no page says how long that is, so only a fault simulates it", wxCloudCode)
	gatewayBroken = rules.Documented("gateway: WeChat does not answer",
		"-604103: a system error between the gateway and WeChat", wxCloudCode)
)

// gatewayCodes are the codes of the fault "gateway", which injects refusals of CloudBase.
// No call causes them otherwise. The texts are ours.
var gatewayCodes = map[string]gatewayCode{
	"SYS_ERR":                         inGateway("a system error of the platform", tcbCodes),
	"SERVER_TIMEOUT":                  inGateway("the service did not answer in time", "docs.cloudbase.net/error-code/SERVER_TIMEOUT"),
	"EXCEED_RATELIMIT":                inGateway("more requests a second than the plan's quota allows", "docs.cloudbase.net/error-code/basic/EXCEED_RATELIMIT"),
	"EXCEED_REQUEST_LIMIT":            inGateway("more requests than the plan has, its resources are used up", "docs.cloudbase.net/error-code/basic/EXCEED_REQUEST_LIMIT"),
	"EXCEED_CONCURRENT_REQUEST_LIMIT": inGateway("more requests at the same time than the plan allows", "docs.cloudbase.net/error-code/basic/EXCEED_CONCURRENT_REQUEST_LIMIT"),
	"EXCEED_REQUEST_SIZE_LIMIT":       inGateway("the request is larger than the platform allows", "docs.cloudbase.net/error-code/EXCEED_REQUEST_SIZE_LIMIT"),
	"INVALID_ENV":                     inGateway("the environment does not exist, is isolated, or was not named", "docs.cloudbase.net/error-code/INVALID_ENV"),
	"INVALID_ENV_STATUS":              inGateway("the environment is not in a state to be used", "docs.cloudbase.net/error-code/INVALID_ENV_STATUS"),
	"INVALID_ENV_SOURCE":              inGateway("the environment that the Mini Program is bound to has a source that is not valid", tcbCodes),
	"RESOURCE_NOT_INITIAL":            inGateway("the cloud resources are not initialized or not available", "docs.cloudbase.net/en/error-code/RESOURCE_NOT_INITIAL"),
	"INVALID_REQUEST_SOURCE":          inGateway("the source of the request is not valid", tcbCodes),
	"INVALID_OPERATION":               inGateway("the state of the resource or of the account does not allow the operation", tcbCodes),
	"PERMISSION_DENIED":               inGateway("the permission is missing, or nobody has authenticated", tcbCodes),
	"EXCEED_AUTHORITY":                inGateway("more than what is authorized", tcbCodes),
	"RequestLimitExceeded":            inGateway("the limit of requests is exceeded", "docs.cloudbase.net/error-code/RequestLimitExceeded"),
}

// gatewayCode is an entry of gatewayCodes. Its rule is made below, in the order of the
// codes.
type gatewayCode struct {
	says, source string
	rule         *rule.Rule
}

func inGateway(says, source string) gatewayCode { return gatewayCode{says: says, source: source} }

func init() {
	for _, code := range slices.Sorted(maps.Keys(gatewayCodes)) {
		c := gatewayCodes[code]
		c.rule = rules.Documented("gateway: "+code, c.says, c.source)
		gatewayCodes[code] = c
	}
}

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

func init() {
	rules.LetsPass("WeChat: rate of token requests", "getStableAccessToken takes 10,000 requests a minute and 500,000 a day", wxStable,
		"nothing is counted: the fault errcode simulates 45009 and 45011")
	rules.LetsPass("WeChat: quota of an API", "an API has quotas a day and a minute: 45009 and 45011", wxCommon,
		"nothing is counted: the fault errcode simulates both")
	rules.LetsPass("WeChat: HTTPS", "requests use HTTPS: 43003", wxCommon,
		"the sandbox serves loopback in the clear; a function refuses http to any other computer")
	rules.LetsPass("WeChat: IP allow-list", "an address that is not on the list of the account: 40164", wxToken,
		"every request comes from loopback: the fault errcode simulates 40164")
	rules.LetsPass("gateway: one ticket for each invocation", "a Cloud Call has the ticket of an invocation that a Mini Program made", tcbParam,
		"Options.CloudTicket is one for all; how long a ticket lives is not documented")
	rules.LetsPass("open API service: resources of another account", "without from_appid the app of the environment calls: 48001 or 85105 for another's API", wxHosting,
		"a sandbox has no shared environments: the fault errcode simulates both")
	rules.LetsPass("callContainer: environment and service", "only an app that the environment has authorized may call it: -501000", wxCallFAQ,
		"the address names the container, and there is one environment")
	rules.LetsPass("Cloud Hosting: time of a public request", "a request by the public domain has 60 s at most", wxCall,
		"the containers have no public domain here")
}
