package wechat

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json"

	"sotercall/internal/openapi"
)

// Errors of Cloud Hosting's open API service (开放接口服务), which answers in WeChat's place, and
// how its operator fixes them. Source: WeChat, wxcloudrun/src/guide/weixin/faq.

// threeSteps is the advice for a service that adds no credentials.
const threeSteps = " (switch the open API service, 开放接口服务, on for this service; list /cgi-bin/soter/verify_signature among its token permissions, 微信令牌; then build a new version)"

// serviceAdvice is appended to the errmsg of these codes.
var serviceAdvice = map[int]string{
	openapi.CodeNoToken: threeSteps,
	85107:               threeSteps,
	85112:               " (the open API service, 开放接口服务, is broken on the platform's side: open a ticket with the environment's ID, the AppID, the time and openapi_seqid of the log line)",
	85113:               " (the open API service, 开放接口服务, is not ready yet, as in the first version of a service: wait some minutes, then open a ticket)",
}

// advised appends the advice to a refusal that came through the open API service.
func advised(refusal error) error {
	if e, ok := errors.AsType[*openapi.Error](refusal); ok && serviceAdvice[e.Code] != "" {
		return openapi.Upstream(e.Code, e.Message+serviceAdvice[e.Code])
	}
	return refusal
}

// errServiceBroken says that the reply is a failure of the open API service itself.
var errServiceBroken = errors.New("the open API service answered error_type")

// hasErrorType recognises a reply such as {"error_type":"GatewayError"}. The documentation
// has the member, two of its values, and no more of the reply.
func hasErrorType(reply []byte) bool {
	var failure struct {
		ErrorType string `json:"error_type"`
	}
	return json.Unmarshal(reply, &failure) == nil && failure.ErrorType != ""
}

// isServiceDown reports whether the open API service returned HTTP 502. It does so for an
// API that it does not know: another attempt would fail alike.
func (r *request) isServiceDown(err error) bool {
	status, ok := errors.AsType[*badStatus](err)
	return ok && r.bare && status.status == http.StatusBadGateway
}

// asCallError returns the caller's error for an r without a reply.
func (r *request) asCallError(err error) error {
	switch {
	case r.isServiceDown(err):
		return openapi.NewError(openapi.CodeSystem, "the open API service of Cloud Hosting answered HTTP 502"+threeSteps, err)
	case errors.Is(err, errServiceBroken):
		return openapi.NewError(openapi.CodeSystem, "the open API service of Cloud Hosting is broken on the platform's side (error_type): "+
			"open a ticket with the environment's ID, the AppID, the time and openapi_seqid of the log line", err)
	default:
		return asCallError(err)
	}
}
