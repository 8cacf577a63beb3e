// Package openapi is the call surface of openapi.soter.verifySignature: the
// question that a Mini Program's backend asks, and the answer it gets.
//
// A user has put a finger on a phone, wx.startSoterAuthentication has returned
// resultJSON and resultJSONSignature, and the backend asks: is this signature
// genuine, for this user? WeChat documents two spellings of one question:
//
//   - the Cloud Call, camelCase: openid, jsonString, jsonSignature in; isOk,
//     errCode, errMsg out;
//   - the HTTPS Call, snake_case: openid, json_string, json_signature in;
//     is_ok, errcode, errmsg out.
//
// [Handler] answers both. It reads the question strictly, refuses one that cannot
// be right, asks one [Verifier], and words what came back. There are three
// outcomes, and they never turn into one another: the signature is genuine, the
// signature is wrong (both are a [Verdict]), or nobody could find out (an
// [*Error]). Whatever goes wrong, isOk is not true. What may have happened to a
// result whose signature is wrong is said by [Hint].
package openapi

import (
	"context"
	"log/slog"
)

// Name is the name of the call, as wx-server-sdk words it in errMsg.
const Name = "openapi.soter.verifySignature"

// Limits of what a question may hold, in bytes. Results of real devices are 105
// to 576 bytes long; a challenge may have 512 characters (WeChat,
// wx.startSoterAuthentication), each of which JSON may spell in several bytes.
const (
	MaxAppID         = 64
	MaxOpenID        = 128
	MaxJSONString    = 8 << 10
	MaxJSONSignature = 512
	MaxBody          = 64 << 10
)

// Request is the question.
type Request struct {
	// AppID is the app whose user that is; empty if nothing tells it, where the
	// platform has one app only.
	AppID string
	// OpenID is the user who is said to have signed.
	OpenID string
	// JSONString is the text that the phone signed (resultJSON), byte for byte:
	// it is never parsed and written again.
	JSONString string
	// JSONSignature is resultJSONSignature, in base64.
	JSONSignature string
	// Purpose is what the challenge must have been issued for, byte for byte; empty for
	// no purpose. It is for us alone: WeChat is not asked about it.
	Purpose string
}

// LogValue implements [slog.LogValuer]: a signature is as good as the finger
// while its challenge lives, so that none of the question is logged but a part
// of the openid.
func (r Request) LogValue() slog.Value {
	return slog.GroupValue(slog.String("openid", MaskOpenID(r.OpenID)))
}

// MaskOpenID keeps enough of an openid to find a user's calls in a log, and too
// little to address the user.
func MaskOpenID(openid string) string {
	if len(openid) <= 8 {
		return "***"
	}
	return openid[:4] + "***" + openid[len(openid)-4:]
}

// Verifier answers whether a signature is genuine. The Verdict counts only if
// the error is nil; an error means that it could not be found out, and is best
// an [*Error], whose code and message reach the caller.
//
// A Verifier is called concurrently and must return when its context ends.
type Verifier interface {
	Verify(ctx context.Context, r Request) (Verdict, error)
}

// Verdict is the answer to a question that was answered. The zero Verdict says
// that the signature is wrong.
type Verdict struct {
	genuine bool
	reason  string
}

// Genuine is the Verdict on a signature that is right.
func Genuine() Verdict { return Verdict{genuine: true} }

// Wrong is the Verdict on a signature that is not. The reason is for the log:
// a caller learns only that isOk is false.
func Wrong(reason string) Verdict { return Verdict{reason: reason} }

// IsGenuine reports whether the signature is right.
func (v Verdict) IsGenuine() bool { return v.genuine }

// Reason says why a signature is wrong; empty when it is genuine.
func (v Verdict) Reason() string { return v.reason }
