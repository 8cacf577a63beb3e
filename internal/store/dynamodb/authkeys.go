package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/go-json-experiment/json"

	"sotercall/internal/authkeys"
)

// AuthKeys is an [authkeys.Store] that all instances with the table share. Each
// verification reads the table. So a written or deleted AuthKey takes effect at once.
//
// Each user has one item. openid, cpu_id and uid are escaped as in a query (net/url,
// QueryEscape), which changes none on known devices:
//
//	sotercall:authkeys:<openid>
//	    key <cpu_id> <uid>    the AuthKey as JSON, an entry of [authkeys.File]
//	    counter <cpu_id>      the highest counter enrolled, a number
//
// Delete the item to remove a user, or attributes to remove one device; they never expire.
// An item takes about 800 bytes for each device, and may have 400 KB.
type AuthKeys struct{ table *Table }

var _ authkeys.Store = (*AuthKeys)(nil)

// NewAuthKeys returns AuthKeys in a table.
func NewAuthKeys(table *Table) *AuthKeys { return &AuthKeys{table: table} }

// Find implements [authkeys.Store]. The errors are those of the server and the network, and
// of an entry in a foreign format.
func (d *AuthKeys) Find(ctx context.Context, id authkeys.ID) (authkeys.AuthKey, error) {
	item, err := d.table.Get(ctx, itemKey(id), authkeys.KeyField(id))
	if err != nil {
		return authkeys.AuthKey{}, fmt.Errorf("finding an AuthKey: %w", err)
	}
	if item[authkeys.KeyField(id)] == nil {
		return authkeys.AuthKey{}, authkeys.ErrNotEnrolled
	}
	content, ok := item.Text(authkeys.KeyField(id))
	if !ok {
		return authkeys.AuthKey{}, errors.New("finding an AuthKey: the entry is not a text")
	}
	return authkeys.UnmarshalEntry([]byte(content))
}

// Put implements [authkeys.Store]. The errors are as with Find.
func (d *AuthKeys) Put(ctx context.Context, key authkeys.AuthKey) error {
	if err := key.Complete(); err != nil {
		return fmt.Errorf("the AuthKey %w", err)
	}
	content, err := json.Marshal(key)
	if err != nil {
		return fmt.Errorf("encoding an AuthKey: %w", err)
	}
	_, err = d.table.Update(ctx, itemKey(key.ID), "SET #counter = :counter, #key = :key", Condition{
		If:     "attribute_not_exists(#counter) OR #counter < :counter",
		Names:  map[string]string{"#counter": authkeys.CounterField(key.ID), "#key": authkeys.KeyField(key.ID)},
		Values: Item{":counter": Number(key.Counter), ":key": String(string(content))},
	})
	if errors.Is(err, ErrFull) {
		return authkeys.ErrTooManyDevices
	}
	failed, ok := errors.AsType[*ConditionFailed](err)
	if !ok {
		return err
	}
	if kept, _ := failed.Item.Text(authkeys.KeyField(key.ID)); kept == string(content) {
		return nil // written by this very call, whose reply was lost, or by an earlier one
	}
	highest, ok := failed.Item.Uint(authkeys.CounterField(key.ID))
	if !ok {
		return errors.New("the stored counter is not a counter")
	}
	return &authkeys.NotNewerError{Counter: key.Counter, Enrolled: highest}
}

func itemKey(id authkeys.ID) string { return "sotercall:authkeys:" + url.QueryEscape(id.OpenID) }
