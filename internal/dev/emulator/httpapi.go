package emulator

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Limits of an HTTP API: Amazon API Gateway developer guide, page "Quotas for configuring and running an HTTP API",
// docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html.
const (
	maxHTTPAPIHead     = 10_240 // the request line and the values of the headers
	maxHTTPAPIBody     = 10 << 20
	integrationTimeout = 30 * time.Second
)

// HTTPAPI stands in for an API Gateway HTTP API whose $default route is the function, with payload format 2.0 both
// ways: Amazon API Gateway developer guide, page "Create AWS Lambda proxy integrations for HTTP APIs". See
// [HTTPAPIEvent] for the way in.
//
// On the way back an answer with a statusCode is taken apart; any other JSON is the body of a 200 in application/json,
// a JSON string without its quotes. A function error, and an answer that is neither, is 500 Internal Server Error; an
// integration that takes 30 s is 503; a body above 10 MB, and an event above Lambda's 6 MiB, is 413. A request line and
// header values of more than 10,240 bytes together are 431; the page does not say with which status they are refused.
func HTTPAPI(rt Runtime) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requestID := newHTTPAPIRequestID()
		w.Header().Set("Apigw-Requestid", requestID)
		if headSize(r) > maxHTTPAPIHead {
			gatewayError(w, http.StatusRequestHeaderFieldsTooLarge)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxHTTPAPIBody)
		event, err := HTTPAPIEvent(r, requestID, time.Now())
		tooLarge := (*http.MaxBytesError)(nil)
		if errors.As(err, &tooLarge) || len(event) > maxSyncPayload {
			gatewayError(w, http.StatusRequestEntityTooLarge)
			return
		}
		if err != nil {
			gatewayError(w, http.StatusBadRequest)
			return
		}

		ctx, cancel := context.WithTimeout(r.Context(), integrationTimeout)
		defer cancel()
		answer, err := rt.Invoke(ctx, Call{Payload: event})
		if err != nil {
			gatewayError(w, http.StatusServiceUnavailable)
			return
		}
		if answer.FunctionError != "" {
			gatewayError(w, http.StatusInternalServerError)
			return
		}
		reply, err := parseHTTPAPIReply(answer.Payload)
		if err != nil {
			gatewayError(w, http.StatusInternalServerError)
			return
		}
		reply.write(w)
	})
}

// headSize is the size of the request line and of the values of the headers.
func headSize(r *http.Request) int {
	size := len(r.Method) + len(" ") + len(r.RequestURI) + len(" ") + len(r.Proto) + len(r.Host)
	for _, values := range r.Header {
		for _, value := range values {
			size += len(value)
		}
	}
	return size
}

// gatewayError is an answer of the gateway itself.
func gatewayError(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"message":"`+http.StatusText(status)+`"}`)
}

// httpAPIReply is what the gateway sends to the client.
type httpAPIReply struct {
	status  int
	header  http.Header
	cookies []string
	body    []byte
}

func (reply httpAPIReply) write(w http.ResponseWriter) {
	for name, values := range reply.header {
		w.Header()[name] = values
	}
	for _, cookie := range reply.cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	w.WriteHeader(reply.status)
	_, _ = w.Write(reply.body)
}

// parseHTTPAPIReply interprets a function's answer in payload format 2.0. A failed parse returns nothing.
func parseHTTPAPIReply(answer []byte) (httpAPIReply, error) {
	if !jsontext.Value(answer).IsValid() {
		return httpAPIReply{}, errors.New("emulator: the function's answer is not JSON")
	}
	var fields map[string]jsontext.Value
	if jsontext.Value(answer).Kind() == '{' {
		if err := json.Unmarshal(answer, &fields); err != nil {
			return httpAPIReply{}, fmt.Errorf("emulator: the function's answer: %w", err)
		}
	}
	if _, ok := fields["statusCode"]; ok {
		return explicitReply(answer)
	}
	body := answer
	if jsontext.Value(answer).Kind() == '"' {
		var text string
		if err := json.Unmarshal(answer, &text); err != nil {
			return httpAPIReply{}, fmt.Errorf("emulator: the function's answer: %w", err)
		}
		body = []byte(text)
	}
	return httpAPIReply{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json"}}, body: body}, nil
}

func explicitReply(answer []byte) (httpAPIReply, error) {
	var fields struct {
		StatusCode      int               `json:"statusCode"`
		Headers         map[string]scalar `json:"headers"`
		Cookies         []string          `json:"cookies"`
		Body            string            `json:"body"`
		IsBase64Encoded bool              `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(answer, &fields); err != nil {
		return httpAPIReply{}, fmt.Errorf("emulator: the function's answer: %w", err)
	}
	if fields.StatusCode < 200 || fields.StatusCode > 599 {
		return httpAPIReply{}, fmt.Errorf("emulator: the function's answer: statusCode %d", fields.StatusCode)
	}
	reply := httpAPIReply{
		status:  fields.StatusCode,
		header:  http.Header{"Content-Type": {"text/plain;charset=UTF-8"}},
		cookies: fields.Cookies,
		body:    []byte(fields.Body),
	}
	for name, value := range fields.Headers {
		reply.header.Set(name, string(value))
	}
	reply.header.Del("Content-Length") // the gateway counts for itself
	if fields.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(fields.Body)
		if err != nil {
			return httpAPIReply{}, fmt.Errorf("emulator: the function's answer: body: %w", err)
		}
		reply.body = body
	}
	return reply, nil
}

// scalar is a header value: a JSON string, number or boolean.
type scalar string

func (s *scalar) UnmarshalJSON(value []byte) error {
	switch v := jsontext.Value(value); v.Kind() {
	case '"':
		return json.Unmarshal(value, (*string)(s))
	case '0', 't', 'f':
		*s = scalar(v)
		return nil
	default:
		return errors.New("header value is not a string, number or boolean: " + strconv.Quote(string(v)))
	}
}
