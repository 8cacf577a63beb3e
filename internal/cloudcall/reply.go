package cloudcall

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"sotercall/internal/openapi"
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

// weChatReply is what WeChat answers to verify_signature. A wrong signature may
// come without errcode, an error comes without is_ok.
type weChatReply struct {
	ErrCode int    `json:"errcode"`
	ErrMsg  string `json:"errmsg"`
	IsOK    *bool  `json:"is_ok"`
}

// read tells what a reply says, in the order of wx-server-sdk. It is stricter
// in one thing: where the SDK resolves although nobody said whether the
// signature is genuine, that is an error here.
func read(status int, contentType string, body []byte) (openapi.Verdict, error) {
	if status != http.StatusOK {
		return nonsense(fmt.Errorf("HTTP status %d", status))
	}
	if contentType == ErrorType {
		if err := readGatewayError(body); err != nil {
			return openapi.Verdict{}, err
		}
	}
	response, err := UnmarshalResponse(body)
	if err != nil {
		if err := readGatewayError(body); err != nil {
			return openapi.Verdict{}, err
		}
		return nonsense(fmt.Errorf("content type %.100q: %w", contentType, err))
	}
	if response.ErrorCode != 0 {
		return openapi.Verdict{}, refused(int(response.ErrorCode))
	}
	if !strings.Contains(response.ContentType, "application/json") && !strings.Contains(response.ContentType, "text/plain") {
		return nonsense(fmt.Errorf("WeChat's reply is typed %.100q", response.ContentType))
	}
	return readWeChat(response.Data)
}

// readGatewayError returns nil if body is none.
func readGatewayError(body []byte) error {
	var e GatewayError
	if json.Unmarshal(body, &e) != nil || e.Code == "" {
		return nil
	}
	code, ok := gatewayCodes[e.Code]
	if !ok {
		code = systemError
	}
	return fmt.Errorf("gateway: %.100s, request %.100s: %w", e.Code, e.RequestID, fail(code, e.Message))
}

func readWeChat(text []byte) (openapi.Verdict, error) {
	var reply weChatReply
	switch err := json.Unmarshal(text, &reply); {
	case err != nil:
		return nonsense(fmt.Errorf("WeChat's reply: %w", err))
	case reply.ErrCode != 0:
		return openapi.Verdict{}, openapi.Upstream(reply.ErrCode, reply.ErrMsg)
	case reply.IsOK == nil:
		return nonsense(errors.New("WeChat's reply has no is_ok"))
	case *reply.IsOK:
		return openapi.Genuine(), nil
	default:
		return openapi.Wrong("WeChat says that the signature is wrong"), nil
	}
}

func nonsense(cause error) (openapi.Verdict, error) {
	return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, "the gateway's answer is not one that wx-server-sdk knows", cause)
}
