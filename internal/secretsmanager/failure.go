package secretsmanager

import (
	"cmp"
	"context"
	"errors"
)

// failure is why a secret could not be read, in words of ours: the library's are
// long, and quote the request.
type failure struct {
	text  string
	cause error
}

func (f *failure) Error() string { return f.text }

// Unwrap makes a timeout recognizable.
func (f *failure) Unwrap() error { return f.cause }

// errNonsense says that an answer cannot be read.
var errNonsense = errors.New("the answer is nonsense")

// words tell who has to do what (AWS Secrets Manager API Reference, GetSecretValue,
// "Errors").
func (s *Secrets) words(ctx context.Context, err error) string {
	refusal, refused := errors.AsType[*refusal](err)
	switch {
	case refused:
		return s.refusal(refusal.Type, s.scrub.Text(cmp.Or(refusal.Message, refusal.Upper)))
	case ctx.Err() != nil:
		return "Secrets Manager did not answer in time"
	}
	return "Secrets Manager: " + err.Error()
}

func (s *Secrets) refusal(code, message string) string {
	switch code {
	case "ResourceNotFoundException":
		return "Secrets Manager has no such secret, or it has no current version"
	case "AccessDeniedException":
		return "access denied, the role of the function must allow secretsmanager:GetSecretValue for it, and kms:Decrypt where it is encrypted with a customer key: " + message
	case "DecryptionFailure":
		return "Secrets Manager cannot decrypt it: look at its KMS key"
	case "InvalidRequestException":
		return "Secrets Manager refuses, the secret may be marked for deletion: " + message
	case "ThrottlingException":
		return "Secrets Manager takes no more requests at the moment"
	case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "IncompleteSignature", "InvalidClientTokenId":
		return "Secrets Manager refuses the credentials (" + code + ")" // its words quote the signed request
	default:
		return "Secrets Manager refuses (" + s.scrub.Text(code) + ")"
	}
}
