package emulator

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/dev/rule"
)

const (
	scfAPIVersion    = "2018-04-16"
	scfDefaultAlias  = "$DEFAULT" // points to $LATEST
	maxSCFAPIRequest = 10 << 20
	maxSCFAsyncEvent = 128 << 10
)

// scfAPIError is an error of API 3.0. Its HTTP status is 200, as for every response of that
// API.
type scfAPIError struct {
	rule          *rule.Rule
	Code, Message string
}

// IsSCFAPI reports whether a request is one of Tencent Cloud's API 3.0, whose path is always /.
func IsSCFAPI(r *http.Request) bool { return r.Header.Get("X-TC-Action") != "" }

// SCFAPI is Tencent Cloud's API 3.0 for SCF, version 2018-04-16, for the given functions,
// by name. It has the actions Invoke and InvokeFunction, for the SDKs of Tencent Cloud with
// another endpoint. It takes POST with a body in JSON, the SDKs' default. It verifies
// signatures if there is a key.
//
// Parameters, responses and limits: Tencent Cloud API documentation, SCF, pages "Invoke"
// (583/17243), "InvokeFunction" (583/58400) and "Result" (583/17244). There are the
// namespace default and the qualifiers $LATEST and $DEFAULT. An Invoke with the
// InvocationType Event is run once, without retries.
func SCFAPI(functions map[string]Runtime, key TC3Key) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requestID := newRequestID()
		w.Header().Set("Content-Type", "application/json")
		if trace := r.Header.Get("X-TC-TraceId"); trace != "" {
			w.Header().Set("X-TC-TraceId", trace)
		}
		invocation, refusal := readSCFInvocation(w, r, functions, key)
		if refusal != nil {
			refusal.rule.Refuse()
			writeSCFRefusal(w, requestID, refusal.Code, refusal.Message)
			return
		}
		call := Call{Payload: invocation.event, RequestID: requestID}
		if invocation.async {
			go func() { _, _ = invocation.function.Invoke(context.WithoutCancel(r.Context()), call) }()
			writeSCFResult(w, requestID, scfAPIResult{FunctionRequestID: requestID})
			return
		}
		answer, err := invocation.function.Invoke(r.Context(), call)
		if throttled, ok := errors.AsType[*Throttled](err); ok {
			throttled.scfRule().Refuse()
			answer, err = throttled.scfAnswer(requestID), nil
		}
		if err != nil {
			writeSCFRefusal(w, requestID, "InternalError", err.Error())
			return
		}
		writeSCFResult(w, requestID, resultOf(invocation, answer))
	})
}

// scfInvocation is a parsed request.
type scfInvocation struct {
	function Runtime
	event    []byte
	async    bool
	withLog  bool
}

// scfAPIParameters are those of both actions: the event is Event in one and ClientContext
// in the other.
type scfAPIParameters struct {
	FunctionName   string
	InvocationType string
	Qualifier      string
	Event          string
	ClientContext  string
	LogType        string
	Namespace      string
	RoutingKey     string // selects a version; there is only one
}

func readSCFInvocation(w http.ResponseWriter, r *http.Request, functions map[string]Runtime, key TC3Key) (scfInvocation, *scfAPIError) {
	none := scfInvocation{}
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if r.Method != http.MethodPost || !strings.EqualFold(strings.TrimSpace(mediaType), "application/json") {
		return none, &scfAPIError{scfAPIProtocol, "UnsupportedProtocol", "The emulator takes POST with application/json only."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSCFAPIRequest))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return none, &scfAPIError{scfAPISize, "RequestSizeLimitExceeded", "The request is larger than 10 MB."}
	}
	if err != nil {
		return none, &scfAPIError{scfAPIForm, "InvalidParameter", "The request could not be read."}
	}
	if refusal := key.verify(r, body, time.Now()); refusal != nil {
		return none, refusal
	}
	if version := r.Header.Get("X-TC-Version"); version != scfAPIVersion {
		return none, &scfAPIError{scfAPIVersionRule, "NoSuchVersion", "The API version " + version + " does not exist; there is " + scfAPIVersion + "."}
	}
	var p scfAPIParameters
	if err := json.Unmarshal(body, &p, json.RejectUnknownMembers(true)); err != nil {
		return none, &scfAPIError{scfAPIForm, "InvalidParameter", "The parameters are not those of Invoke or InvokeFunction: " + err.Error()}
	}
	event := p.Event
	switch action := r.Header.Get("X-TC-Action"); action {
	case "InvokeFunction":
		p.InvocationType = ""
	case "Invoke":
		event = p.ClientContext
	default:
		return none, &scfAPIError{scfAPIAction, "InvalidAction", "The emulator has no action " + action + "; it has Invoke and InvokeFunction."}
	}
	return p.invocation(functions, event)
}

