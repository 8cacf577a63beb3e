package emulator

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/dev/rule"
)

const (
	maxSyncPayload   = 6 << 20
	maxAsyncPayload  = 1 << 20
	maxClientContext = 3583 // bytes of base64
)

// InvokeAPI is AWS Lambda's own API for the given functions, by name:
//
//	POST /2015-03-31/functions/{name}/invocations
//	GET  /2015-03-31/functions/{name}
//	GET  /2015-03-31/functions/{name}/configuration
//
// With it `aws lambda invoke --endpoint-url` and every AWS SDK can call them, with any
// credentials. The name may be an ARN. It may carry a version or alias, as may the
// parameter Qualifier: there is $LATEST and no other. X-Amz-Invocation-Type,
// X-Amz-Log-Type, X-Amz-Client-Context and X-Amzn-Trace-Id are supported. An Event is
// invoked once, without retries. Responses are not streamed: InvokeWithResponseStream is
// refused, as is every other operation. Errors of the API itself are those of the AWS
// Lambda API reference, pages "Invoke" and "Common Errors".
func InvokeAPI(functions map[string]Runtime) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, serve func(w http.ResponseWriter, r *http.Request, name string, function Runtime)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Amzn-RequestId", newRequestID())
			name, qualifier := functionName(r.PathValue("name"))
			if asked := r.URL.Query().Get("Qualifier"); asked != "" {
				qualifier = asked
			}
			function, ok := functions[name]
			if !ok || qualifier != "" && qualifier != latestVersion {
				arn := functionARN(name)
				if qualifier != "" {
					arn += ":" + qualifier
				}
				refuseInvoke(w, invokeName, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+arn)
				return
			}
			serve(w, r, name, function)
		})
	}
	handle("POST /2015-03-31/functions/{name}/invocations", serveInvoke)
	handle("GET /2015-03-31/functions/{name}", func(w http.ResponseWriter, _ *http.Request, name string, function Runtime) {
		writeInvokeJSON(w, struct{ Configuration lambdaConfiguration }{configurationOf(name, function)})
	})
	handle("GET /2015-03-31/functions/{name}/configuration", func(w http.ResponseWriter, _ *http.Request, name string, function Runtime) {
		writeInvokeJSON(w, configurationOf(name, function))
	})
	handle("POST /2021-11-15/functions/{name}/response-streaming-invocations", func(w http.ResponseWriter, _ *http.Request, _ string, _ Runtime) {
		refuseInvoke(w, invokeStream, http.StatusBadRequest, "InvalidRequestContentException", "The emulator does not stream answers: use Invoke")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amzn-RequestId", newRequestID())
		refuseInvoke(w, invokeOperation, http.StatusNotFound, "UnknownOperationException",
			"The emulator has no such operation of Lambda: "+r.Method+" "+r.URL.Path)
	})
	return mux
}

func serveInvoke(w http.ResponseWriter, r *http.Request, _ string, function Runtime) {
	call, failure := invokeCall(w, r)
	if failure != nil {
		refuseInvoke(w, failure.rule, failure.status, failure.code, failure.message)
		return
	}
	logType := r.Header.Get("X-Amz-Log-Type")
	if logType != "" && logType != "None" && logType != "Tail" {
		refuseInvoke(w, invokeLogType, http.StatusBadRequest, "InvalidParameterValueException",
			fmt.Sprintf("X-Amz-Log-Type %q is none of None, Tail", logType))
		return
	}
	call.RequestID = w.Header().Get("X-Amzn-RequestId")

	switch invocationType := r.Header.Get("X-Amz-Invocation-Type"); invocationType {
	case "", "RequestResponse":
		answer, err := function.Invoke(r.Context(), call)
		if throttled, ok := errors.AsType[*Throttled](err); ok {
			invokeThrottled.Refuse()
			writeInvokeThrottled(w, throttled)
			return
		}
		if err != nil {
			writeInvokeError(w, http.StatusInternalServerError, "ServiceException", err.Error())
			return
		}
		writeInvokeAnswer(w, answer, logType == "Tail")
	case "Event":
		go func() { _, _ = function.Invoke(context.WithoutCancel(r.Context()), call) }()
		w.WriteHeader(http.StatusAccepted)
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
	default:
		refuseInvoke(w, invokeType, http.StatusBadRequest, "InvalidParameterValueException",
			fmt.Sprintf("X-Amz-Invocation-Type %q is none of RequestResponse, Event, DryRun", invocationType))
	}
}

