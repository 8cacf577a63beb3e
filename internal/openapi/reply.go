package openapi

import (
	"errors"

	"github.com/go-json-experiment/json"
)

// ParseReply reads what WeChat answers to verify_signature, whichever way it was
// asked. A wrong signature may come without errcode, an error comes without is_ok
// (WeChat, soter.verifySignature). The error is an [*Error] for an errcode that is
// not 0, with errmsg as clean returns it; any other says that the reply answers
// nothing, and may quote it.
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
