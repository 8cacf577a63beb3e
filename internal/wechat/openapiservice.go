package wechat

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json"

	"sotercall/internal/openapi"
)

// What Cloud Hosting's open API service (开放接口服务) answers in WeChat's place, and
// what its operator must do. Source: WeChat, wxcloudrun/src/guide/weixin/faq.

// threeSteps is the advice for a service that adds no credentials.
const threeSteps = " (switch the open API service, 开放接口服务, on for this service; list /cgi-bin/soter/verify_signature among its token permissions, 微信令牌; then build a new version)"

// serviceAdvice is added to the errmsg of these codes.
var serviceAdvice = map[int]string{
	openapi.CodeNoToken: threeSteps,
	85107:               threeSteps,
	85112:               " (the open API service, 开放接口服务, is broken on the platform's side: open a ticket with the environment's ID, the AppID, the time and openapi_seqid of the log line)",
	85113:               " (the open API service, 开放接口服务, is not ready yet, as in the first version of a service: wait some minutes, then open a ticket)",
}

// advised adds what to do to a refusal that came through the open API service.
func advised(refusal error) error {
	if e, ok := errors.AsType[*openapi.Error](refusal); ok && serviceAdvice[e.Code] != "" {
		return openapi.Upstream(e.Code, e.Message+serviceAdvice[e.Code])
	}
	return refusal
}

// errServiceBroken says that the reply is the open API service's own failure.
var errServiceBroken = errors.New("the open API service answered error_type")

// hasErrorType recognizes a reply such as {"error_type":"GatewayError"}. The
// documentation names the member and two of its values, and no more of the reply.
func hasErrorType(reply []byte) bool {
	var failure struct {
		ErrorType string `json:"error_type"`
	}
	return json.Unmarshal(reply, &failure) == nil && failure.ErrorType != ""
}

// isServiceDown reports whether the open API service answered HTTP 502, as it does for an
// API that it does not know: another attempt would end alike.
func (r *request) isServiceDown(err error) bool {
	status, ok := errors.AsType[*badStatus](err)
	return ok && r.bare && status.status == http.StatusBadGateway
}

// asCallError words why r has no reply.
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
