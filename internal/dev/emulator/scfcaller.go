package emulator

import (
	"errors"
	"fmt"
	"time"

	"sotercall/internal/dev/rule"
)

// CloudBase's description of an invocation: the variable that names its caller, and two of
// the callers.
const (
	callerVariable = "TCB_SOURCE"
	fromPage       = "wx_client"
	fromHTTPAPI    = "wx_http" // WeChat's HTTP API invokeCloudFunction
)

// ticket is the variable with an invocation's ticket for its Cloud Calls.
const ticket = "WX_API_TOKEN"

// Ticket is the ticket of invocations here. The sandbox accepts Cloud Calls with it.
const Ticket = "ticket-of-the-emulator"

const (
	// maxCloudBaseEvent bounds an event that comes through CloudBase, which is text.
	maxCloudBaseEvent = 100 << 10

	// httpAPITime bounds a function that invokeCloudFunction has called.
	httpAPITime = 5 * time.Second
)

// userVariables are the variables that name a user. WeChat's page says that
// invokeCloudFunction never sets one.
var userVariables = []string{"WX_OPENID", "WX_UNIONID", "WX_FROM_OPENID", "WX_FROM_UNIONID"}

var (
	errTicket = errors.New("the platform gives " + ticket + " only to what a Mini Program page or WeChat's invokeCloudFunction calls (TCB_SOURCE wx_client or wx_http)")
	errUser   = errors.New("the platform names no user to what WeChat's invokeCloudFunction calls (TCB_SOURCE wx_http)")
)

// checkCaller refuses variables that the platform never sets for an invocation, and events
// that it never passes on.
func checkCaller(call Call) error {
	source := call.Environment[callerVariable]
	limit, size := maxSyncPayload, scfEvent
	if source != "" {
		limit, size = maxCloudBaseEvent, tcbEvent
	}
	if err := checkEventSize(call.Payload, limit, size); err != nil {
		return err
	}
	if call.Forged {
		return nil
	}
	if call.Environment[ticket] != "" && !hasTicket(source) {
		tcbTicket.Refuse()
		return errTicket
	}
	if source != fromHTTPAPI {
		return nil
	}
	for _, name := range userVariables {
		if call.Environment[name] != "" {
			wxHTTPUser.Refuse()
			return fmt.Errorf("%w, but here is %s", errUser, name)
		}
	}
	return nil
}

// hasTicket reports whether the platform gives an invocation a ticket. It does for calls
// from a Mini Program page and from WeChat's HTTP API. It does not for calls from another
// function, the console, the web or a timer. A timer that was set in WeChat's developer
// tools has its ticket in another variable, which is not emulated.
func hasTicket(source string) bool { return source == fromPage || source == fromHTTPAPI }

// addTicket adds the ticket if the platform would.
func addTicket(variables map[string]string) {
	if !hasTicket(variables[callerVariable]) || variables[ticket] != "" {
		return
	}
	variables[ticket] = Ticket
	if keys := variables["WX_CONTEXT_KEYS"]; keys != "" {
		variables["WX_CONTEXT_KEYS"] = keys + "," + ticket
	}
}

// timeOf returns the time limit of an invocation, and its rule. Whether the function can
// see the five seconds of invokeCloudFunction is not documented: here it cannot.
func (s *SCF) timeOf(call Call) (time.Duration, *rule.Rule) {
	if call.Environment[callerVariable] == fromHTTPAPI && httpAPITime < s.function.Timeout {
		return httpAPITime, wxHTTPTime
	}
	return s.function.Timeout, scfTime
}
