package openapi

import (
	"errors"

	"github.com/go-json-experiment/json"
)

// ParseReply reads WeChat's reply to verify_signature, as HTTPS Call or Cloud Call. A wrong
// signature may come without errcode; an error comes without is_ok (WeChat,
// soter.verifySignature). For an errcode that is not 0 the error is an [*Error], with
// errmsg as clean returns it. Any other error says that the reply is no valid one, and may
// quote it.
func ParseReply(body []byte, clean func(outside string) string) (Verdict, error) {
	var reply struct {
		ErrCode int    `json:"errcode"`
		ErrMsg  string `json:"errmsg"`
		IsOK    *bool  `json:"is_ok"`
	}
	switch err := json.Unmarshal(body, &reply); {
	case err != nil:
		return Verdict{}, err
	case reply.ErrCode != 0:
		return Verdict{}, Upstream(reply.ErrCode, clean(reply.ErrMsg))
	case reply.IsOK == nil:
		return Verdict{}, errors.New("the reply has no is_ok")
	case *reply.IsOK:
		return Genuine(), nil
	default:
		return Wrong("WeChat says that the signature is wrong"), nil
	}
}
