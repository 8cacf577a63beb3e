package openapi

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// usual is the length of a response in bytes, unless it has much to explain.
const usual = 128

// Response is the outcome of a request: a Verdict, or an Error if Err is not nil.
type Response struct {
	Verdict Verdict
	Err     *Error
	// Hint names the likely damage to a request whose signature is wrong; empty if none is
	// seen. It is for the log.
	Hint string

	explain bool // whether the request wants the Hint in its response
}

// IsOK reports whether the signature is genuine. It is false if there is an error.
func (a Response) IsOK() bool { return a.Err == nil && a.Verdict.IsGenuine() }

// Code returns the errCode: 0 if there is a verdict.
func (a Response) Code() int {
	if a.Err == nil {
		return 0
	}
	return a.Err.Code
}

// CloudCall returns the response as wx-server-sdk writes it, with the keys in its order.
func (a Response) CloudCall() []byte {
	message := Name + ":ok" + a.explanation()
	if a.Err != nil {
		message = Name + ":fail " + a.Err.Message
	}
	b := append(make([]byte, 0, usual), `{"isOk":`...)
	b = strconv.AppendBool(b, a.IsOK())
	b = append(b, `,"errMsg":`...)
	b = appendString(b, message)
	b = append(b, `,"errCode":`...)
	b = strconv.AppendInt(b, int64(a.Code()), 10)
	return append(b, '}')
}

// HTTPSCall returns the response as the HTTPS API writes it: an error has no is_ok.
func (a Response) HTTPSCall() []byte {
	if a.Err != nil {
		return HTTPSCall.refusal(Name, a.Err)
	}
	b := append(make([]byte, 0, usual), `{"errcode":0,"errmsg":`...)
	b = appendString(b, "ok"+a.explanation())
	b = append(b, `,"is_ok":`...)
	b = strconv.AppendBool(b, a.IsOK())
	return append(b, '}')
}

// explanation returns the hint that is appended to WeChat's message if the request asked
// for it. Otherwise the response for a wrong signature has WeChat's exact bytes: many pages
// compare the whole of errMsg with "openapi.…:ok".
func (a Response) explanation() string {
	if !a.explain || a.Hint == "" {
		return ""
	}
	return " hint: " + a.Hint
}

// outcome returns the log's word for a response.
func (a Response) outcome() string {
	if a.IsOK() {
		return "genuine"
	}
	return "wrong"
}

// appendString writes s as a JSON string. Bytes that are not UTF-8 cannot come from a
// parsed request or reply; U+FFFD would replace them.
func appendString(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}
