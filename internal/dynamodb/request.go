package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
)

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

// request is one of the three actions (DynamoDB API, GetItem, PutItem, UpdateItem).
type request struct {
	TableName                           string
	Key                                 Item              `json:",omitempty"`
	Item                                Item              `json:",omitempty"`
	ConsistentRead                      bool              `json:",omitzero"`
	ProjectionExpression                string            `json:",omitzero"`
	UpdateExpression                    string            `json:",omitzero"`
	ConditionExpression                 string            `json:",omitzero"`
	ExpressionAttributeNames            map[string]string `json:",omitempty"`
	ExpressionAttributeValues           Item              `json:",omitempty"`
	ReturnValues                        string            `json:",omitzero"`
	ReturnValuesOnConditionCheckFailure string            `json:",omitzero"`
}

// answer is what they answer.
type answer struct {
	Item       Item // of GetItem
	Attributes Item // of UpdateItem
}

// allOld asks for the item as it was before.
const allOld = "ALL_OLD"

// Get returns what is kept under key, all of it or the attributes that are named;
// nil if there is no item. It sees every write that was done before.
func (t *Table) Get(ctx context.Context, key string, attributes ...string) (Item, error) {
	r := request{Key: keyOf(key), ConsistentRead: true}
	if len(attributes) > 0 {
		// Names behind placeholders may hold anything, and be reserved words.
		r.ExpressionAttributeNames = map[string]string{}
		var placeholders []string
		for n, name := range attributes {
			placeholders = append(placeholders, fmt.Sprintf("#a%d", n))
			r.ExpressionAttributeNames[placeholders[n]] = name
		}
		r.ProjectionExpression = strings.Join(placeholders, ", ")
	}
	got, err := t.do(ctx, "GetItem", r)
	return got.Item, err
}

// Put keeps an item under key, in place of the one that is there, if the condition
// holds. It may be done twice: see the comment of the package. The error is a
// [*ConditionFailed], or after any other it is not known whether the item is kept.
func (t *Table) Put(ctx context.Context, key string, item Item, c Condition) error {
	whole := keyOf(key)
	maps.Copy(whole, item)
	_, err := t.write(ctx, "PutItem", key, request{Item: whole}, c)
	return err
}

// Update changes the item under key, or makes it, by an update expression, if the
// condition holds. It returns the item before; the errors are as with [Table.Put].
func (t *Table) Update(ctx context.Context, key, expression string, c Condition) (before Item, err error) {
	r := request{Key: keyOf(key), UpdateExpression: expression, ReturnValues: allOld}
	return t.write(ctx, "UpdateItem", key, r, c)
}

func (t *Table) write(ctx context.Context, action, key string, r request, c Condition) (before Item, err error) {
	r.ConditionExpression, r.ExpressionAttributeNames, r.ExpressionAttributeValues = c.If, c.Names, c.Values
	r.ReturnValuesOnConditionCheckFailure = allOld
	done, err := t.do(ctx, action, r)
	failed, ok := errors.AsType[*ConditionFailed](err)
	if !ok || failed.Item != nil {
		return done.Attributes, err
	}
	// Not every server that speaks DynamoDB's language sends the item along.
	item, err := t.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return nil, &ConditionFailed{Item: item}
}

func keyOf(key string) Item { return Item{keyAttribute: String(key)} }
