package emulator

import (
	"errors"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/tencentyun/scf-go-lib/cloudfunction/messages"
)

// Status codes of failed invocations: Tencent Cloud documentation, SCF, page "Function
// Status Code", cloud.tencent.com/document/product/583/42611.
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

// scfError is an invoker's document for a failed invocation. Time-outs and exits have SCF's
// own texts. The form of an error returned by Go code is documented for other languages
// only; ErrorType and the frames of StackTrace are those of scf-go-lib.
type scfError struct {
	// 1: the code failed, -1: the platform ended it
	Code       int                                         `json:"errorCode"`
	Message    string                                      `json:"errorMessage"`
	Type       string                                      `json:"errorType,omitempty"`
	RequestID  string                                      `json:"requestId"`
	StackTrace []*messages.InvokeResponse_Error_StackFrame `json:"stackTrace,omitempty"`
	Status     int                                         `json:"statusCode"`
}

// scfAnswer returns the function's response as the platform's.
func scfAnswer(requestID string, response *messages.InvokeResponse) Response {
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
	return Response{RequestID: requestID, Payload: response.Payload}
}

func scfTimeout(requestID string, timeout time.Duration) Response {
	return scfFailure(scfError{
		Code:      -1,
		Message:   "Invoking task timed out after " + strconv.FormatFloat(timeout.Seconds(), 'f', -1, 64) + " seconds",
		RequestID: requestID,
		Status:    scfTimedOut,
	})
}

func scfExit(requestID string) Response {
	return scfFailure(scfError{Code: -1, Message: "User process exit when running", RequestID: requestID, Status: scfProcessExit})
}

// scfInitFailure returns the response if a process did not become ready. The text for its
// time-out is ours.
func scfInitFailure(requestID string, cause error) Response {
	if errors.Is(cause, errNotReady) {
		return scfFailure(scfError{Code: -1, Message: "Initialization timed out", RequestID: requestID, Status: scfTimedOut})
	}
	return scfExit(requestID)
}

func scfFailure(e scfError) Response {
	document, err := json.Marshal(e, allowInvalidUTF8)
	if err != nil {
		panic(err) // strings and numbers
	}
	return Response{RequestID: e.RequestID, Payload: document, FunctionError: functionErrorUnhandled}
}
