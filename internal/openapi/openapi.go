// Package openapi is the call surface of openapi.soter.verifySignature: the request of a
// Mini Program's backend, and its response.
//
// A user has put a finger on a phone, and wx.startSoterAuthentication has returned
// resultJSON and resultJSONSignature. The backend must know whether the signature is
// genuine for this user. WeChat documents two spellings of one call:
//
//   - the Cloud Call, camelCase: openid, jsonString, jsonSignature in; isOk, errCode,
//     errMsg out;
//   - the HTTPS Call, snake_case: openid, json_string, json_signature in; is_ok, errcode,
//     errmsg out.
//
// [VerifySignature] serves both. It reads the request strictly, refuses one that cannot be right,
// calls one [Verifier], and writes the response. There are three outcomes, and they never
// turn into one another. The signature is genuine or it is wrong: both are a [Verdict]. Or
// nobody could find out: an [*Error]. On any error isOk is not true. [Hint] explains a
// wrong signature.
package openapi

import (
	"context"
	"log/slog"
)

// Name is the name of the call, as wx-server-sdk writes it in errMsg.
const Name = "openapi.soter.verifySignature"

// Limits of a request's values, in bytes. Results of real devices are 105 to 576 bytes
// long. A challenge may have 512 characters (WeChat, wx.startSoterAuthentication), and JSON
// may need several bytes for each.
const (
	MaxAppID         = 64
	MaxOpenID        = 128
	MaxJSONString    = 8 << 10
	MaxJSONSignature = 512
	MaxBody          = 64 << 10
)

// Request is a request to verify a signature.
type Request struct {
	// AppID is the app of that user; empty if nothing names it and the platform has one app
	// only.
	AppID string
	// OpenID is the user that is said to have signed.
	OpenID string
	// JSONString is the text that the phone signed (resultJSON), byte for byte:
	// it is never parsed and written again.
	JSONString string
	// JSONSignature is resultJSONSignature, in base64.
	JSONSignature string
	// Purpose is what the challenge must have been issued for, byte for byte; empty for no
	// purpose. WeChat never sees it.
	Purpose string
}

// LogValue implements [slog.LogValuer]. Before its challenge expires, a signature can be
// used in place of the finger. So it is not logged, and of the openid only a part.
func (r Request) LogValue() slog.Value {
	return slog.GroupValue(slog.String("openid", MaskOpenID(r.OpenID)))
}

// MaskOpenID keeps enough of an openid to find a user's calls in a log, and too little to
// address the user.
func MaskOpenID(openid string) string {
	if len(openid) <= 8 {
		return "***"
	}
	return openid[:4] + "***" + openid[len(openid)-4:]
}

// Verifier judges whether a signature is genuine. The Verdict counts only if the error is
// nil. An error means that the signature could not be judged. It should be an [*Error],
// whose code and message reach the caller.
//
// A Verifier is called concurrently and must return when its context ends.
type Verifier interface {
	Verify(ctx context.Context, r Request) (Verdict, error)
}

// Verdict is the judgement on a signature. The zero Verdict says that the signature is
// wrong.
type Verdict struct {
	genuine bool
	reason  string
}

// Genuine returns the Verdict on a signature that is right.
func Genuine() Verdict { return Verdict{genuine: true} }

// Wrong returns the Verdict on a signature that is not. The reason is for the log: a caller
// learns only that isOk is false.
func Wrong(reason string) Verdict { return Verdict{reason: reason} }

// IsGenuine reports whether the signature is right.
func (v Verdict) IsGenuine() bool { return v.genuine }

// Reason returns why a signature is wrong; empty if it is genuine.
func (v Verdict) Reason() string { return v.reason }
