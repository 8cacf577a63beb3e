package awssdk

import (
	"context"
	"errors"

	"github.com/aws/smithy-go"

	"sotercall/internal/secret/redact"
)

// Refusal is an error reply of an AWS service.
type Refusal struct {
	// Code is the name of the exception; it is safe to print.
	Code string
	// Message is the service's message, redacted; "" if it quotes the signed request.
	Message string
}

// credentialCodes are the refusals whose messages quote the signed request.
var credentialCodes = map[string]bool{
	"UnrecognizedClientException": true, "InvalidSignatureException": true, "ExpiredTokenException": true, "IncompleteSignature": true,
	"IncompleteSignatureException": true, "MissingAuthenticationTokenException": true, "InvalidClientTokenId": true,
}

// IsCredentials reports whether the credentials were refused.
func (r Refusal) IsCredentials() bool { return credentialCodes[r.Code] }

// RefusalOf returns the refusal in an error of the SDK.
func RefusalOf(err error, redactor *redact.Redactor) (Refusal, bool) {
	said, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return Refusal{}, false
	}
	r := Refusal{Code: redact.Code(said.ErrorCode())}
	if !r.IsCredentials() {
		r.Message = redactor.Text(said.ErrorMessage())
	}
	return r, true
}

// Words describes an error that is not a refusal by the service: of the connection, or in
// the service's reply.
func Words(ctx context.Context, err error, redactor *redact.Redactor) string {
	lost, isLost := errors.AsType[*lostError](err)
	nonsense, isNonsense := errors.AsType[*smithy.DeserializationError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return "given up: the caller has gone"
	case errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
		return "no answer in time"
	case isLost:
		return "it cannot be reached: " + redactor.Error(lost.err).Error()
	case isNonsense && nonsense != nil:
		return "what answers does not speak AWS's language"
	}
	return redactor.Error(err).Error()
}
