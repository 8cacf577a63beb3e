package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"sotercall/internal/secret"
	"sotercall/internal/upstream"
)

// failure is why an operation failed.
type failure struct {
	text  string
	cause error
}

func (f *failure) Error() string { return f.text }

// Unwrap makes a timeout recognizable.
func (f *failure) Unwrap() error { return f.cause }

// explain words why an action failed, without what the request carried.
func (t *Table) explain(ctx context.Context, action string, sent request, err error) error {
	known := []secret.Text{t.credentials.id, t.credentials.key, t.credentials.session}
	for _, values := range []Item{sent.Key, sent.Item, sent.ExpressionAttributeValues} {
		for name := range maps.Keys(values) {
			text, _ := values.Text(name)
			known = append(known, secret.New(text))
		}
	}
	f := &failure{text: "dynamodb: " + action + ": " + t.words(ctx, err), cause: err}
	return t.Scrub.With(known...).Error(f)
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
		return "it cannot be reached: " + noReply.Err.Error()
	}
	return err.Error()
}

func (t *Table) refusal(r *refusal) string {
	switch r.code {
	case "ResourceNotFoundException":
		return fmt.Sprintf("there is no table %s in %s, or it is not ready yet", t.name, t.region)
	case "AccessDeniedException":
		return "access denied, the role of the function must allow it for this table and key: " + r.message
	case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException",
		"IncompleteSignatureException", "MissingAuthenticationTokenException":
		return "the credentials are refused (" + r.code + ")" // its message quotes the signed request
	}
	if throttled[r.code] {
		return "throttled, the table takes no more requests at the moment (" + r.code + ")"
	}
	return "the server refuses: " + r.Error()
}
