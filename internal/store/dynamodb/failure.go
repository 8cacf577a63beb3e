package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sotercall/internal/store"
	"sotercall/internal/upstream/awssdk"
)

// ErrFull says that an item would be larger than DynamoDB allows, which is 400 KB
// (DynamoDB Developer Guide, "Quotas").
var ErrFull = errors.New("the item would be larger than the 400 KB that DynamoDB allows")

// failure is why an operation failed.
type failure struct {
	text   string
	cause  error
	denied bool // access to the item is
}

func (f *failure) Error() string { return f.text }

// Is reports whether the cause is target, such as a timeout, or target is
// [store.ErrDenied] and access is denied. There is no Unwrap, because the cause quotes the
// server.
func (f *failure) Is(target error) bool {
	return f.denied && target == store.ErrDenied || errors.Is(f.cause, target)
}

// explain returns the error of an action, without the request's data.
func (t *Table) explain(ctx context.Context, action string, err error) error {
	refusal, refused := awssdk.RefusalOf(err, t.Redact)
	if !refused {
		return &failure{text: "dynamodb: " + action + ": " + awssdk.Words(ctx, err, t.Redact), cause: err}
	}
	if refusal.Code == "ValidationException" && strings.Contains(refusal.Message, "Item size") {
		return fmt.Errorf("dynamodb: %s: %w", action, ErrFull)
	}
	words, hopeless := t.advise(refusal)
	if hopeless {
		t.hopeless.Store(&words)
	}
	return &failure{text: "dynamodb: " + action + ": " + words, cause: err, denied: refusal.Code == accessDenied}
}

// accessDenied may concern one key only.
const accessDenied = "AccessDeniedException"

// throttled are the exceptions of an overloaded table.
var throttled = map[string]bool{
	"ProvisionedThroughputExceededException": true, "ThrottlingException": true, "RequestLimitExceeded": true,
}

// advise returns how to fix a refusal (DynamoDB Developer Guide, "Error handling with
// DynamoDB"). hopeless reports whether nothing works until somebody changes the settings.
func (t *Table) advise(r awssdk.Refusal) (words string, hopeless bool) {
	switch {
	case r.Code == "ResourceNotFoundException":
		return fmt.Sprintf("there is no table %s in %s, or it is not ready yet", t.name, t.aws.Config.Region), true
	case r.Code == accessDenied:
		return "access denied, the role of the function must allow it for this table and key: " + r.Message, false
	case r.IsCredentials():
		return "the credentials are refused (" + r.Code + ")", true
	case throttled[r.Code]:
		return "throttled, the table takes no more requests at the moment (" + r.Code + ")", false
	}
	return "the server refuses: " + r.Code + ": " + r.Message, false
}
