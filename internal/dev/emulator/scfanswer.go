package emulator

import (
	"errors"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/tencentyun/scf-go-lib/cloudfunction/messages"
)

// Status codes of failed invocations: Tencent Cloud documentation, SCF, page "Function Status Code",
// cloud.tencent.com/document/product/583/42611.
const (
	scfInvalidEvent   = 400
	scfUnauthorized   = 401
	scfBadResponse    = 403
	scfEventTooLarge  = 406
	scfAnswerTooLarge = 407
	scfBurstLimit     = 429
	scfCodeError      = 430
	scfLimitReached   = 432
	scfTimedOut       = 433
	scfProcessExit    = 439
)

// scfError is the document that an invoker gets for a failed invocation. Time-outs and exits are worded as SCF words
// them. For an error returned by Go code the form is documented for other languages only; ErrorType and the frames of
// StackTrace are those of scf-go-lib.
type scfError struct {
	Code       int                                         `json:"errorCode"` // 1: the code's fault, -1: the platform ended it
	Message    string                                      `json:"errorMessage"`
	Type       string                                      `json:"errorType,omitempty"`
	RequestID  string                                      `json:"requestId"`
	StackTrace []*messages.InvokeResponse_Error_StackFrame `json:"stackTrace,omitempty"`
	Status     int                                         `json:"statusCode"`
}

// scfAnswer words what the function answered.
func scfAnswer(requestID string, response *messages.InvokeResponse) Answer {
	if e := response.Error; e != nil {
		return scfFailure(scfError{
			Code: 1, Message: e.Message, Type: e.Type, RequestID: requestID, StackTrace: e.StackTrace, Status: scfCodeError,
		})
	}
	if len(response.Payload) > maxSCFAnswer {
		scfAnswerSize.Refuse()
		return scfFailure(scfError{
			Code: -1, Message: "The size of response exceeds the upper limit (6MB)", RequestID: requestID, Status: scfAnswerTooLarge,
		})
	}
	return Answer{RequestID: requestID, Payload: response.Payload}
}

func scfTimeout(requestID string, timeout time.Duration) Answer {
	return scfFailure(scfError{
		Code:      -1,
		Message:   "Invoking task timed out after " + strconv.FormatFloat(timeout.Seconds(), 'f', -1, 64) + " seconds",
		RequestID: requestID,
		Status:    scfTimedOut,
	})
}

func scfExit(requestID string) Answer {
	return scfFailure(scfError{Code: -1, Message: "User process exit when running", RequestID: requestID, Status: scfProcessExit})
}

// scfInitFailure is about a process that did not become ready. The words for its time-out are ours.
func scfInitFailure(requestID string, cause error) Answer {
	if errors.Is(cause, errNotReady) {
		return scfFailure(scfError{Code: -1, Message: "Initialization timed out", RequestID: requestID, Status: scfTimedOut})
	}
	return scfExit(requestID)
}

func scfFailure(e scfError) Answer {
	document, err := json.Marshal(e, allowInvalidUTF8)
	if err != nil {
		panic(err) // strings and numbers
	}
	return Answer{RequestID: e.RequestID, Payload: document, FunctionError: functionErrorUnhandled}
}