// invocation checks the parameters in the platform's order.
func (p scfAPIParameters) invocation(functions map[string]Runtime, event string) (scfInvocation, *scfAPIError) {
	none := scfInvocation{}
	if p.FunctionName == "" {
		return none, &scfAPIError{scfAPIMissing, "MissingParameter", "The parameter FunctionName is missing."}
	}
	if p.Namespace != "" && p.Namespace != scfNamespace {
		return none, &scfAPIError{scfAPINamespace, "ResourceNotFound.Namespace", "There is no namespace " + p.Namespace + "."}
	}
	function, ok := functions[p.FunctionName]
	if !ok {
		return none, &scfAPIError{scfAPIFunction, "ResourceNotFound.Function", "There is no function " + p.FunctionName + "."}
	}
	if p.Qualifier != "" && p.Qualifier != latestVersion && p.Qualifier != scfDefaultAlias {
		return none, &scfAPIError{scfAPIQualifier, "ResourceNotFound.Qualifier", "There is no version or alias " + p.Qualifier + "."}
	}
	invocation := scfInvocation{function: function, event: []byte(event), async: p.InvocationType == "Event", withLog: p.LogType == "Tail"}
	if p.LogType != "" && p.LogType != "None" && p.LogType != "Tail" {
		return none, &scfAPIError{scfAPILogType, "InvalidParameterValue", "LogType is None or Tail."}
	}
	limit, size := maxSyncPayload, scfAPIEvent
	switch {
	case invocation.async:
		limit, size = maxSCFAsyncEvent, scfAPIAsyncEvent
	case p.InvocationType != "" && p.InvocationType != "RequestResponse":
		return none, &scfAPIError{scfAPIType, "InvalidParameterValue", "InvocationType is RequestResponse or Event."}
	}
	if len(event) > limit {
		return none, &scfAPIError{size, "RequestSizeLimitExceeded", "The event is too large."}
	}
	if event == "" {
		invocation.event = []byte("{}")
	} else if !isJSON(invocation.event) {
		return none, &scfAPIError{scfAPIJSON, "InvalidParameterValue", "The event is not JSON."}
	}
	return invocation, nil
}

// scfAPIResult is the data type Result. ErrMsg has the error document of a failed function.
type scfAPIResult struct {
	Log               string
	RetMsg            string
	ErrMsg            string
	MemUsage          int64   // bytes; the configured size, because use is not measured
	Duration          float64 // milliseconds
	BillDuration      int64   // milliseconds
	FunctionRequestID string  `json:"FunctionRequestId"`
	InvokeResult      int     // 0, or -1 for a failure
}

func resultOf(invocation scfInvocation, answer Response) scfAPIResult {
	result := scfAPIResult{
		Duration:          milliseconds(answer.Duration),
		BillDuration:      int64(math.Ceil(milliseconds(answer.Duration))),
		FunctionRequestID: answer.RequestID,
	}
	if s, ok := unwrapped(invocation.function).(*SCF); ok {
		result.MemUsage = int64(s.function.MemoryMB) << 20
	}
	if invocation.withLog {
		result.Log = string(answer.LogTail)
	}
	if answer.FunctionError == "" {
		result.RetMsg = string(answer.Payload)
	} else {
		result.ErrMsg, result.InvokeResult = string(answer.Payload), -1
	}
	return result
}

func writeSCFResult(w io.Writer, requestID string, result scfAPIResult) {
	type response struct {
		Result    scfAPIResult
		RequestID string `json:"RequestId"`
	}
	_ = json.MarshalWrite(w, struct{ Response response }{response{result, requestID}}, allowInvalidUTF8)
}

func writeSCFRefusal(w io.Writer, requestID, code, message string) {
	type response struct {
		Error     scfAPIError
		RequestID string `json:"RequestId"`
	}
	_ = json.MarshalWrite(w, struct{ Response response }{response{scfAPIError{Code: code, Message: message}, requestID}}, allowInvalidUTF8)
}
