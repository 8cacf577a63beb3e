package dynamodb

import (
	"context"
	"errors"
	"fmt"

	"sotercall/internal/redact"
	"sotercall/internal/upstream"
)

// failure is why an operation failed.
type failure struct {
	text  string
	cause error
}

func (f *failure) Error() string { return f.text }

// Is makes a timeout recognizable. There is no Unwrap: the cause quotes the server.
func (f *failure) Is(target error) bool { return errors.Is(f.cause, target) }

// As is Is for types.
func (f *failure) As(target any) bool { return errors.As(f.cause, target) }

// explain words why an action failed, without what the request carried.
func (t *Table) explain(ctx context.Context, action string, err error) error {
	return &failure{text: "dynamodb: " + action + ": " + t.words(ctx, err), cause: err}
}

// words tell who has to do what about an error.
func (t *Table) words(ctx context.Context, err error) string {
	refusal, isRefusal := errors.AsType[*refusal](err)
	noReply, isNoReply := errors.AsType[*upstream.NoReply](err)
	switch {
	case isRefusal:
		return t.refusal(refusal)
	case errors.Is(err, context.Canceled):
		return "given up: the caller has gone"
	case errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
		return "no answer in time"
	case isNoReply:
		return "it cannot be reached: " + t.Redact.Error(noReply.Err).Error()
	}
	return t.Redact.Error(err).Error()
}

func (t *Table) refusal(r *refusal) string {
	switch r.code {
	case "ResourceNotFoundException":
		return fmt.Sprintf("there is no table %s in %s, or it is not ready yet", t.name, t.region)
	case "AccessDeniedException":
		return "access denied, the role of the function must allow it for this table and key: " + t.Redact.Text(r.message)
	case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException",
		"IncompleteSignatureException", "MissingAuthenticationTokenException":
		return "the credentials are refused (" + r.code + ")" // its message quotes the signed request
	}
	if r.code == "" {
		return "the server refuses: " + r.message // of ours
	}
	if throttled[r.code] {
		return "throttled, the table takes no more requests at the moment (" + r.code + ")"
	}
	return "the server refuses: " + redact.Code(r.code) + ": " + t.Redact.Text(r.message)
}
