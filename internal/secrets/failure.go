package secrets

import (
	"context"
	"errors"

	"sotercall/internal/upstream"
	"sotercall/internal/upstream/awssdk"
)

// Failure says why a secret could not be read, in words that a stranger may read: the
// variable and the kind of failure.
type Failure struct {
	text   string
	detail string
	cause  error
}

// Error implements error, without any text of AWS.
func (f *Failure) Error() string { return f.text }

// Detail returns Error with AWS's text, which names the account, the role and the secret:
// for the log only.
func (f *Failure) Detail() string {
	if f.detail == "" {
		return f.text
	}
	return f.text + ": " + f.detail
}

// Is makes a timeout recognisable. There is no Unwrap, because the cause quotes the reply.
func (f *Failure) Is(target error) bool { return errors.Is(f.cause, target) }

// describe returns the kind of a failure, which says what to fix (AWS Secrets Manager API
// Reference, GetSecretValue, "Errors"), and AWS's text.
func (s *Secrets) describe(ctx context.Context, err error) (kind, detail string) {
	refusal, refused := awssdk.RefusalOf(err, &s.redact)
	switch {
	case refused:
		return kindOf(refusal), refusal.Message
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		// The last attempt may end before the call does.
		return "Secrets Manager did not answer in time", ""
	}
	kind = "the request to Secrets Manager failed"
	if obstacle, ok := errors.AsType[*upstream.Obstacle](err); ok {
		kind += ": " + obstacle.Sentence()
	}
	return kind, awssdk.Words(ctx, err, &s.redact)
}

// kindOf returns the kind of a refusal, without its message.
func kindOf(r awssdk.Refusal) string {
	switch r.Code {
	case "ResourceNotFoundException":
		return "Secrets Manager has no such secret, or it has no current version"
	case "AccessDeniedException":
		return "access denied, the role of the function must allow secretsmanager:GetSecretValue for it, and kms:Decrypt where it is encrypted with a customer key"
	case "DecryptionFailure":
		return "Secrets Manager cannot decrypt it: look at its KMS key"
	case "InvalidRequestException":
		return "Secrets Manager refuses, the secret may be marked for deletion"
	case "ThrottlingException":
		return "Secrets Manager takes no more requests at the moment"
	}
	if r.IsCredentials() {
		return "Secrets Manager refuses the credentials (" + r.Code + ")"
	}
	return "Secrets Manager refuses (" + r.Code + ")"
}
