package emulator

import (
	"errors"
	"fmt"
	"time"
)

// What CloudBase says of an invocation: the variable that names its caller, and two of the callers.
const (
	callerVariable = "TCB_SOURCE"
	fromPage       = "wx_client"
	fromHTTPAPI    = "wx_http" // WeChat's HTTP API invokeCloudFunction
)

// ticket is the variable in which CloudBase hands an invocation the ticket for its Cloud Calls.
const ticket = "WX_API_TOKEN"

const (
	// maxCloudBaseEvent bounds an event that comes through CloudBase, which is text: CloudBase,
	// docs.cloudbase.net/error-code/EXCEED_MAX_PAYLOAD_SIZE.
	maxCloudBaseEvent = 100 << 10

	// httpAPITime is how long a function may take that invokeCloudFunction has called: WeChat,
	// developers.weixin.qq.com/doc/oplatform/openApi/cloudbase-common/scf-management/api_invokecloudfunction.
	httpAPITime = 5 * time.Second
)

// userVariables name a user. The page on invokeCloudFunction says that no function which it calls has one.
var userVariables = []string{"WX_OPENID", "WX_UNIONID", "WX_FROM_OPENID", "WX_FROM_UNIONID"}

var (
	errTicket = errors.New("the platform gives " + ticket + " only to what a Mini Program page or WeChat's invokeCloudFunction calls (TCB_SOURCE wx_client or wx_http)")
	errUser   = errors.New("the platform names no user to what WeChat's invokeCloudFunction calls (TCB_SOURCE wx_http)")
)

// checkCaller refuses what the platform never says of an invocation, and events that it does not pass on.
func checkCaller(call Call) error {
	source := call.Environment[callerVariable]
	limit := maxSyncPayload
	if source != "" {
		limit = maxCloudBaseEvent
	}
	if err := checkEventSize(call.Payload, limit); err != nil {
		return err
	}
	if call.Forged {
		return nil
	}
	if call.Environment[ticket] != "" && !hasTicket(source) {
		return errTicket
	}
	if source != fromHTTPAPI {
		return nil
	}
	for _, name := range userVariables {
		if call.Environment[name] != "" {
			return fmt.Errorf("%w, but here is %s", errUser, name)
		}
	}
	return nil
}

// hasTicket reports whether the platform gives an invocation a ticket: one that a Mini Program page made, or WeChat's
// HTTP API. It gives none to what another function, the console, the web or a timer calls. The ticket of a timer that
// was set in WeChat's developer tools is another variable, and not played.
func hasTicket(source string) bool { return source == fromPage || source == fromHTTPAPI }

// addTicket adds the ticket where the platform gives one.
func addTicket(variables map[string]string) {
	if !hasTicket(variables[callerVariable]) || variables[ticket] != "" {
		return
	}
	variables[ticket] = "ticket-of-the-emulator"
	if keys := variables["WX_CONTEXT_KEYS"]; keys != "" {
		variables["WX_CONTEXT_KEYS"] = keys + "," + ticket
	}
}

// timeOf is how long an invocation may take. Whether the function is told of the five seconds of invokeCloudFunction is
// not documented: here it is not.
func (s *SCF) timeOf(call Call) time.Duration {
	if call.Environment[callerVariable] == fromHTTPAPI {
		return min(s.function.Timeout, httpAPITime)
	}
	return s.function.Timeout
}
