package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/go-json-experiment/json"

	"sotercall/internal/authkeys"
)

// AuthKeys is an [authkeys.Store] of all who share a table. It asks the table once for each
// verification, so that an AuthKey counts, or counts no longer, from the moment it
// is written or deleted there.
//
// Each user has one item, with openid, cpu_id and uid escaped as in a query (net/url,
// QueryEscape), which leaves them as they are on all known devices:
//
//	sotercall:authkeys:<openid>
//	    key <cpu_id> <uid>    the AuthKey as JSON, an entry of [authkeys.File]
//	    counter <cpu_id>      the highest counter enrolled, a number
//
// To delete the item forgets a user, to remove attributes one device; they never
// expire. An item takes about 800 bytes for each device, and may have 400 KB.
type AuthKeys struct{ table *Table }

var _ authkeys.Store = (*AuthKeys)(nil)

// NewAuthKeys makes AuthKeys of a table.
func NewAuthKeys(table *Table) *AuthKeys { return &AuthKeys{table: table} }

// Find implements [authkeys.Store]. The errors are those of the server and of the way to it,
// and what is wrong with an entry that is none of ours.
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
		return nil // by this very call, whose reply was lost, or by one before
	}
	highest, ok := failed.Item.Uint(authkeys.CounterField(key.ID))
	if !ok {
		return errors.New("the stored counter is not a counter")
	}
	return &authkeys.NotNewerError{Counter: key.Counter, Enrolled: highest}
}

func itemKey(id authkeys.ID) string { return "sotercall:authkeys:" + url.QueryEscape(id.OpenID) }
