package emulator

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/dev/rule"
)

// SCFFunctionURL stands in for the URL of a function on SCF. Source: Tencent Cloud
// documentation, SCF, pages "Function URL Overview" (583/96099) and "Function URL
// Authentication" (583/96100). With a key it has CAM authentication, and accepts requests
// that are signed with it; with the zero key it is open.
//
// The event has five members: body, headers, httpMethod, path and queryString. There is no
// isBase64Encoded, and no requestContext. The client's address is the header
// x-scf-remote-addr. A repeated parameter is a list, as for the API gateway: the page says
// that the event is compatible with that.
//
// The path is as the client wrote it: whether the platform decodes it is not documented.
//
// A reply without statusCode is the body of a 200 in application/json, a JSON string with
// its quotes.
//
// The URL's own refusals are not documented, nor a limit of the headers. Here it returns
// the status code that SCF documents for the failure (583/42611), and the error document of
// a failed invocation. A client must survive any other status.
func SCFFunctionURL(rt Runtime, key TC3Key) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requestID := newRequestID()
		w.Header().Set("X-Scf-Request-Id", requestID)
		refuse := func(by *rule.Rule, status int, message string) {
			by.Refuse()
			writeSCFURLFailure(w, scfFailure(scfError{Code: -1, Message: message, RequestID: requestID, Status: status}))
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSyncPayload))
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			refuse(scfURLEvent, scfEventTooLarge, "RequestTooLarge")
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler) // the client left
		}
		if refusal := key.verify(r, body, time.Now()); refusal != nil {
			refuse(scfURLCAM, scfUnauthorized, "InvalidCredentials: "+refusal.Code)
			return
		}
		if !utf8.Valid(body) {
			refuse(scfURLBinary, scfInvalidEvent, "InvalidParameterValue: the body is not text")
			return
		}
		event, err := scfURLRequest(r, body)
		if err != nil {
			panic(err) // strings
		}
		if len(event) > maxSyncPayload {
			refuse(scfURLEvent, scfEventTooLarge, "RequestTooLarge")
			return
		}
		answer, err := rt.Invoke(r.Context(), Call{Payload: event, RequestID: requestID})
		if throttled, ok := errors.AsType[*Throttled](err); ok {
			throttled.scfRule().Refuse()
			answer, err = throttled.scfAnswer(requestID), nil
		}
		switch {
		case err != nil:
			writeSCFURLFailure(w, scfFailure(scfError{Code: -1, Message: err.Error(), RequestID: requestID, Status: http.StatusInternalServerError}))
			return
		case answer.FunctionError != "":
			writeSCFURLFailure(w, answer)
			return
		case !isJSON(answer.Payload):
			refuse(scfURLNotJSON, scfBadResponse, "Invalid scf response format")
			return
		}
		reply, err := parseSCFURLReply(answer.Payload)
		if err != nil {
			refuse(scfURLReplyForm, scfBadResponse, "Invalid scf response format")
			return
		}
		reply.write(w)
	})
}

// writeSCFURLFailure writes the error document of a failed invocation, with its status code.
func writeSCFURLFailure(w http.ResponseWriter, failed Response) {
	var document scfError
	if err := json.Unmarshal(failed.Payload, &document); err != nil || document.Status < 200 || document.Status > 599 {
		document.Status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(document.Status)
	_, _ = w.Write(failed.Payload)
}

// scfURLEventJSON is the whole event of a function URL.
type scfURLEventJSON struct {
	Body        string            `json:"body"`
	Headers     map[string]string `json:"headers"`
	HTTPMethod  string            `json:"httpMethod"`
	Path        string            `json:"path"`
	QueryString map[string]any    `json:"queryString"`
}

func scfURLRequest(r *http.Request, body []byte) ([]byte, error) {
	headers := map[string]string{"host": r.Host, "content-length": strconv.Itoa(len(body))}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr // not from an http.Server
	}
	headers["x-scf-remote-addr"] = address
	return json.Marshal(scfURLEventJSON{
		Body: string(body), Headers: headers, HTTPMethod: r.Method, Path: r.URL.EscapedPath(), QueryString: scfURLQuery(r.URL.Query()),
	}, json.Deterministic(true), allowInvalidUTF8) // headers may be Latin-1
}

// scfURLQuery returns a text for each parameter, or a list for one that is repeated.
func scfURLQuery(query url.Values) map[string]any {
	parameters := make(map[string]any, len(query))
	for name, values := range query {
		name = strings.ToValidUTF8(name, "\ufffd")
		if len(values) == 1 {
			parameters[name] = values[0]
			continue
		}
		parameters[name] = values
	}
	return parameters
}

// parseSCFURLReply interprets a function's response, which is JSON.
func parseSCFURLReply(answer []byte) (httpAPIReply, error) {
	var members map[string]jsontext.Value
	if jsontext.Value(answer).Kind() == '{' {
		if err := json.Unmarshal(answer, &members); err != nil {
			return httpAPIReply{}, fmt.Errorf("emulator: the function's answer: %w", err)
		}
	}
	if _, ok := members["statusCode"]; !ok {
		return httpAPIReply{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json"}}, body: answer}, nil
	}
	var fields struct {
		StatusCode      int               `json:"statusCode"`
		Headers         map[string]string `json:"headers"`
		Body            string            `json:"body"`
		IsBase64Encoded bool              `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(answer, &fields, json.RejectUnknownMembers(true)); err != nil {
		return httpAPIReply{}, fmt.Errorf("emulator: the function's answer: %w", err)
	}
	if fields.StatusCode < 200 || fields.StatusCode > 599 {
		return httpAPIReply{}, fmt.Errorf("emulator: the function's answer: statusCode %d", fields.StatusCode)
	}
	reply := httpAPIReply{status: fields.StatusCode, header: http.Header{}, body: []byte(fields.Body)}
	for name, value := range fields.Headers {
		reply.header.Set(name, value)
	}
	reply.header.Del("Content-Length") // the platform computes it
	if fields.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(fields.Body)
		if err != nil {
			return httpAPIReply{}, fmt.Errorf("emulator: the function's answer: body: %w", err)
		}
		reply.body = body
	}
	return reply, nil
}
