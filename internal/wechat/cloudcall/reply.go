package cloudcall

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"sotercall/internal/openapi"
	"sotercall/internal/secret/redact"
)

// ErrorType is the content type that marks a [GatewayError] for the SDK. It compares the
// bytes.
const ErrorType = "application/json; charset=utf-8"

// GatewayError is a refusal by the gateway itself, before the call reaches an API.
type GatewayError struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"requestId"`
}

// read returns the verdict of a reply; the order of checks is wx-server-sdk's. It is
// stricter in one point. If the reply does not say whether the signature is genuine, read
// returns an error, where the SDK reports success. r redacts the texts of the gateway and
// of WeChat.
func read(r *redact.Redactor, status int, contentType string, body []byte) (openapi.Verdict, error) {
	if status != http.StatusOK {
		return nonsense(fmt.Errorf("HTTP status %d", status))
	}
	if contentType == ErrorType {
		if err := readGatewayError(r, body); err != nil {
			return openapi.Verdict{}, err
		}
	}
	response, err := UnmarshalResponse(body)
	if err != nil {
		if err := readGatewayError(r, body); err != nil {
			return openapi.Verdict{}, err
		}
		return nonsense(fmt.Errorf("content type %.100q: %w", r.Text(contentType), r.Error(err)))
	}
	if response.ErrorCode != 0 {
		return openapi.Verdict{}, refused(int(response.ErrorCode))
	}
	if !strings.Contains(response.ContentType, "application/json") && !strings.Contains(response.ContentType, "text/plain") {
		return nonsense(fmt.Errorf("WeChat's reply is typed %.100q", r.Text(response.ContentType)))
	}
	verdict, err := openapi.ParseReply(response.Data, r.Text)
	if _, refused := errors.AsType[*openapi.Error](err); err != nil && !refused {
		return nonsense(fmt.Errorf("WeChat's reply: %w", r.Error(err)))
	}
	return verdict, err
}

// readGatewayError returns nil if body is no such error.
func readGatewayError(r *redact.Redactor, body []byte) error {
	var e GatewayError
	if json.Unmarshal(body, &e) != nil || e.Code == "" {
		return nil
	}
	code, ok := gatewayCodes[e.Code]
	if !ok {
		code = systemError
	}
	word := e.Code
	if _, isExplained := gatewayAdvice[word]; !ok && !isExplained {
		word = r.Text(word) // a long word that nobody knows may be a secret
	}
	return fmt.Errorf("gateway: %.100s, request %.100s: %w",
		word, r.Text(e.RequestID), openapi.NewError(code, explained(e.Code, r.Text(e.Message)), nil))
}

func nonsense(cause error) (openapi.Verdict, error) {
	return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, "the gateway's answer is not one that wx-server-sdk knows", cause)
}
