package cloudcall

import (
	"fmt"

	"sotercall/internal/openapi"
)

// systemError is what the SDK makes of every gateway code that it does not know.
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

// texts are the SDK's words for its codes, from the same file. The codes of
// package openapi have theirs there.
var texts = map[int]string{
	systemError: "resource system error",
	-501002:     "resource server timeout",
	-501003:     "exceed request limit",
	-501004:     "exceed concurrent request limit",
	-501005:     "invalid env",
	-501006:     "invalid common parameters",
	-501008:     "invalid request source",
	-501009:     "resource not initialized",
	-504001:     "functions request fail",
	-504002:     "functions execute fail",
	-601001:     "system error",
	-601002:     "system args error",
	-601003:     "system network error",
	-601004:     "api permission denied",
	-601005:     "invalid cloudID",
	-601006:     "cloudID expired",
	-601007:     "cloudID and calling user does not match",
	-601008:     "server-side request timedout",
	-601009:     "missing mobile phone",
	-601010:     "no write permission",
	-601011:     "no privilege permission",
	-601012:     "unauthorized env",
	-601013:     "no multiend permission",
	-601015:     "access denied (cloudfunction cloudbase_auth returns empty errCode)",
	-601016:     "missing env auth info",
	-601017:     "access denied (cloudbase_auth returns non-zero errCode)",
	-601018:     "unauthorized API",
	-604100:     "API not found",
}

// advice is what to do about a platform's refusal.
var advice = map[int]string{
	openapi.CodeNoPermission:  "config.json of the function must list " + API + " under permissions.openapi; a change counts after a new upload and up to ten minutes",
	openapi.CodeTimeout:       "the platform did not wait for WeChat any longer",
	openapi.CodeSystem:        "the platform could not ask WeChat",
	openapi.CodeIllegalSource: "the platform does not take this call from here",
}

// refused words the errorCode of a [Response].
func refused(code int) error {
	detail, ok := advice[code]
	if !ok {
		detail = "the platform refused the call"
	}
	return fail(code, detail)
}

// fail makes an error as the SDK words one: code, text of the table, detail.
func fail(code int, detail string) error {
	switch code {
	case openapi.CodeInvalidParam, openapi.CodeNoPermission, openapi.CodeTimeout, openapi.CodeSystem, openapi.CodeIllegalSource:
		return openapi.NewError(code, detail, nil)
	}
	text, ok := texts[code]
	if !ok {
		text = "unknown error"
	}
	return &openapi.Error{Code: code, Message: fmt.Sprintf("%d %s. %s", code, text, detail)}
}
