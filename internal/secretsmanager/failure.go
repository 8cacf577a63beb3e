package secretsmanager

import (
	"cmp"
	"context"
	"errors"

	"sotercall/internal/redact"
)

// Failure says why a secret could not be read, in words of ours that a stranger may
// read: the variable and the kind of failure.
type Failure struct {
	text   string
	detail string
	cause  error
}

// Error implements error, without anything that AWS said.
func (f *Failure) Error() string { return f.text }

// Detail returns Error with what AWS said, which names the account, the role and the
// secret: for the log only.
func (f *Failure) Detail() string {
	if f.detail == "" {
		return f.text
	}
	return f.text + ": " + f.detail
}

// Is makes a timeout recognizable. There is no Unwrap: the cause quotes the reply.
func (f *Failure) Is(target error) bool { return errors.Is(f.cause, target) }

// errNonsense says that an answer cannot be read.
var errNonsense = errors.New("the answer is nonsense")

// words returns the kind of a failure, which tells who has to do what (AWS Secrets
// Manager API Reference, GetSecretValue, "Errors"), and what AWS said.
func (s *Secrets) words(ctx context.Context, err error) (kind, detail string) {
	refusal, refused := errors.AsType[*refusal](err)
	switch {
	case refused:
		message := cmp.Or(refusal.Message, refusal.Upper)
		if kind, quotable := kindOf(refusal.Type); kind != "" {
			if !quotable {
				message = ""
			}
			return kind, s.redact.Text(message)
		}
		return "Secrets Manager refuses (" + cmp.Or(refusal.status, redact.Code(refusal.Type)) + ")", s.redact.Text(message)
	case ctx.Err() != nil:
		return "Secrets Manager did not answer in time", ""
	case errors.Is(err, errNonsense):
		return "Secrets Manager: " + err.Error(), ""
	}
	return "Secrets Manager could not be asked", s.redact.Error(err).Error()
}

// kindOf words an error code; "" for one that has no words. The message of one that
// is not quotable quotes the signed request.
func kindOf(code string) (kind string, quotable bool) {
	switch code {
	case "ResourceNotFoundException":
		return "Secrets Manager has no such secret, or it has no current version", true
	case "AccessDeniedException":
		return "access denied, the role of the function must allow secretsmanager:GetSecretValue for it, and kms:Decrypt where it is encrypted with a customer key", true
	case "DecryptionFailure":
		return "Secrets Manager cannot decrypt it: look at its KMS key", true
	case "InvalidRequestException":
		return "Secrets Manager refuses, the secret may be marked for deletion", true
	case "ThrottlingException":
		return "Secrets Manager takes no more requests at the moment", true
	case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "IncompleteSignature", "InvalidClientTokenId":
		return "Secrets Manager refuses the credentials (" + code + ")", false
	}
	return "", true
}
