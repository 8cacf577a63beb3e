package emulator

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"sotercall/internal/dev/rule"
)

// front is an HTTP endpoint in front of a function on Lambda: an API of Amazon API Gateway, or a function URL.
type front struct {
	runtime  Runtime
	idHeader string // of the response, with the request id

	// refuse answers what the endpoint refuses before it reads the body; nil refuses nothing.
	refuse func(r *http.Request) (status int, by *rule.Rule)

	headSize  func(r *http.Request) int
	maxHead   int
	headRule  *rule.Rule
	maxBody   int64
	bodyRule  *rule.Rule
	eventRule *rule.Rule // above Lambda's own limit

	rateRule        *rule.Rule // 429 of the endpoint itself; nil if it has no limit beside the function's
	throttledRule   *rule.Rule // where Lambda has no instance for the function
	throttledStatus int

	timeout       time.Duration // 0: the function's own is the only one
	timeoutRule   *rule.Rule
	timeoutStatus int

	event        func(r *http.Request, requestID string, at time.Time) ([]byte, error)
	reply        func(answer []byte) (httpAPIReply, error)
	replyRule    *rule.Rule
	brokenStatus int // for a function error, and for a reply of a wrong form
}

// ServeHTTP implements [http.Handler].
func (f front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requestID := newHTTPAPIRequestID()
	w.Header().Set(f.idHeader, requestID)
	refuse := func(by *rule.Rule, status int) {
		by.Refuse()
		gatewayError(w, status)
	}
	if f.refuse != nil {
		if status, by := f.refuse(r); by != nil {
			refuse(by, status)
			return
		}
	}
	if f.headSize(r) > f.maxHead {
		refuse(f.headRule, http.StatusRequestHeaderFieldsTooLarge)
		return
	}
	if f.rateRule != nil && gatewayIsThrottled(f.runtime) {
		refuse(f.rateRule, http.StatusTooManyRequests)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, f.maxBody)
	event, err := f.event(r, requestID, time.Now())
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		refuse(f.bodyRule, http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		gatewayError(w, http.StatusBadRequest)
		return
	}
	if len(event) > maxSyncPayload {
		refuse(f.eventRule, http.StatusRequestEntityTooLarge)
		return
	}
	f.invoke(w, r, event)
}

func (f front) invoke(w http.ResponseWriter, r *http.Request, event []byte) {
	ctx, cancel := r.Context(), func() {}
	if f.timeout != 0 {
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
	}
	defer cancel()
	answer, err := f.runtime.Invoke(ctx, Call{Payload: event})
	throttled := (*Throttled)(nil)
	switch {
	case errors.As(err, &throttled):
		f.throttledRule.Refuse()
		gatewayError(w, f.throttledStatus)
		return
	case err != nil && f.timeout != 0 && ctx.Err() != nil && r.Context().Err() == nil:
		f.timeoutRule.Refuse()
		gatewayError(w, f.timeoutStatus)
		return
	case err != nil:
		gatewayError(w, http.StatusServiceUnavailable)
		return
	case answer.FunctionError != "":
		gatewayError(w, f.brokenStatus)
		return
	}
	reply, err := f.reply(answer.Payload)
	if err != nil {
		f.replyRule.Refuse()
		gatewayError(w, f.brokenStatus)
		return
	}
	reply.write(w)
}

// gatewayError is an answer of the endpoint itself.
func gatewayError(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"message":"`+http.StatusText(status)+`"}`)
}
