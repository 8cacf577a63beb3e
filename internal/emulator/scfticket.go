package emulator

import (
	"errors"
	"slices"
)

// ticket is the variable in which CloudBase hands an invocation the ticket for its Cloud Calls.
const ticket = "WX_API_TOKEN"

var errTicket = errors.New("the platform gives " + ticket + " only to what a Mini Program page or WeChat's invokeCloudFunction calls (TCB_SOURCE wx_client or wx_http)")

// withTicket adds the ticket where the platform gives one: to an invocation that a Mini Program page made, or WeChat's
// HTTP API invokeCloudFunction. It gives none to what another function, the console, the web or a timer calls, and a
// caller that names one all the same is refused. The ticket of a timer that was set in WeChat's developer tools is
// another variable, and not played.
func withTicket(variables map[string]string) error {
	given := slices.Contains([]string{"wx_client", "wx_http"}, variables["TCB_SOURCE"])
	_, named := variables[ticket]
	switch {
	case named && !given:
		return errTicket
	case given && !named:
		variables[ticket] = "ticket-of-the-emulator"
		if keys := variables["WX_CONTEXT_KEYS"]; keys != "" {
			variables["WX_CONTEXT_KEYS"] = keys + "," + ticket
		}
	}
	return nil
}
