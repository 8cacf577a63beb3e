package emulator

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

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
	return front{
		runtime: rt, idHeader: "Apigw-Requestid",
		headSize: headSize, maxHead: maxHTTPAPIHead, headRule: httpAPIHead,
		maxBody: maxHTTPAPIBody, bodyRule: httpAPIBody, eventRule: httpAPIEvent6MB,
		rateRule: httpAPIRate, throttledRule: httpAPIBackend, throttledStatus: http.StatusInternalServerError,
		timeout: integrationTimeout, timeoutRule: httpAPITimeout, timeoutStatus: http.StatusServiceUnavailable,
		event: HTTPAPIEvent, reply: func(answer []byte) (httpAPIReply, error) { return parseHTTPAPIReply(answer, false) },
		replyRule: httpAPIReplyForm, brokenStatus: http.StatusInternalServerError,
	}
}

// headSize is the size of the request line and of the values of the headers.
func headSize(r *http.Request) int {
	return len(r.Method) + len(" ") + len(r.RequestURI) + len(" ") + len(r.Proto) + headerSize(r)
}

// headerSize is the size of the values of the headers.
func headerSize(r *http.Request) int {
	size := len(r.Host)
	for _, values := range r.Header {
		for _, value := range values {
			size += len(value)
		}
	}
	return size
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

// parseHTTPAPIReply interprets a function's answer in payload format 2.0. Without a statusCode, the answer is the body, of
// which a JSON string loses its quotes unless they are kept. A failed parse returns nothing.
func parseHTTPAPIReply(answer []byte, keepsQuotes bool) (httpAPIReply, error) {
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
	if jsontext.Value(answer).Kind() == '"' && !keepsQuotes {
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
