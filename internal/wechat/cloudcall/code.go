package cloudcall

import (
	"strings"

	"sotercall/internal/openapi"
)

// systemError is the SDK's code for every gateway code that it does not know.
const systemError = -501001

// gatewayCodes are the gateway's own error codes (wx-server-sdk, src/config/error.config).
// The spelling of INVALIID_ENV is theirs. CloudBase answers INVALID_ENV
// (docs.cloudbase.net/error-code/INVALID_ENV): the SDK makes it systemError, and so do we.
var gatewayCodes = map[string]int{
	"SYS_ERR":                         systemError,
	"SERVER_TIMEOUT":                  -501002,
	"EXCEED_REQUEST_LIMIT":            -501003,
	"EXCEED_CONCURRENT_REQUEST_LIMIT": -501004,
	"INVALIID_ENV":                    -501005,
	"INVALID_COMMON_PARAM":            -501006,
	"INVALID_PARAM":                   openapi.CodeInvalidParam,
	"INVALID_REQUEST_SOURCE":          -501008,
	"RESOURCE_NOT_INITIAL":            -501009,
	"FUNCTIONS_REQUEST_FAIL":          -504001,
	"FUNCTIONS_EXECUTE_FAIL":          -504002,
}

// advice says how to fix a platform's refusal.
var advice = map[int]string{
	openapi.CodeNoPermission:  "config.json of the function must list " + API + " under permissions.openapi; a change counts about ten minutes after the function was uploaded anew by WeChat's developer tools",
	openapi.CodeTimeout:       "the platform did not wait for WeChat any longer",
	openapi.CodeSystem:        "the platform could not ask WeChat",
	openapi.CodeIllegalSource: "the platform does not take this call from here",
}

// noTicket says how to fix an invocation without a ticket.
const noTicket = "a Mini Program page must call this function itself; a function that is called by another function gets none. " +
	"There, take SOTER_VERIFIER away and set WECHAT_APPID and WECHAT_APPSECRET, so that verify asks WeChat by HTTPS"

// noAuthority says how to fix a missing permission.
const noAuthority = "the function's role may not do it: look at the permissions of the environment in the console of CloudBase"

// gatewayAdvice says how to fix a gateway's code. Source: CloudBase, error-code/basic and
// the pages of the codes below it.
var gatewayAdvice = map[string]string{
	"EXCEED_REQUEST_LIMIT":            "the requests of the environment's plan are used up: see its usage in the console of CloudBase; buy more, or wait for the next period",
	"EXCEED_RATELIMIT":                "more requests a second than the environment's plan allows: try again later, or take a larger plan",
	"EXCEED_CONCURRENT_REQUEST_LIMIT": "more requests at once than the environment's plan allows: try again after a pause, or take a larger plan",
	"EXCEED_REQUEST_SIZE_LIMIT":       "the request is larger than CloudBase takes",
	"INVALID_ENV":                     "there is no such environment, or it is isolated for arrears, or not bound to this Mini Program: look at its id, its bill and its binding in the console of CloudBase",
	"INVALID_ENV_STATUS":              "the environment cannot be used now: look at its status and its bill in the console of CloudBase",
	"INVALID_ENV_SOURCE":              "the environment is not one that this Mini Program may be bound to: look at the binding in the console of CloudBase",
	"RESOURCE_NOT_INITIAL":            "the environment is still being set up: try again in some minutes",
	"INVALID_REQUEST_SOURCE":          "the environment does not take requests from here: run the function in CloudBase",
	"INVALID_OPERATION":               "the environment or the account is in a state that does not allow it: look at both in the console of CloudBase",
	"PERMISSION_DENIED":               noAuthority,
	"EXCEED_AUTHORITY":                noAuthority,
	"RequestLimitExceeded":            "too many requests or invocations at the same time: try again after a pause, or take a larger plan",
	"SIGN_PARAM_INVALID":              "the credentials of this invocation are not valid: TENCENTCLOUD_SECRETID and its kin must be those that the platform gives, and not set by hand; a wrong clock does the same",
	"INVALID_WX_ACCESS_TOKEN":         noTicket,
}

// explained appends the advice to a gateway's message.
func explained(code, message string) string {
	todo := gatewayAdvice[code]
	if code == "INVALID_PARAM" && strings.Contains(message, FieldAPIToken) {
		todo = noTicket
	}
	if todo == "" {
		return message
	}
	return message + " (" + todo + ")"
}

// refused returns the error for the errorCode of a [Response].
func refused(code int) error {
	detail, ok := advice[code]
	if !ok {
		detail = "the platform refused the call"
	}
	return openapi.NewError(code, detail, nil)
}
