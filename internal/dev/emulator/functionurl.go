package emulator

import (
	"net/http"
	"slices"
	"time"

	"sotercall/internal/dev/rule"
)

const (
	functionURLID     = "emulator00000000000000000000url0"
	functionURLDomain = functionURLID + ".lambda-url." + awsRegion + ".on.aws"

	maxFunctionURLHead = 1 << 20 // the request line and the values of the headers
)

var functionURLMethods = []string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodHead, http.MethodOptions, http.MethodPatch, http.MethodDelete,
}

// FunctionURL stands in for the function URL of a function on Lambda, with AuthType NONE and the invoke mode BUFFERED:
// AWS Lambda developer guide, page "Invoking Lambda function URLs". The events have payload format 2.0, with the domain
// of a function URL.
//
// An answer with a statusCode is taken apart; any other JSON is the body of a 200 in application/json, a JSON string with
// its quotes, as the page shows. A function error, which a timeout is too, and an answer that is not JSON are 502. A
// function URL has no timeout beside the function's. With which status it refuses what is too large, and other methods,
// is not documented.
func FunctionURL(rt Runtime) http.Handler {
	return front{
		runtime: rt, idHeader: "X-Amzn-Requestid",
		refuse: func(r *http.Request) (int, *rule.Rule) {
			if slices.Contains(functionURLMethods, r.Method) {
				return 0, nil
			}
			return http.StatusMethodNotAllowed, functionURLMethod
		},
		headSize: headSize, maxHead: maxFunctionURLHead, headRule: functionURLHead,
		maxBody: maxSyncPayload, bodyRule: functionURLEvent, eventRule: functionURLEvent,
		throttledRule: functionURLThrottled, throttledStatus: http.StatusTooManyRequests,
		event: func(r *http.Request, requestID string, at time.Time) ([]byte, error) {
			return payload2Event(r, requestID, at, functionURLID, functionURLDomain)
		},
		reply:     func(answer []byte) (httpAPIReply, error) { return parseHTTPAPIReply(answer, true) },
		replyRule: functionURLReplyForm, brokenStatus: http.StatusBadGateway,
	}
}