// functionName returns the name and the qualifier, if any, of an ARN, a partial ARN
// (account:function:name) or name:qualifier.
func functionName(identifier string) (name, qualifier string) {
	if _, after, ok := strings.Cut(identifier, ":function:"); ok {
		identifier = after
	}
	name, qualifier, _ = strings.Cut(identifier, ":")
	return name, qualifier
}

// lambdaConfiguration is the part of a function's configuration that is known here: AWS
// Lambda API reference, data type FunctionConfiguration.
type lambdaConfiguration struct {
	FunctionName     string
	FunctionArn      string
	Version          string
	Runtime          string
	Handler          string
	PackageType      string
	State            string
	LastUpdateStatus string
	Timeout          int `json:",omitzero"` // seconds
	MemorySize       int `json:",omitzero"` // MB
}

func configurationOf(name string, function Runtime) lambdaConfiguration {
	c := lambdaConfiguration{
		FunctionName: name, FunctionArn: functionARN(name), Version: latestVersion,
		Runtime: "provided.al2023", Handler: "bootstrap", PackageType: "Zip", State: "Active", LastUpdateStatus: "Successful",
	}
	if l, ok := unwrapped(function).(*Lambda); ok {
		c.Timeout, c.MemorySize = int(l.function.Timeout.Seconds()), l.function.MemoryMB
	}
	return c
}

func writeInvokeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.MarshalWrite(w, v)
}

type invokeFailure struct {
	rule          *rule.Rule
	status        int
	code, message string
}

func invokeCall(w http.ResponseWriter, r *http.Request) (Call, *invokeFailure) {
	limit, size := int64(maxSyncPayload), invokeSize
	if r.Header.Get("X-Amz-Invocation-Type") == "Event" {
		limit, size = maxAsyncPayload, invokeAsyncSize
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return Call{}, &invokeFailure{size, http.StatusRequestEntityTooLarge, "RequestTooLargeException",
			fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", limit)}
	}
	if err != nil {
		return Call{}, &invokeFailure{invokeJSON, http.StatusBadRequest, "InvalidRequestContentException", "Could not read the request body"}
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	if !isJSON(payload) {
		return Call{}, &invokeFailure{invokeJSON, http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json"}
	}
	context := r.Header.Get("X-Amz-Client-Context")
	if len(context) > maxClientContext {
		return Call{}, &invokeFailure{invokeContextSize, http.StatusBadRequest, "InvalidRequestContentException",
			"Client context must be no more than 3583 bytes when encoded."}
	}
	clientContext, err := base64.StdEncoding.DecodeString(context)
	if err != nil || len(clientContext) > 0 && !isJSONObject(clientContext) {
		return Call{}, &invokeFailure{invokeContext, http.StatusBadRequest, "InvalidRequestContentException",
			"Client context must be a valid Base64-encoded JSON object."}
	}
	return Call{Payload: payload, ClientContext: clientContext, TraceID: r.Header.Get("X-Amzn-Trace-Id")}, nil
}

// isJSON reports whether payload is JSON. It is as lenient as the platforms: functions must
// refuse duplicate names and invalid UTF-8 themselves.
func isJSON(payload []byte) bool {
	return jsontext.Value(payload).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

func isJSONObject(value []byte) bool {
	return isJSON(value) && jsontext.Value(value).Kind() == '{'
}

func writeInvokeAnswer(w http.ResponseWriter, answer Response, withLog bool) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Amz-Executed-Version", latestVersion)
	if answer.FunctionError != "" {
		h.Set("X-Amz-Function-Error", answer.FunctionError)
	}
	if withLog {
		h.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(answer.LogTail))
	}
	_, _ = w.Write(answer.Payload)
}

func refuseInvoke(w http.ResponseWriter, r *rule.Rule, status int, code, message string) {
	r.Refuse()
	writeInvokeError(w, status, code, message)
}

// writeInvokeThrottled writes a TooManyRequestsException, with the message that users of
// the AWS CLI have shown.
func writeInvokeThrottled(w http.ResponseWriter, throttled *Throttled) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-ErrorType", "TooManyRequestsException")
	w.WriteHeader(http.StatusTooManyRequests)
	_ = json.MarshalWrite(w, struct {
		Reason  string
		Type    string
		Message string `json:"message"`
	}{throttled.lambdaReason(), "User", "Rate Exceeded."})
}

func writeInvokeError(w http.ResponseWriter, status int, code, message string) {
	side := "User"
	if status >= http.StatusInternalServerError {
		side = "Service"
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-ErrorType", code)
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, struct {
		Type    string
		Message string
	}{side, message}, allowInvalidUTF8)
}
