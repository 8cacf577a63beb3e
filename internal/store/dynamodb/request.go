package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// timeout bounds one operation with all its attempts, if the context allows more.
const timeout = 4 * time.Second

// Condition is a condition on the existing item, as an expression (DynamoDB Developer
// Guide, "Expressions").
type Condition struct {
	// If is the condition expression.
	If string
	// Names and Values are the placeholders #… and :… of a request's expressions.
	Names  map[string]string
	Values Item
}

// ConditionFailed is the error of a write whose condition was false. Nothing was written.
type ConditionFailed struct {
	// Item is the existing item; nil for none.
	Item Item
}

// Error implements error.
func (*ConditionFailed) Error() string { return "dynamodb: the condition of the write does not hold" }

// Get returns the item under key, with all or the named attributes; nil if there is none.
// It sees every earlier write.
func (t *Table) Get(ctx context.Context, key string, attributes ...string) (Item, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	input := &sdk.GetItemInput{TableName: &t.name, Key: keyOf(key), ConsistentRead: aws.Bool(true)}
	if len(attributes) > 0 {
		// With placeholders, names may hold anything, even reserved words.
		input.ExpressionAttributeNames = map[string]string{}
		var placeholders []string
		for n, name := range attributes {
			placeholders = append(placeholders, fmt.Sprintf("#a%d", n))
			input.ExpressionAttributeNames[placeholders[n]] = name
		}
		input.ProjectionExpression = aws.String(strings.Join(placeholders, ", "))
	}
	got, err := t.client.GetItem(ctx, input)
	if err != nil {
		return nil, t.explain(ctx, "GetItem", err)
	}
	t.hopeless.Store(nil)
	return got.Item, nil
}

// Put writes an item under key, in place of an existing one, if the condition holds. It may
// be executed twice: see the comment of the package. The error is a [*ConditionFailed];
// after any other it is not known whether the item was written.
func (t *Table) Put(ctx context.Context, key string, item Item, c Condition) error {
	whole := keyOf(key)
	maps.Copy(whole, item)
	_, err := t.write(ctx, "PutItem", key, func(ctx context.Context) (Item, error) {
		_, err := t.client.PutItem(ctx, &sdk.PutItemInput{
			TableName: &t.name, Item: whole,
			ConditionExpression: &c.If, ExpressionAttributeNames: c.Names, ExpressionAttributeValues: c.Values,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		return nil, err
	})
	return err
}

// Update changes the item under key, or makes it, by an update expression, if the condition
// holds. It returns the item before; the errors are those of [Table.Put], or [ErrFull].
func (t *Table) Update(ctx context.Context, key, expression string, c Condition) (before Item, err error) {
	return t.write(ctx, "UpdateItem", key, func(ctx context.Context) (Item, error) {
		done, err := t.client.UpdateItem(ctx, &sdk.UpdateItemInput{
			TableName: &t.name, Key: keyOf(key), UpdateExpression: &expression, ReturnValues: types.ReturnValueAllOld,
			ConditionExpression: &c.If, ExpressionAttributeNames: c.Names, ExpressionAttributeValues: c.Values,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		if err != nil {
			return nil, err
		}
		return done.Attributes, nil
	})
}

func (t *Table) write(ctx context.Context, action, key string, do func(context.Context) (Item, error)) (before Item, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	before, err = do(ctx)
	failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	switch {
	case err == nil:
		t.hopeless.Store(nil)
		return before, nil
	case !ok:
		return nil, t.explain(ctx, action, err)
	case failed.Item != nil:
		return nil, &ConditionFailed{Item: failed.Item}
	}
	// Not every server with DynamoDB's API returns the item.
	item, err := t.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return nil, &ConditionFailed{Item: item}
}

func keyOf(key string) Item { return Item{keyAttribute: String(key)} }
