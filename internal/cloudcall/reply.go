package cloudcall

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// ErrorType is the content type by which the SDK knows a [GatewayError]. It
// compares the bytes.
const ErrorType = "application/json; charset=utf-8"

// GatewayError is how the gateway itself refuses a request, before it comes to
// any API.
type GatewayError struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"requestId"`
}

// read tells what a reply says, in the order of wx-server-sdk. It is stricter
// in one thing: where the SDK resolves although nobody said whether the
// signature is genuine, that is an error here. Nothing of what the gateway and
// WeChat say gets past outside.
func read(outside *secret.Scrubber, status int, contentType string, body []byte) (openapi.Verdict, error) {
	if status != http.StatusOK {
		return nonsense(outside, fmt.Errorf("HTTP status %d", status))
	}
	if contentType == ErrorType {
		if err := readGatewayError(outside, body); err != nil {
			return openapi.Verdict{}, err
		}
	}
	response, err := UnmarshalResponse(body)
	if err != nil {
		if err := readGatewayError(outside, body); err != nil {
			return openapi.Verdict{}, err
		}
		return nonsense(outside, fmt.Errorf("content type %.100q: %w", outside.Text(contentType), err))
	}
	if response.ErrorCode != 0 {
		return openapi.Verdict{}, refused(int(response.ErrorCode))
	}
	if !strings.Contains(response.ContentType, "application/json") && !strings.Contains(response.ContentType, "text/plain") {
		return nonsense(outside, fmt.Errorf("WeChat's reply is typed %.100q", outside.Text(response.ContentType)))
	}
	verdict, err := openapi.ParseReply(response.Data, outside.Text)
	if _, refused := errors.AsType[*openapi.Error](err); err != nil && !refused {
		return nonsense(outside, fmt.Errorf("WeChat's reply: %w", err))
	}
	return verdict, err
}

// readGatewayError returns nil if body is none.
func readGatewayError(outside *secret.Scrubber, body []byte) error {
	var e GatewayError
	if json.Unmarshal(body, &e) != nil || e.Code == "" {
		return nil
	}
	code, ok := gatewayCodes[e.Code]
	if !ok {
		code = systemError
	}
	return fmt.Errorf("gateway: %.100s, request %.100s: %w",
		outside.Text(e.Code), outside.Text(e.RequestID), openapi.NewError(code, explained(e.Code, outside.Text(e.Message)), nil))
}

func nonsense(outside *secret.Scrubber, cause error) (openapi.Verdict, error) {
	return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, "the gateway's answer is not one that wx-server-sdk knows", outside.Error(cause))
}
