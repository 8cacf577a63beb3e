package cloudcall

import (
	"strings"

	"sotercall/internal/openapi"
)

// systemError is the SDK's code for every gateway code that it does not know.
const systemError = -501001

// gatewayCodes are the gateway's own error codes (wx-server-sdk,
// src/config/error.config). The spelling of INVALIID_ENV is theirs.
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
	openapi.CodeNoPermission:  "config.json of the function must list " + API + " under permissions.openapi; a change counts after a new upload and up to ten minutes",
	openapi.CodeTimeout:       "the platform did not wait for WeChat any longer",
	openapi.CodeSystem:        "the platform could not ask WeChat",
	openapi.CodeIllegalSource: "the platform does not take this call from here",
}

// noTicket says how to fix an invocation without a ticket.
const noTicket = "a Mini Program page must call this function itself; a function that is called by another function gets none. " +
	"There, take SOTER_VERIFIER away and set WECHAT_APPID and WECHAT_APPSECRET, so that verify asks WeChat by HTTPS"

// explained appends the advice to a gateway's message.
func explained(code, message string) string {
	if code == "INVALID_WX_ACCESS_TOKEN" || code == "INVALID_PARAM" && strings.Contains(message, FieldAPIToken) {
		return message + " (" + noTicket + ")"
	}
	return message
}

// refused returns the error for the errorCode of a [Response].
func refused(code int) error {
	detail, ok := advice[code]
	if !ok {
		detail = "the platform refused the call"
	}
	return openapi.NewError(code, detail, nil)
}
