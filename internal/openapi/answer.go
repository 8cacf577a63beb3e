package openapi

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// usual is how long an answer is, in bytes, unless it has much to explain.
const usual = 128

// Answer is what a question got: a Verdict, or an Error when Err is not nil.
type Answer struct {
	Verdict Verdict
	Err     *Error
	// Hint says what is likely to have happened to a question whose signature is
	// wrong; empty when nothing is to be seen. It is for the log.
	Hint string

	explain bool // whether the question asks for the Hint in the answer
}

// IsOK reports whether the signature is genuine; never when there is an error.
func (a Answer) IsOK() bool { return a.Err == nil && a.Verdict.IsGenuine() }

// Code is the errCode: 0 when the question was answered.
func (a Answer) Code() int {
	if a.Err == nil {
		return 0
	}
	return a.Err.Code
}

// CloudCall words the answer as wx-server-sdk does, keys in its order.
func (a Answer) CloudCall() []byte {
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

// HTTPSCall words the answer as the HTTPS API does: an error has no is_ok.
func (a Answer) HTTPSCall() []byte {
	if a.Err != nil {
		return HTTPSCall.refusal(Name, a.Err)
	}
	b := append(make([]byte, 0, usual), `{"errcode":0,"errmsg":`...)
	b = appendString(b, "ok"+a.explanation())
	b = append(b, `,"is_ok":`...)
	b = strconv.AppendBool(b, a.IsOK())
	return append(b, '}')
}

// explanation follows WeChat's own message, for who has asked for it. To nobody else
// is a wrong signature answered with other bytes than WeChat's: many a page compares
// the whole of errMsg with "openapi.…:ok".
func (a Answer) explanation() string {
	if !a.explain || a.Hint == "" {
		return ""
	}
	return " hint: " + a.Hint
}

// outcome is the log's word for an answer.
func (a Answer) outcome() string {
	if a.IsOK() {
		return "genuine"
	}
	return "wrong"
}

// appendString writes s as a JSON string. Bytes that are not UTF-8 cannot come
// from a parsed request or reply; should they, U+FFFD stands for them.
func appendString(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}
