package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"sotercall/internal/secret"
	"sotercall/internal/upstream"
)

// failure is why an operation failed, in words of ours. The library's own are long
// and quote the request.
type failure struct {
	text  string
	cause error
}

func (f *failure) Error() string { return f.text }

// Unwrap makes a timeout recognizable.
func (f *failure) Unwrap() error { return f.cause }

// explain words an error of an operation that carried these values.
func (t *Table) explain(ctx context.Context, operation string, sent Item, err error) error {
	known := slices.Clone(t.credentials)
	for _, value := range sent {
		if text, ok := value.(*types.AttributeValueMemberS); ok {
			known = append(known, secret.New(text.Value))
		}
	}
	f := &failure{text: "dynamodb: " + operation + ": " + t.words(ctx, err), cause: err}
	return t.Scrub.With(known...).Error(f)
}

// words tell who has to do what about an error. (DynamoDB Developer Guide, "Error
// handling with DynamoDB".)
func (t *Table) words(ctx context.Context, err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return t.refusal(api)
	}
	noReply, unreached := errors.AsType[*upstream.NoReply](err)
	switch {
	case errors.Is(err, context.Canceled):
		return "given up: the caller has gone"
	case errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
		return "no answer in time"
	case unreached:
		return "it cannot be reached: " + noReply.Err.Error()
	}
	return err.Error()
}

func (t *Table) refusal(api smithy.APIError) string {
	switch code := api.ErrorCode(); code {
	case "ResourceNotFoundException":
		return fmt.Sprintf("there is no table %s in %s, or it is not ready yet", t.name, t.region)
	case "AccessDeniedException":
		return "access denied, the role of the function must allow it for this table and key: " + api.ErrorMessage()
	case "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded":
		return "throttled, the table takes no more requests at the moment (" + code + ")"
	case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException",
		"IncompleteSignatureException", "MissingAuthenticationTokenException", "InvalidClientTokenId":
		// Its words quote the signed request.
		return "the credentials are refused (" + code + ")"
	case "":
		return "the server refuses without a reason"
	default:
		return "the server refuses: " + code + ": " + api.ErrorMessage()
	}
}
