package sotercall

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/adapter"
	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/internal/soter"
)

// ChallengeRequest requests a challenge.
type ChallengeRequest struct {
	// AppID is the app of the user; it may be empty if there is one app only.
	AppID string
	// OpenID is the user that must sign. Take it from the session, never from the page.
	OpenID string
	// Purpose is what the signature authorizes, such as "pay order 2026-0042: 12.00 CNY",
	// up to 1024 bytes; empty for none. Verify needs the same bytes.
	Purpose string
}

// Challenge is the challenge for wx.startSoterAuthentication.
type Challenge struct {
	// Text is 96 to 164 characters of [A-Za-z0-9_-].
	Text string
	// ExpiresIn is how long a signature of it is accepted.
	ExpiresIn time.Duration
}

// IssueChallenge issues a challenge to a user. It needs [Config.ChallengeSecrets], makes no
// request, and returns at once. The error is an [*Error].
func (s *Service) IssueChallenge(ctx context.Context, r ChallengeRequest) (Challenge, error) {
	if !s.handler.Serves(challenge.IssueName) {
		return Challenge{}, ofError(openapi.NewError(openapi.CodeNoPermission, "no challenge can be issued without ChallengeSecrets", nil))
	}
	result, err := s.call(ctx, map[string]string{
		"call": challenge.IssueName, "appid": r.AppID, "openid": r.OpenID, "purpose": r.Purpose,
	})
	if err != nil {
		return Challenge{}, err
	}
	issued, ok := result.Value.(challenge.Challenge)
	if !ok {
		return Challenge{}, ofError(openapi.NewError(openapi.CodeSystem, "the service has issued nothing", nil))
	}
	return Challenge(issued), nil
}

// Request is a request to verify a signature.
type Request struct {
	// AppID is the app whose page signed; it may be empty if there is one app only.
	AppID string
	// OpenID is the user that must have signed. Take it from the session, never from the
	// page.
	OpenID string
	// JSONString is resultJSON exactly as the page got it: not parsed and written again.
	JSONString string
	// JSONSignature is resultJSONSignature, in base64.
	JSONSignature string
	// Purpose is what the challenge must have been issued for, byte for byte.
	Purpose string
}

// Verification describes a genuine signature.
type Verification struct {
	AppID   string // the app, even if the Request left it out; empty with Config.OpenAPIService
	OpenID  string // the user that has signed
	Purpose string // what the challenge was issued for; empty for none
	// Challenge is the text that was signed (raw in resultJSON); empty if it cannot be
	// read. With [Config.ChallengeSecrets] it was issued by this service, for this user,
	// app and purpose, and is consumed now. Without them, compare it with your own.
	Challenge string
}

// Verify has WeChat judge a signature. A nil error says that it is genuine, and nothing
// else does. With [Config.ChallengeSecrets] it also says that the signature answers a
// challenge for this user and purpose, for the first time.
//
// The error is one of two, for [errors.AsType]:
//
//   - [*RefusedError]: the signature must not be accepted. Do not retry. Have the user sign
//     a new challenge, if at all.
//   - [*Error]: the signature could not be judged. If it is Temporary, the same Request may
//     be sent again. If the user is then refused as [Used], the first attempt may have
//     consumed the challenge: have a new one signed.
//
// It takes as long as ctx allows, 10 seconds if ctx has no deadline. It writes one line to
// the log, with the reason of a refusal.
func (s *Service) Verify(ctx context.Context, r Request) (Verification, error) {
	result, err := s.call(ctx, map[string]string{
		"call": openapi.Name, "appid": r.AppID, "openid": r.OpenID, "purpose": r.Purpose,
		"jsonString": r.JSONString, "jsonSignature": r.JSONSignature,
	})
	if err != nil {
		return Verification{}, err
	}
	verified, ok := result.Value.(openapi.Verified)
	switch {
	case !ok:
		return Verification{}, ofError(openapi.NewError(openapi.CodeSystem, "the service has no verdict", nil))
	case !verified.Verdict.IsGenuine():
		return Verification{}, refused(verified.Verdict)
	}
	// WeChat has judged a text that we cannot read
	answer, _ := soter.ParseClaims(verified.JSONString)
	return Verification{AppID: verified.AppID, OpenID: verified.OpenID, Purpose: verified.Purpose, Challenge: answer.Raw}, nil
}

