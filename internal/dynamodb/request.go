package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Condition is what must hold of the item that is there, and what an update does to
// it, as expressions (DynamoDB Developer Guide, "Expressions").
type Condition struct {
	// If is the condition expression.
	If string
	// Names and Values are what the expressions call #… and :… .
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
	in := &dynamodb.GetItemInput{TableName: &t.name, Key: keyOf(key), ConsistentRead: new(true)}
	if len(attributes) > 0 {
		// Names in placeholders may hold anything, and be reserved words.
		in.ExpressionAttributeNames = map[string]string{}
		projection := ""
		for n, name := range attributes {
			placeholder := fmt.Sprintf("#a%d", n)
			in.ExpressionAttributeNames[placeholder] = name
			projection += ", " + placeholder
		}
		in.ProjectionExpression = new(projection[len(", "):])
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out, err := t.actions.get(ctx, in)
	if err != nil {
		return nil, t.explain(ctx, "GetItem", in.Key, err)
	}
	if out.Item == nil {
		return nil, nil
	}
	return out.Item, nil
}

// Put keeps an item under key, in place of the one that is there, if the condition
// holds. It may be done twice: see the comment of the package. The error is a
// [*ConditionFailed], or after any other it is not known whether the item is kept.
func (t *Table) Put(ctx context.Context, key string, item Item, c Condition) error {
	whole := maps.Clone(item)
	whole[keyAttribute] = String(key)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := t.actions.put(ctx, &dynamodb.PutItemInput{
		TableName: &t.name, Item: whole,
		ConditionExpression:                 &c.If,
		ExpressionAttributeNames:            c.Names,
		ExpressionAttributeValues:           c.Values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	return t.written(ctx, "PutItem", key, whole, err)
}

// Update changes the item under key, or makes it, by an update expression, if the
// condition holds. It returns the item before; the errors are as with [Table.Put].
func (t *Table) Update(ctx context.Context, key, expression string, c Condition) (before Item, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out, err := t.actions.update(ctx, &dynamodb.UpdateItemInput{
		TableName: &t.name, Key: keyOf(key), UpdateExpression: &expression,
		ConditionExpression:                 &c.If,
		ExpressionAttributeNames:            c.Names,
		ExpressionAttributeValues:           c.Values,
		ReturnValues:                        types.ReturnValueAllOld,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if err != nil {
		return nil, t.written(ctx, "UpdateItem", key, c.Values, err)
	}
	return out.Attributes, nil
}

// written words what became of a write.
func (t *Table) written(ctx context.Context, operation, key string, sent Item, err error) error {
	failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	switch {
	case err == nil:
		return nil
	case !ok:
		sent = maps.Clone(sent)
		sent[keyAttribute] = String(key)
		return t.explain(ctx, operation, sent, err)
	case failed.Item != nil:
		return &ConditionFailed{Item: failed.Item}
	}
	// Not every server that speaks DynamoDB's language sends the item along.
	item, err := t.Get(ctx, key)
	if err != nil {
		return err
	}
	return &ConditionFailed{Item: item}
}

func keyOf(key string) Item { return Item{keyAttribute: String(key)} }
