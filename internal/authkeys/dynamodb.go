package authkeys

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/go-json-experiment/json"

	"sotercall/internal/store/dynamodb"
)

// DynamoDB is a [Store] of all who share a table. It asks the table once for each
// verification, so that an AuthKey counts, or counts no longer, from the moment it
// is written or deleted there.
//
// Each user has one item, with openid, cpu_id and uid escaped as in a query (net/url,
// QueryEscape), which leaves them as they are on all known devices:
//
//	sotercall:authkeys:<openid>
//	    key <cpu_id> <uid>    the AuthKey as JSON, an entry of [File]
//	    counter <cpu_id>      the highest counter enrolled, a number
//
// To delete the item forgets a user, to remove attributes one device; they never
// expire. An item takes about 800 bytes for each device, and may have 400 KB.
type DynamoDB struct{ table *dynamodb.Table }

var _ Store = (*DynamoDB)(nil)

// NewDynamoDB makes a DynamoDB of a table.
func NewDynamoDB(table *dynamodb.Table) *DynamoDB { return &DynamoDB{table: table} }

// Find implements [Store]. The errors are those of the server and of the way to it,
// and what is wrong with an entry that is none of ours.
func (d *DynamoDB) Find(ctx context.Context, id ID) (AuthKey, error) {
	item, err := d.table.Get(ctx, itemKey(id), keyField(id))
	if err != nil {
		return AuthKey{}, fmt.Errorf("finding an AuthKey: %w", err)
	}
	if item[keyField(id)] == nil {
		return AuthKey{}, ErrNotEnrolled
	}
	content, ok := item.Text(keyField(id))
	if !ok {
		return AuthKey{}, errors.New("finding an AuthKey: the entry is not a text")
	}
	return readEntry([]byte(content))
}

// Put implements [Store]. The errors are as with Find.
func (d *DynamoDB) Put(ctx context.Context, key AuthKey) error {
	if err := key.Complete(); err != nil {
		return fmt.Errorf("the AuthKey %w", err)
	}
	content, err := json.Marshal(key)
	if err != nil {
		return fmt.Errorf("encoding an AuthKey: %w", err)
	}
	_, err = d.table.Update(ctx, itemKey(key.ID), "SET #counter = :counter, #key = :key", dynamodb.Condition{
		If:     "attribute_not_exists(#counter) OR #counter < :counter",
		Names:  map[string]string{"#counter": counterField(key.ID), "#key": keyField(key.ID)},
		Values: dynamodb.Item{":counter": dynamodb.Number(key.Counter), ":key": dynamodb.String(string(content))},
	})
	if errors.Is(err, dynamodb.ErrFull) {
		return ErrTooManyDevices
	}
	failed, ok := errors.AsType[*dynamodb.ConditionFailed](err)
	if !ok {
		return err
	}
	if kept, _ := failed.Item.Text(keyField(key.ID)); kept == string(content) {
		return nil // by this very call, whose reply was lost, or by one before
	}
	highest, ok := failed.Item.Uint(counterField(key.ID))
	if !ok {
		return errors.New("the stored counter is not a counter")
	}
	return &NotNewerError{Counter: key.Counter, Enrolled: highest}
}

func itemKey(id ID) string { return "sotercall:authkeys:" + url.QueryEscape(id.OpenID) }