// call makes a call of the program's own. Its parameters are those of a direct event; empty
// ones are left out. Without an error, the result has a Value.
func (s *Service) call(ctx context.Context, parameters map[string]string) (openapi.Result, error) {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return openapi.Result{}, err
	}
	defer done()
	for name, value := range parameters {
		if value == "" {
			delete(parameters, name)
		}
	}
	event, err := json.Marshal(parameters)
	if err != nil { // the encoder's error may quote a signature
		return openapi.Result{}, ofError(openapi.NewError(openapi.CodeInvalidParam, "a field is not in UTF-8", nil))
	}
	result := s.handler.Call(ctx, adapter.Invocation{Platform: adapter.Go, RequestID: rand.Text()}, event)
	if result.Err != nil {
		return openapi.Result{}, ofError(result.Err)
	}
	return result, nil
}

// Reason is why a signature is refused.
type Reason string

// The reasons. Only WrongSignature is WeChat's; the others concern the challenge, and are
// found without calling WeChat.
const (
	WrongSignature   Reason = "wrong signature"   // for this text, or of another user
	UnknownChallenge Reason = "unknown challenge" // not issued by this service, or not readable
	OtherUser        Reason = "other user"        // issued to another user
	OtherApp         Reason = "other app"         // issued in another app
	OtherPurpose     Reason = "other purpose"     // issued for another purpose, or for none
	Expired          Reason = "expired"           // answered too late
	Used             Reason = "used"              // accepted before: a replay, or sent twice
	TooManyFailures  Reason = "too many failures" // five wrong signatures were presented for it
	CounterNotGrown  Reason = "counter not grown" // with Config.EnforceCounter
)

var reasons = map[challenge.Refusal]Reason{
	challenge.RefusedUnknown: UnknownChallenge, challenge.RefusedOtherUser: OtherUser, challenge.RefusedOtherApp: OtherApp,
	challenge.RefusedPurpose: OtherPurpose, challenge.RefusedExpired: Expired, challenge.RefusedUsed: Used,
	challenge.RefusedFailures: TooManyFailures, challenge.RefusedCounter: CounterNotGrown,
}

// RefusedError says that a signature must not be accepted. Show the user only that it
// failed: the reason is for the log.
type RefusedError struct {
	Reason Reason
	// Detail is one sentence for the log. It holds no secret.
	Detail string
}

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("sotercall: the signature is refused (%s): %s", e.Reason, e.Detail)
}

func refused(verdict openapi.Verdict) *RefusedError {
	reason := cmp.Or(reasons[challenge.RefusalOf(verdict.Reason())], WrongSignature)
	return &RefusedError{Reason: reason, Detail: verdict.Reason()}
}

// Codes of [Error] that are this project's own. All others are WeChat's errcode.
const (
	CodeInvalidParameter = -501007 // the request cannot be right: do not send it again
	CodeTimeout          = -604102 // no time left
	// CodeSystem is a failure of WeChat, of the Store, or of the network to them; or the
	// Service is closed.
	CodeSystem = -604103
)

// Error says that a call failed. It says nothing about a signature: do not accept it, and
// do not count it as a failed attempt of the user.
type Error struct {
	// Code is WeChat's errcode, or one of this project's, such as [CodeInvalidParameter].
	// docs/call.md lists them, with what to do.
	Code int
	// Message is one sentence that the caller may see, WeChat's errmsg included.
	Message string
	// Temporary says that the same call may succeed later. Otherwise change something
	// first: the request (CodeInvalidParameter, 40003), or the configuration.
	Temporary bool

	err error
}

// Error implements error, with the whole chain. It holds no secret.
func (e *Error) Error() string { return "sotercall: " + e.err.Error() }

// Unwrap returns the cause, such as [context.DeadlineExceeded].
func (e *Error) Unwrap() error { return e.err }

func ofError(e *openapi.Error) *Error {
	temporary := e.Code == openapi.CodeTimeout || e.Code == openapi.CodeSystem || openapi.LookUp(e.Code).Busy
	return &Error{Code: e.Code, Message: e.Message, Temporary: temporary, err: e}
}

var errClosed = errors.New("Close has been called")

// closed is the error of a call after Close.
func closed() *Error {
	e := ofError(openapi.NewError(openapi.CodeSystem, "the service is closed", errClosed))
	e.Temporary = false
	return e
}
