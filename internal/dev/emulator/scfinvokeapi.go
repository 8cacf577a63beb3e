package emulator

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"

	"sotercall/internal/dev/rule"
)

// SCFInvokeAPI invokes the given SCF functions, by name, over HTTP:
//
//	POST /scf/functions/{name}/invocations
//
// The body is the event. The request header X-Scf-Environment, a JSON object of strings, becomes [Call.Environment]:
// that is how the platform tells a function who calls, so a caller in a Mini Program is played with
//
//	X-Scf-Environment: {"WX_OPENID":"o…","WX_APPID":"wx…","TCB_SOURCE":"wx_client","WX_CONTEXT_KEYS":"WX_OPENID,WX_APPID"}
//
// The answer has status 200 and the function's payload, and the headers X-Scf-Request-Id, X-Scf-Log-Result (base64,
// the end of the log) and, when the function failed, X-Scf-Function-Error: Unhandled. Anything else is an error of the
// API itself, worded in the form of Tencent Cloud's API 3.0, {"Response":{"Error":{"Code","Message"},"RequestId"}}.
//
// The address and the headers are ours. [SCFAPI] is the platform's own.
func SCFInvokeAPI(functions map[string]Runtime) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /scf/functions/{name}/invocations", func(w http.ResponseWriter, r *http.Request) {
		call := Call{RequestID: newRequestID()}
		w.Header().Set("X-Scf-Request-Id", call.RequestID)
		w.Header().Set("Content-Type", "application/json")
		fail := func(status int, code, message string) {
			w.WriteHeader(status)
			writeSCFRefusal(w, call.RequestID, code, message)
		}
		refuse := func(r *rule.Rule, status int, code, message string) {
			r.Refuse()
			fail(status, code, message)
		}

		function, ok := functions[r.PathValue("name")]
		if !ok {
			refuse(scfAPIFunction, http.StatusNotFound, "ResourceNotFound.Function", "no function of this name")
			return
		}
		var err error
		call.Payload, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxSyncPayload))
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			refuse(scfAPIEvent, http.StatusRequestEntityTooLarge, "RequestTooLarge", fmt.Sprintf("the event is larger than %d bytes", maxSyncPayload))
			return
		}
		if err != nil {
			fail(http.StatusBadRequest, "InvalidParameterValue", "the event could not be read")
			return
		}
		if !isJSON(call.Payload) {
			refuse(scfAPIJSON, http.StatusBadRequest, "InvalidParameterValue", "the event is not JSON")
			return
		}
		if environment := r.Header.Get("X-Scf-Environment"); environment != "" {
			if err := json.Unmarshal([]byte(environment), &call.Environment); err != nil {
				refuse(scfEnvironment, http.StatusBadRequest, "InvalidParameterValue", "X-Scf-Environment is not a JSON object of strings")
				return
			}
		}

		switch err := checkCaller(call); { // which has its own rules
		case errors.Is(err, errEventTooLarge):
			fail(http.StatusRequestEntityTooLarge, "EXCEED_MAX_PAYLOAD_SIZE", fmt.Sprintf("the event is larger than %d bytes", maxCloudBaseEvent))
			return
		case err != nil:
			fail(http.StatusBadRequest, "InvalidParameterValue", err.Error())
			return
		}
		answer, err := function.Invoke(r.Context(), call)
		if throttled, ok := errors.AsType[*Throttled](err); ok {
			if call.Environment[callerVariable] != "" {
				refuse(tcbConcurrency, http.StatusTooManyRequests, "EXCEED_CONCURRENT_REQUEST_LIMIT", "request concurrency is above the limit")
				return
			}
			throttled.scfRule().Refuse()
			answer, err = throttled.scfAnswer(call.RequestID), nil
		}
		if err != nil {
			fail(http.StatusInternalServerError, "InternalError", err.Error())
			return
		}
		if answer.FunctionError != "" {
			w.Header().Set("X-Scf-Function-Error", answer.FunctionError)
		}
		w.Header().Set("X-Scf-Log-Result", base64.StdEncoding.EncodeToString(answer.LogTail))
		_, _ = w.Write(answer.Payload)
	})
	return mux
}
