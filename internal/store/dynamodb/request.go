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

// timeout bounds one operation with all its attempts, where the context does not.
const timeout = 4 * time.Second

// Condition is what must hold of the item that is there, as an expression (DynamoDB
// Developer Guide, "Expressions").
type Condition struct {
	// If is the condition expression.
	If string
	// Names and Values are what the expressions of a request call #… and :… .
	Names  map[string]string
	Values Item
}

// ConditionFailed is the error of a write whose condition does not hold. Nothing was
// written.
type ConditionFailed struct {
	// Item is what is there; nil if nothing is.
	Item Item
}

// Error implements error.
func (*ConditionFailed) Error() string { return "dynamodb: the condition of the write does not hold" }

// Get returns what is kept under key, all of it or the attributes that are named;
// nil if there is no item. It sees every write that was done before.
func (t *Table) Get(ctx context.Context, key string, attributes ...string) (Item, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	input := &sdk.GetItemInput{TableName: &t.name, Key: keyOf(key), ConsistentRead: aws.Bool(true)}
	if len(attributes) > 0 {
		// Names behind placeholders may hold anything, and be reserved words.
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

// Put keeps an item under key, in place of the one that is there, if the condition
// holds. It may be done twice: see the comment of the package. The error is a
// [*ConditionFailed], or after any other it is not known whether the item is kept.
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

// Update changes the item under key, or makes it, by an update expression, if the
// condition holds. It returns the item before; the errors are as with [Table.Put], or
// [ErrFull].
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
	// Not every server that speaks DynamoDB's language sends the item along.
	item, err := t.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return nil, &ConditionFailed{Item: item}
}

func keyOf(key string) Item { return Item{keyAttribute: String(key)} }
