package dynamodb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"sotercall/internal/accesstoken"
)

// Tokens is an [accesstoken.Store] in a DynamoDB table, for all instances that have the same
// table. Make it with [NewTokens].
//
// The access_token stands there in the clear: whoever may read the table may call
// WeChat with it, so it is to be guarded like the AppSecret.
//
// The server has no clock for us, so that the life of a Lease is told by the clocks
// of the instances, which the clouds keep in step. A clock that is wrong by more than
// the life of a Lease costs a fetch more, and blocks nobody.
type Tokens struct {
	now   func() time.Time
	table *Table
	// key is of the one item: content (JSON of the State), saved (number of the Lease
	// that saved it), issued (number of the last Lease given), holder (number of the
	// Lease in force; 0 if none), given and life (when, and for how long, in ms), revision (a
	// nonce of the last write), expires.
	key string
}

var _ accesstoken.Store = (*Tokens)(nil)

// NewTokens makes the Tokens that keep the State of one appid in table; now is the clock
// on the wall.
func NewTokens(table *Table, appid string, now func() time.Time) *Tokens {
	return &Tokens{now: now, table: table, key: "sotercall:token:" + appid}
}

// stored is what the item holds. What is not ours counts as none.
type stored struct {
	content               string
	saved, issued, holder int64
	given, life           int64 // ms
	expires               int64 // s
	revision              string
}

func read(item Item) (s stored) {
	s.content, _ = item.Text("content")
	s.revision, _ = item.Text("revision")
	for name, number := range map[string]*int64{
		"saved": &s.saved, "issued": &s.issued, "holder": &s.holder,
		"given": &s.given, "life": &s.life, Expires: &s.expires,
	} {
		*number, _ = item.Int(name)
	}
	return s
}

func (s stored) item() Item {
	return Item{
		"content": String(s.content), "revision": String(s.revision),
		"saved": Number(s.saved), "issued": Number(s.issued), "holder": Number(s.holder),
		"given": Number(s.given), "life": Number(s.life), Expires: Number(s.expires),
	}
}

// isOver reports whether DynamoDB may delete the item, and has not done so yet.
func (s stored) isOver(now time.Time) bool { return s.expires <= now.Unix() }

// isLeased reports whether a Lease is in force.
func (s stored) isLeased(now time.Time) bool {
	return s.holder != 0 && now.Sub(time.UnixMilli(s.given)).Abs() < time.Duration(s.life)*time.Millisecond
}

// release is s without a Lease, if that is in force.
func (s stored) release(lease accesstoken.Lease) stored {
	if s.holder == lease.Number {
		s.holder = 0
	}
	return s
}

// keptUntil is s with a time before which it is not deleted.
func (s stored) keptUntil(end time.Time) stored {
	s.expires = max(s.expires, end.Unix()+1)
	return s
}

// maxChanges is how often a change is tried, each time on what others have written
// meanwhile. They write when they have a Lease, so that the second is the last most
// often. A try is lost only to another write that succeeds: seven others are outlasted.
const maxChanges = 8

// change replaces what is stored by what next makes of it, in one step: it reads, and
// writes if nobody else has written since. Without an error of next's, nothing else
// was written between.
func (d *Tokens) change(ctx context.Context, next func(stored) (stored, error)) (stored, error) {
	item, err := d.table.Get(ctx, d.key)
	if err != nil {
		return stored{}, err
	}
	revision := rand.Text()
	for range maxChanges {
		old := read(item)
		s, err := next(old)
		if err != nil {
			return stored{}, err
		}
		s.revision = revision
		err = d.table.Put(ctx, d.key, s.item(), unchanged(item))
		failed, ok := errors.AsType[*ConditionFailed](err)
		if !ok {
			return s, err
		}
		item = failed.Item
		if written := read(item); written.revision == revision {
			return written, nil // by the same request, whose first reply was lost
		}
	}
	return stored{}, errors.New("others have changed it each time")
}

// unchanged is the condition that nobody has written since an item was read.
func unchanged(item Item) Condition {
	switch revision := item["revision"]; {
	case item == nil:
		return Condition{If: "attribute_not_exists(pk)"}
	case revision == nil: // not ours
		return Condition{If: "attribute_not_exists(revision)"}
	default:
		return Condition{If: "revision = :read", Values: Item{":read": revision}}
	}
}

// Load implements [accesstoken.Store].
func (d *Tokens) Load(ctx context.Context) (accesstoken.State, error) {
	item, err := d.table.Get(ctx, d.key, "content", Expires)
	if err != nil {
		return accesstoken.State{}, fmt.Errorf("load the token: %w", err)
	}
	s := read(item)
	if s.isOver(d.now()) {
		return accesstoken.State{}, nil
	}
	return accesstoken.UnmarshalState([]byte(s.content)), nil
}

// Acquire implements [accesstoken.Store]. The numbers follow the time, so that they go on growing
// when the item was lost or an old one has been restored.
func (d *Tokens) Acquire(ctx context.Context, life time.Duration, cold bool) (accesstoken.State, accesstoken.Lease, error) {
	var state accesstoken.State
	s, err := d.change(ctx, func(s stored) (stored, error) {
		now := d.now()
		if s.isOver(now) {
			s.content = ""
		}
		state = accesstoken.UnmarshalState([]byte(s.content))
		switch {
		case cold && now.Before(state.Current.Due()):
			return s, accesstoken.ErrFresh
		case s.isLeased(now):
			return s, accesstoken.ErrLeased
		}
		s.issued = max(s.issued+1, s.saved+1, now.UnixMilli())
		s.holder, s.given, s.life = s.issued, now.UnixMilli(), max(1, life.Milliseconds())
		return s.keptUntil(now.Add(accesstoken.Keep)), nil
	})
	switch {
	case errors.Is(err, accesstoken.ErrLeased), errors.Is(err, accesstoken.ErrFresh):
		return state, accesstoken.Lease{}, err
	case err != nil:
		return accesstoken.State{}, accesstoken.Lease{}, fmt.Errorf("lease the token: %w", err)
	}
	return state, accesstoken.Lease{Number: s.holder}, nil
}

// Save implements [accesstoken.Store].
func (d *Tokens) Save(ctx context.Context, lease accesstoken.Lease, state accesstoken.State) error {
	content, err := accesstoken.MarshalState(state)
	if err != nil {
		return fmt.Errorf("save the token: %w", err)
	}
	_, err = d.change(ctx, func(s stored) (stored, error) {
		if lease.Number < s.saved {
			return s, accesstoken.ErrOutrun
		}
		now := d.now()
		s.content, s.saved, s.expires = string(content), lease.Number, 0
		return s.release(lease).keptUntil(now.Add(accesstoken.LifeOf(state, now))), nil
	})
	if errors.Is(err, accesstoken.ErrOutrun) {
		return accesstoken.ErrOutrun
	}
	if err != nil {
		return fmt.Errorf("save the token: %w", err)
	}
	return nil
}

// errNotHeld says that a Lease is not in force, so that there is nothing to give back.
var errNotHeld = errors.New("the lease is not in force")

// Release implements [accesstoken.Store].
func (d *Tokens) Release(ctx context.Context, lease accesstoken.Lease) error {
	_, err := d.change(ctx, func(s stored) (stored, error) {
		if s.holder != lease.Number {
			return s, errNotHeld
		}
		return s.release(lease), nil
	})
	if err != nil && !errors.Is(err, errNotHeld) {
		return fmt.Errorf("release the token: %w", err)
	}
	return nil
}
